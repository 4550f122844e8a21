import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSecret } from '../../host/secret/secret.ts';
import { type Child, startChild } from './child.ts';
import { guestDirectory } from './temp.ts';

const program = fileURLToPath(new URL('../../dist/postern.mjs', import.meta.url));

/** The real program on files of a test. */
export interface Postern {
  readonly child: Child;
  /** Where its files lie, and what it writes. */
  readonly home: string;
  readonly guestDirectory: string;
  /** Lines of its log that hold `text`. */
  logged(text: string): string[];
  stop(): Promise<void>;
}

/**
 * @param files by name, `postern.yml` among them; paths in them are relative
 * @param env beside the root secret and the guest directory
 */
export async function startPostern(
  files: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): Promise<Postern> {
  const home = guestDirectory();
  const directory = join(home, 'guest');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(home, name, '..'), { recursive: true });
    writeFileSync(join(home, name), text);
  }
  const all = { POSTERN_SECRET: createSecret(), POSTERN_GUEST_DIRECTORY: directory, ...env };
  const child = startChild(process.execPath, [program, 'serve', '--config', 'postern.yml'], {
    cwd: home,
    env: all,
  });
  await child.waitFor(/listening on .*\n/);
  return {
    child,
    home,
    guestDirectory: directory,
    logged: text => child.stderr.split('\n').filter(line => line.includes(text)),
    async stop() {
      await child.stop();
    },
  };
}

/** Runs another command on those files before the service starts. */
export async function runPostern(
  home: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = '',
): Promise<{ code: number | string; output: string }> {
  const child = startChild(process.execPath, [program, ...args], { cwd: home, env, input });
  return { code: await child.exit, output: child.output };
}

/** A `postern` for the shell, as what is installed is called; answers its folder, `bin` below `home`, for the PATH. */
export function posternCommand(home: string): string {
  const bin = join(home, 'bin');
  mkdirSync(bin, { recursive: true });
  const command = join(bin, 'postern');
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`);
  chmodSync(command, 0o755);
  return bin;
}
