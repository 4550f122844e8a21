import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeWith } from './component.ts';
import { findProgram, type Program, startProgram } from './program.ts';
import { tempDirectory } from './temp.ts';

export interface NginxOptions {
  readonly binary: string;
  /** What stands in `http { … }`: servers on `127.0.0.1:<port>`, as in a file of conf.d. */
  readonly http: string;
  /** The ports that it listens on. */
  readonly ports: readonly number[];
}

/** `describe` with the installed nginx. */
export function describeNginx(title: string, body: (binary: string) => void): void {
  const found = findProgram('nginx', 'POSTERN_NGINX_BIN');
  describeWith(
    'nginx',
    'Install it (apt-get install nginx) or name one with POSTERN_NGINX_BIN.',
    found,
    title,
    body,
  );
}

/** Starts nginx in a directory of its own, as one process: nothing of it outlives the test. */
export async function startNginx({ binary, http, ports }: NginxOptions): Promise<Program> {
  const directory = tempDirectory();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map(kind => `  ${kind}_temp_path ${join(directory, kind)};`)
    .join('\n');
  const main = `daemon off;
master_process off;
pid ${join(directory, 'nginx.pid')};
error_log stderr info;
events { worker_connections 512; }
http {
  access_log off;
${temporary}
${http}
}
`;
  writeFileSync(join(directory, 'nginx.conf'), main);
  const args = ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')];
  return startProgram({ command: binary, args, directory, ports });
}
