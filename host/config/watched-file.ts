import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Problem } from './problem.ts';
import { fileProblem } from './read-file.ts';

/** Content of a file, or why there is none. */
export type Content =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly problem: Problem };

/**
 * A file that is asked for changes rather than announcing them: polling sees
 * renames, writes in place, Kubernetes' swapped symbolic links and network
 * file systems alike, where inotify misses some of each.
 */
export interface WatchedFile {
  /** Reads it now, whatever its time stamps say, and calls `onChange` even when nothing changed. */
  reread(): Promise<void>;
  close(): void;
}

export interface WatchOptions {
  readonly intervalMs?: number;
  /** A file that does not keep still is read after so many polls all the same. Default MAX_SETTLE_POLLS. */
  readonly maxSettlePolls?: number;
  /** Called with content that differs from the last, or with a new reason why there is none. */
  readonly onChange: (content: Content) => void;
}

/** Two polls and the guest's half second stay well below the two seconds a change may take. */
export const POLL_MS = 300;
/** A file that is still being written is read when it has kept still for one poll, or after this many. */
const MAX_SETTLE_POLLS = 3;
/** Coarsest file time stamp in use (FAT, some NFS), and a bit: within it a second write may not show. */
const UNSETTLED_MS = 2_500;

/** Reads a file and watches it from then on. */
export function watchFile(file: string, options: WatchOptions): { initial: Content; watched: WatchedFile } {
  const { intervalMs = POLL_MS, maxSettlePolls = MAX_SETTLE_POLLS, onChange } = options;
  let seen = stampSync(file);
  const initial = readContentSync(file);
  let lastKey = contentKey(initial);
  let unsettled = isUnsettled(seen);
  let pending: string | undefined;
  let pendingPolls = 0;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  /** One reading at a time: an older one must not end behind a newer one. */
  let reading: Promise<void> = Promise.resolve();

  const poll = async (): Promise<void> => {
    const now = await stamp(file);
    if (now.text === seen.text) {
      pending = undefined;
      pendingPolls = 0;
      if (!unsettled) return;
    } else if (now.text !== pending && pendingPolls < maxSettlePolls) {
      pending = now.text;
      pendingPolls++;
      return;
    }
    const content = await readContent(file);
    // Written to while it was read: what was read may be half of it.
    if ((await stamp(file)).text !== now.text && pendingPolls < maxSettlePolls) {
      pending = undefined;
      pendingPolls++;
      return;
    }
    take(now, content, false);
  };
  /** The stamp is older than the content: a write in between is seen at the next poll. */
  const take = (now: Stamp, content: Content, always: boolean): void => {
    pending = undefined;
    pendingPolls = 0;
    seen = now;
    unsettled = isUnsettled(now);
    const key = contentKey(content);
    if ((key === lastKey && !always) || closed) return;
    lastKey = key;
    onChange(content);
  };
  const inTurn = (task: () => Promise<void>): Promise<void> => {
    reading = reading.then(task);
    return reading;
  };
  const schedule = (): void => {
    if (closed) return;
    timer = setTimeout(() => void inTurn(poll).finally(schedule), intervalMs);
    timer.unref();
  };
  schedule();
  return {
    initial,
    watched: {
      reread: () => inTurn(async () => take(await stamp(file), await readContent(file), true)),
      close() {
        closed = true;
        clearTimeout(timer);
      },
    },
  };
}

interface Stamp {
  readonly text: string;
  readonly mtimeMs: number;
}

interface BigStats {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

function toStamp(stats: BigStats): Stamp {
  const { dev, ino, size, mtimeNs, ctimeNs } = stats;
  return { text: [dev, ino, size, mtimeNs, ctimeNs].join(' '), mtimeMs: Number(mtimeNs / 1_000_000n) };
}

function absent(error: unknown): Stamp {
  return { text: error instanceof Error && 'code' in error ? String(error.code) : 'error', mtimeMs: 0 };
}

async function stamp(file: string): Promise<Stamp> {
  return stat(file, { bigint: true }).then(toStamp, absent);
}

function stampSync(file: string): Stamp {
  try {
    return toStamp(statSync(file, { bigint: true }));
  } catch (error) {
    return absent(error);
  }
}

function isUnsettled(stamp: Stamp): boolean {
  return Math.abs(Date.now() - stamp.mtimeMs) < UNSETTLED_MS;
}

async function readContent(file: string): Promise<Content> {
  try {
    return { ok: true, bytes: await readFile(file) };
  } catch (error) {
    return { ok: false, problem: fileProblem(file, error) };
  }
}

function readContentSync(file: string): Content {
  try {
    return { ok: true, bytes: readFileSync(file) };
  } catch (error) {
    return { ok: false, problem: fileProblem(file, error) };
  }
}

function contentKey(content: Content): string {
  return content.ok ? createHash('sha256').update(content.bytes).digest('hex') : content.problem.code;
}
