import type { Clock } from '../clock.ts';
import type { Fields, Level, Logger } from './logger.ts';

/** One line of a kind in this time, however often its cause comes back. */
export const WINDOW_MS = 60_000;
/** Messages are constant texts, so there are some dozens; this is for one that is not. */
const MAX_KINDS = 100;
const OTHER = '\0other';

interface Kind {
  /** How often it was left out since its last line, and what it said then. */
  repeated: number;
  last: () => void;
}

/**
 * A log for what clients, peers and full disks can cause at will. The first
 * warning or error of a kind (its message) is written at once; those of the
 * minute behind it become one line, the last of them with their number as
 * `repeated`. Nothing depends on who caused it: many peers fill a log no
 * quicker than one. What is told at other levels passes.
 */
export function rateLimited(
  log: Logger,
  clock: Pick<Clock, 'after'>,
  levels: readonly Level[] = ['error', 'warn'],
): Logger {
  const kinds = new Map<string, Kind>();

  function wait(name: string): void {
    clock.after(WINDOW_MS, () => {
      const kind = kinds.get(name);
      if (kind === undefined) return;
      if (kind.repeated === 0) {
        kinds.delete(name);
        return;
      }
      kind.last();
      kind.repeated = 0;
      wait(name);
    });
  }

  const limit = (level: Level) => (message: string, fields?: Fields) => {
    if (!log.isEnabled(level)) return;
    const own = `${level} ${message}`;
    const name = kinds.has(own) || kinds.size < MAX_KINDS ? own : OTHER;
    const kind = kinds.get(name);
    if (kind !== undefined) {
      kind.repeated++;
      const { repeated } = kind;
      kind.last = () => log[level](message, { ...fields, repeated });
      return;
    }
    kinds.set(name, { repeated: 0, last: () => {} });
    log[level](message, fields);
    wait(name);
  };

  return { ...log, ...Object.fromEntries(levels.map(level => [level, limit(level)])) };
}
