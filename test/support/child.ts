import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { waitUntil } from './wait.ts';

export interface ChildOptions {
  readonly cwd?: string;
  /** Added to a minimal environment (PATH, HOME); nothing else is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input, which is then closed. */
  readonly input?: string;
  /** User and group to run as; only root may choose. */
  readonly uid?: number;
}

/** A process of the tests, with what it has written so far. */
export interface Child {
  readonly pid: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output and error as they came. */
  readonly output: string;
  readonly exited: boolean;
  /** Exit code, or the signal's name; waits for the end. */
  readonly exit: Promise<number | string>;
  signal(name: NodeJS.Signals): void;
  /** SIGSTOP, and waits until no thread runs (Linux): a busy machine lets them go on for a while. */
  freeze(): Promise<void>;
  /** SIGTERM, after `graceMs` SIGKILL; answers as `exit` does. Does nothing to a process that has ended. */
  stop(graceMs?: number): Promise<number | string>;
  /** Waits until the output matches; fails at once when the process ends without. */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  /** CPU time that its threads have used so far, in milliseconds (Linux). */
  cpuTimeMs(): number;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a process that ends at the latest with the test process. */
export function startChild(command: string, args: readonly string[], options: ChildOptions = {}): Child {
  const { PATH = '', HOME = '/' } = process.env;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { PATH, HOME, ...options.env },
    uid: options.uid,
    gid: options.uid,
  });
  running.add(child);
  const text = { stdout: '', stderr: '', output: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8');
    child[name].on('data', (part: string) => {
      text[name] += part;
      text.output += part;
    });
  }
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');

  let exited = false;
  const exit = new Promise<number | string>(resolve => {
    const end = (result: number | string): void => {
      exited = true;
      running.delete(child);
      resolve(result);
    };
    child.once('error', error => {
      text.output += error.message;
      end(error.message);
    });
    child.once('close', (code, signal) => end(code ?? signal ?? 'unknown'));
  });

  return {
    get pid() {
      return child.pid ?? -1;
    },
    get stdout() {
      return text.stdout;
    },
    get stderr() {
      return text.stderr;
    },
    get output() {
      return text.output;
    },
    get exited() {
      return exited;
    },
    exit,
    signal: name => void child.kill(name),
    async freeze() {
      child.kill('SIGSTOP');
      if (process.platform !== 'linux') return;
      await waitUntil(`${command} to stand still`, () =>
        threadStates(child.pid).every(state => state === 'T'),
      );
    },
    async stop(graceMs = 10_000) {
      if (!exited) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      const result = await exit;
      clearTimeout(timer);
      return result;
    },
    async waitFor(pattern, timeoutMs = 30_000) {
      const found = await waitUntil(
        `${pattern} in the output of ${command}, which is\n${text.output}`,
        () => text.output.match(pattern) ?? (exited ? ({ exited } as const) : undefined),
        timeoutMs,
      ).catch(() => undefined);
      if (found !== undefined && !('exited' in found)) return found;
      const how = exited ? `ended (${await exit})` : `waited ${timeoutMs} ms`;
      throw new Error(`${command}: ${how} without ${pattern}; its output:\n${text.output}`);
    },
    cpuTimeMs() {
      try {
        // The kernel's own count of each thread's time, in nanoseconds.
        const threads = readdirSync(`/proc/${child.pid}/task`).map(thread =>
          readFileSync(`/proc/${child.pid}/task/${thread}/schedstat`, 'utf8'),
        );
        return threads.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0) / 1_000_000;
      } catch {
        // Not every kernel has it.
      }
      // proc(5): after the name in parentheses, fields 14 and 15 of stat, in ticks of 10 ms.
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      return (Number(fields[11]) + Number(fields[12])) * 10;
    },
  };
}

/** proc(5): a letter behind the name in parentheses; a thread that has ended meanwhile has none. */
function threadStates(pid: number | undefined): string[] {
  return readdirSync(`/proc/${pid}/task`).flatMap(thread => {
    try {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
    } catch {
      return [];
    }
  });
}
