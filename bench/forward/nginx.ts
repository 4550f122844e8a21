import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../../test/support/child.ts';
import { freePort } from '../../test/support/net.ts';
import { tempDirectory } from '../../test/support/temp.ts';
import { waitUntil } from '../../test/support/wait.ts';
import { BARE_DOMAIN, HOST_DOMAIN, NOOP_DOMAIN, NOOP_UNIX_DOMAIN, PLAIN_DOMAIN } from './cases.ts';

export interface Nginx {
  readonly port: number;
  stop(): Promise<void>;
}

/** What nginx asks, each as an `upstream` names it: `127.0.0.1:9091` or `unix:/path`. */
export interface Asked {
  readonly host: string;
  readonly hostUnix: string;
  readonly bare: string;
  readonly noop: string;
  readonly noopUnix: string;
  readonly backend: string;
}

/** nginx with `auth_request`, a door for each that is asked; connections are kept. */
export async function startNginx(command: string, asked: Asked): Promise<Nginx> {
  const directory = tempDirectory();
  mkdirSync(join(directory, 'temp'));
  const port = await freePort();
  writeFileSync(join(directory, 'nginx.conf'), configuration(port, asked));
  const child = startChild(command, ['-p', directory, '-c', 'nginx.conf', '-e', 'stderr']);
  await waitUntil('nginx', async () => {
    if (child.exited) return true;
    return (await fetch(`http://127.0.0.1:${port}/up`)).ok;
  });
  if (child.exited) throw new Error(`nginx ended:\n${child.output}`);
  return {
    port,
    async stop() {
      await child.stop(2_000);
    },
  };
}

function configuration(port: number, asked: Asked): string {
  const upstreams = Object.entries(asked).map(
    ([name, server]) =>
      `  upstream ${name} { server ${server}; keepalive 64; keepalive_requests 1000000000; }\n`,
  );
  return `daemon off;
master_process off;
pid nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path temp/body;
  proxy_temp_path temp/proxy;
  fastcgi_temp_path temp/fastcgi;
  uwsgi_temp_path temp/uwsgi;
  scgi_temp_path temp/scgi;
  keepalive_requests 1000000000;
${upstreams.join('')}  proxy_http_version 1.1;
  server {
    listen 127.0.0.1:${port};
    location = /up { return 200; }
  }
${door(port, HOST_DOMAIN, 'http://host/api/authz/auth-request')}
${door(port, PLAIN_DOMAIN, 'http://hostUnix/api/authz/auth-request')}
${door(port, BARE_DOMAIN, 'http://bare/auth')}
${door(port, NOOP_DOMAIN, 'http://noop/auth')}
${door(port, NOOP_UNIX_DOMAIN, 'http://noopUnix/auth')}
}
`;
}

function door(port: number, domain: string, address: string): string {
  const identity = ['User', 'Groups', 'Name', 'Email'];
  const name = (header: string) => `$upstream_http_remote_${header.toLowerCase()}`;
  return `  server {
    listen 127.0.0.1:${port};
    server_name ${domain};
    location = /postern {
      internal;
      proxy_pass ${address};
      # nginx reads no body of this answer, and closes a connection that has one in it.
      proxy_method HEAD;
      proxy_pass_request_body off;
      proxy_set_header Connection "";
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URL $scheme://$host$request_uri;
      proxy_set_header X-Forwarded-For $remote_addr;
    }
    location / {
      auth_request /postern;
${identity.map(header => `      auth_request_set $identity_${header.toLowerCase()} ${name(header)};`).join('\n')}
${identity.map(header => `      proxy_set_header Remote-${header} $identity_${header.toLowerCase()};`).join('\n')}
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_pass http://backend;
    }
  }`;
}
