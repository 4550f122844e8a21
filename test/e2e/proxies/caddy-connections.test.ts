import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeCaddy, startCaddy } from '../../support/caddy.ts';
import { type CertificateFiles, selfSigned } from '../../support/certificate.ts';
import { exampleFile, substitute } from '../../support/example.ts';
import { freePorts } from '../../support/net.ts';
import { removeTempDirectories } from '../../support/temp.ts';
import { askTls } from '../../support/tls-client.ts';

/**
 * Before 2.11.5 a connection that Caddy keeps for `forward_auth` may lead to the
 * application (its pull request 7859): whatever it answers there counts as the
 * answer of the host. No connection may be used for a second question.
 */
const FILES = [
  { file: 'caddy/Caddyfile', domain: 'app.example.com' },
  { file: 'caddy/authelia.Caddyfile', domain: 'nextcloud.example.com' },
  { file: 'caddy/authelia.Caddyfile', domain: 'jellyfin.example.com' },
];
const ASKED = 6;

describeCaddy('connections of Caddy to the host', binary => {
  let certificate: CertificateFiles;
  /** Refuses: behind an answer that lets in, Caddy closes the connection by itself. */
  let host: Server;
  let hostPort = 0;
  /** For each question, how many its connection brought before. */
  let before: number[] = [];
  const asked = new WeakMap<object, number>();

  beforeAll(async () => {
    certificate = selfSigned(['example.com', '*.example.com']);
    host = createServer((request, response) => {
      const count = asked.get(request.socket) ?? 0;
      asked.set(request.socket, count + 1);
      before.push(count);
      response.writeHead(403, { 'content-length': 2 }).end('no');
    });
    host.keepAliveTimeout = 60_000;
    await new Promise<void>(resolve => host.listen(0, '127.0.0.1', resolve));
    hostPort = (host.address() as AddressInfo).port;
  });

  afterAll(() => {
    host?.close();
    host?.closeAllConnections();
    removeTempDirectories();
  });

  /** How many questions each question's connection had brought before. */
  async function ask(domain: string, sites: string): Promise<number[]> {
    const [port = 0, httpPort = 0] = await freePorts(2);
    const global = [`https_port ${port}`, `http_port ${httpPort}`];
    const caddy = await startCaddy({ binary: binary(), sites, global, ports: [port] });
    try {
      before = [];
      for (let i = 0; i < ASKED; i++) expect((await askTls(port, domain, '/')).status).toBe(403);
      return before;
    } finally {
      await caddy.stop();
    }
  }

  function inPlace(file: string): string {
    return exampleFile(file, {
      '/etc/caddy/certs/example.com.crt': certificate.certificate,
      '/etc/caddy/certs/example.com.key': certificate.key,
      '127.0.0.1:9091': `127.0.0.1:${hostPort}`,
    });
  }

  it.each(FILES)('none is used twice: $file, $domain', async ({ file, domain }) => {
    expect(await ask(domain, inPlace(file))).toEqual(Array(ASKED).fill(0));
  });

  it('without that line they are', async () => {
    const sites = substitute(inPlace('caddy/Caddyfile'), { 'keepalive off': '' });
    expect((await ask('app.example.com', sites)).some(count => count > 0)).toBe(true);
  });
});
