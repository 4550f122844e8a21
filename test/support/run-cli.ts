import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Io } from '../../host/cli/io.ts';
import { run } from '../../host/cli/program.ts';

export interface CliRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A command in this process, from the sources. */
export async function runCli(
  args: readonly string[],
  options: {
    readonly env?: Record<string, string>;
    readonly terminal?: boolean;
    /** What a pipe holds. */
    readonly stdin?: string;
  } = {},
): Promise<CliRun> {
  const out: string[] = [];
  const err: string[] = [];
  const isTTY = options.terminal === true;
  const io = {
    env: options.env ?? {},
    stdin: {
      isTTY,
      setRawMode() {},
      async *[Symbol.asyncIterator]() {
        if (options.stdin !== undefined) yield Buffer.from(options.stdin);
      },
    },
    stdout: { isTTY, write: (text: string) => void out.push(text) },
    stderr: { isTTY, write: (text: string) => void err.push(text) },
    signal: new AbortController().signal,
  } as unknown as Io;
  const code = await run(args, io);
  return { code, out: out.join(''), err: err.join('') };
}

export const BUNDLE = fileURLToPath(new URL('../../dist/postern.mjs', import.meta.url));

/** A command as it is shipped. */
export function runBundle(args: readonly string[], cwd: string): CliRun {
  const { PATH = '', HOME = '/' } = process.env;
  const child = spawnSync(process.execPath, [BUNDLE, ...args], {
    cwd,
    env: { PATH, HOME },
    encoding: 'utf8',
  });
  return { code: child.status ?? -1, out: child.stdout, err: child.stderr };
}
