import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeWith } from './component.ts';
import { findProgram, type Program, startProgram } from './program.ts';
import { tempDirectory } from './temp.ts';

export interface HaproxyOptions {
  readonly binary: string;
  /** The whole haproxy.cfg, with binds on `127.0.0.1:<port>`. */
  readonly config: string;
  /** The ports that it listens on. */
  readonly ports: readonly number[];
}

/** `describe` with the installed HAProxy. */
export function describeHaproxy(title: string, body: (binary: string) => void): void {
  const found = findProgram('haproxy', 'POSTERN_HAPROXY_BIN');
  describeWith(
    'HAProxy',
    'Install it (apt-get install haproxy) or name one with POSTERN_HAPROXY_BIN.',
    found,
    title,
    body,
  );
}

/** Starts HAProxy in a directory of its own, in the foreground as one process. */
export async function startHaproxy({ binary, config, ports }: HaproxyOptions): Promise<Program> {
  const directory = tempDirectory();
  const file = join(directory, 'haproxy.cfg');
  writeFileSync(file, config);
  return startProgram({ command: binary, args: ['-db', '-f', file], directory, ports });
}
