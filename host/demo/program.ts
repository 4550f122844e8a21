import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Longest wait for a program to be ready; Traefik compiles the plugin first. */
const READY_MS = 30_000;
/** Longest wait for a program to end by itself. */
const STOP_MS = 10_000;

export interface Program {
  stop(): Promise<void>;
}

/** Starts a program and waits until `isReady`; what it wrote is part of the error when it ends first. */
export async function startProgram(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
  isReady: (output: string) => boolean | Promise<boolean>,
): Promise<Program> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  let failure: string | undefined;
  child.once('error', error => {
    failure = error.message;
  });
  const deadline = Date.now() + READY_MS;
  while (!(await isReady(output))) {
    const isRunning = failure === undefined && child.exitCode === null && child.signalCode === null;
    if (isRunning && Date.now() < deadline) {
      await new Promise(resolve => setTimeout(resolve, 50));
      continue;
    }
    await end(child);
    throw new Error(`${command} did not start: ${failure ?? ''}\n${output}`);
  }
  return { stop: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise(resolve => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}

/** The first executable of this name in the `PATH`. */
export function findProgram(name: string, path: string | undefined): string | undefined {
  for (const folder of (path ?? '').split(delimiter)) {
    if (folder === '') continue;
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
