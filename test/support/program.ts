import { accessSync, constants } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Child, type ChildOptions, startChild } from './child.ts';
import { waitUntil } from './wait.ts';

/** Debian keeps servers where the PATH of ordinary users does not lead. */
const SYSTEM_DIRECTORIES = ['/usr/sbin', '/usr/local/sbin'];

/** Path of an installed program; `variable` names another one, which must then exist. */
export function findProgram(name: string, variable: string): string | undefined {
  const named = process.env[variable];
  if (named) {
    if (!isExecutable(named)) throw new Error(`no program at ${named}, which ${variable} names`);
    return named;
  }
  const directories = [...(process.env.PATH ?? '').split(':'), ...SYSTEM_DIRECTORIES];
  return directories
    .filter(directory => directory !== '')
    .map(directory => join(directory, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A real server that a test has started. */
export interface Program {
  /** Its own, removed with the other temporary directories. */
  readonly directory: string;
  readonly child: Child;
  /** What it has written so far. */
  readonly log: string;
  stop(): Promise<void>;
}

export interface ProgramOptions extends ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly directory: string;
  /** Loopback ports that it listens on once it is ready. */
  readonly ports: readonly number[];
}

/** Starts a server and waits until each of its ports takes a connection; fails with its log when it ends before. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { command, args, directory, ports, ...rest } = options;
  const child = startChild(command, args, { cwd: directory, ...rest });
  try {
    for (const port of ports) {
      await waitUntil(`${command} on port ${port}`, () => child.exited || isListening(port), 30_000);
    }
    if (child.exited) throw new Error(`it ended (${await child.exit})`);
  } catch (error) {
    await child.stop(2_000);
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${command}: ${why}; its log:\n${child.output}`);
  }
  return {
    directory,
    child,
    get log() {
      return child.output;
    },
    async stop() {
      await child.stop(3_000);
    },
  };
}

function isListening(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(port, '127.0.0.1');
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
