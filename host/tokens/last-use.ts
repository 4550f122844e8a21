import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import { writeFileAtomically } from '../snapshot/atomic-file.ts';
import type { TokenRegistry } from './registry.ts';
import { formatTime, parseTime } from './time.ts';

/** Written at most this often: last use is for finding what nobody uses, in days. */
export const USAGE_WRITE_MS = 60_000;
/** A file larger than this is none of ours: 10,000 tokens have half of it. */
const MAX_USAGE_BYTES = 2 * 1024 * 1024;

/** Milliseconds since 1970 by `name` and secret's id. */
export type Usage = ReadonlyMap<string, ReadonlyMap<string, number>>;

export interface LastUseDeps {
  readonly file: string;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  /** Of secrets that are not there any more nothing is kept. */
  readonly registry: Pick<TokenRegistry, 'find'>;
}

/**
 * Remembers when each secret was verified last. A grant spares the host the
 * requests of `grants.lifetime`, so the time is that of the last verification.
 * Several hosts may share the file: each keeps the later of what it knows and
 * what it finds there.
 */
export class LastUse {
  readonly #deps: LastUseDeps;
  /** Since the file was written last. */
  #fresh = new Map<string, Map<string, number>>();
  #cancel: (() => void) | undefined;
  #failing = false;

  constructor(deps: LastUseDeps) {
    this.#deps = deps;
  }

  note(name: string, id: string): void {
    const { clock } = this.#deps;
    const ids = this.#fresh.get(name) ?? new Map<string, number>();
    this.#fresh.set(name, ids.set(id, clock.now()));
    this.#cancel ??= clock.after(USAGE_WRITE_MS, () => this.flush());
  }

  /** Writes what is not written yet; also called at the end. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#fresh.size === 0) return;
    const { file, random, log, registry, clock } = this.#deps;
    const merged = merge(readUsage(file), this.#fresh, registry);
    try {
      refuseSpecial(file);
      const suffix = Buffer.from(random(8)).toString('hex');
      writeFileAtomically(file, Buffer.from(encode(merged), 'utf8'), suffix);
      this.#fresh = new Map();
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) {
        log.warn(
          'the last use of tokens cannot be written, trying again: `postern token list` does not know it; set tokens.usage_file to where this user may write',
          { file, error: String(error) },
        );
      }
      this.#failing = true;
      this.#cancel = clock.after(USAGE_WRITE_MS, () => this.flush());
    }
  }

  /** Stops waiting, and writes. */
  close(): void {
    this.flush();
    this.#cancel?.();
    this.#cancel = undefined;
  }
}

/** A rename would put a file in the place of `/dev/null`. */
function refuseSpecial(file: string): void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found !== undefined && !found.isFile()) throw new Error('no ordinary file lies there');
}

/** What the file says; nothing when there is none, or it is none of ours. */
export function readUsage(file: string): Usage {
  const usage = new Map<string, Map<string, number>>();
  let value: unknown;
  try {
    const bytes = readFileSync(file);
    if (bytes.length > MAX_USAGE_BYTES) return usage;
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return usage;
  }
  if (!isObject(value) || value.version !== 1 || !isObject(value.last_used)) return usage;
  for (const [name, ids] of Object.entries(value.last_used)) {
    if (!isObject(ids)) continue;
    const times = new Map<string, number>();
    for (const [id, text] of Object.entries(ids)) {
      const time = typeof text === 'string' ? parseTime(text) : undefined;
      if (time !== undefined) times.set(id, time);
    }
    usage.set(name, times);
  }
  return usage;
}

function merge(old: Usage, fresh: Usage, registry: LastUseDeps['registry']): Usage {
  const merged = new Map<string, Map<string, number>>();
  for (const usage of [old, fresh]) {
    for (const [name, ids] of usage) {
      for (const [id, time] of ids) {
        if (!registry.find(name)?.secrets.some(secret => secret.id === id)) continue;
        const times = merged.get(name) ?? new Map<string, number>();
        merged.set(name, times.set(id, Math.max(time, times.get(id) ?? 0)));
      }
    }
  }
  return merged;
}

function encode(usage: Usage): string {
  const names = [...usage].map(([name, ids]) => [
    name,
    Object.fromEntries([...ids].map(([id, time]) => [id, formatTime(time)])),
  ]);
  // `__proto__` as a name stays a name: fromEntries defines own properties.
  return `${JSON.stringify({ version: 1, last_used: Object.fromEntries(names) }, null, 2)}\n`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
