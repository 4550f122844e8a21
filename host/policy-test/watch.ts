import { readFileSync } from 'node:fs';
import { type Content, type WatchedFile, watchFile } from '../config/watched-file.ts';

/** Keeps the process there: polling alone does not. */
const KEEP_ALIVE_MS = 60_000;

export interface WatchRun {
  readonly signal: AbortSignal;
  readonly intervalMs?: number;
  /** Does the work; every file it needs is read through `readFile`, so that it is known. */
  run(readFile: (file: string) => Uint8Array, changed: string | undefined): void;
}

/** Runs, and again whenever a file that the last run read has changed, until the signal aborts. */
export function watchAndRun({ signal, run, intervalMs }: WatchRun): Promise<void> {
  const watched = new Map<string, WatchedFile>();
  return new Promise((resolve, reject) => {
    const keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
    const end = (): void => {
      clearInterval(keepAlive);
      for (const one of watched.values()) one.close();
      watched.clear();
    };
    const again = (changed: string | undefined): void => {
      if (signal.aborted) return;
      const read = new Map<string, Buffer | undefined>();
      try {
        run(file => readAndNote(file, read), changed);
      } catch (error) {
        end();
        reject(error);
        return;
      }
      follow(read);
    };
    /** Watches what was read last, and nothing else. */
    const follow = (read: ReadonlyMap<string, Buffer | undefined>): void => {
      for (const [file, one] of watched) {
        if (read.has(file)) continue;
        one.close();
        watched.delete(file);
      }
      let stale: string | undefined;
      for (const [file, bytes] of read) {
        if (watched.has(file)) continue;
        const opened = watchFile(file, {
          onChange: () => again(file),
          ...(intervalMs === undefined ? {} : { intervalMs }),
        });
        watched.set(file, opened.watched);
        // It may have changed between the run and the watch.
        if (!isSame(opened.initial, bytes)) stale = file;
      }
      if (stale !== undefined) again(stale);
    };
    signal.addEventListener('abort', () => {
      end();
      resolve();
    });
    if (signal.aborted) {
      end();
      resolve();
      return;
    }
    again(undefined);
  });
}

function readAndNote(file: string, read: Map<string, Buffer | undefined>): Buffer {
  read.set(file, undefined);
  const bytes = readFileSync(file);
  read.set(file, bytes);
  return bytes;
}

function isSame(content: Content, bytes: Buffer | undefined): boolean {
  if (!content.ok || bytes === undefined) return content.ok === (bytes !== undefined);
  return bytes.equals(content.bytes);
}
