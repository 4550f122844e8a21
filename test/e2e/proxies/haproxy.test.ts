import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeProxyContract } from '../../contracts/proxy.ts';
import { type Backend, startBackend } from '../../support/backend.ts';
import { selfSigned } from '../../support/certificate.ts';
import { exampleFile } from '../../support/example.ts';
import { describeHaproxy, startHaproxy } from '../../support/haproxy.ts';
import { freePort } from '../../support/net.ts';
import type { Program } from '../../support/program.ts';
import { removeTempDirectories, tempDirectory } from '../../support/temp.ts';
import { askTls } from '../../support/tls-client.ts';
import { APP } from '../../support/world.ts';

interface Ports {
  readonly host: number;
  readonly backend: number;
  /** File of certificate and key. */
  readonly certificate: string;
}

/** @param change last change to the Lua file */
async function start(
  binary: string,
  { host, backend, certificate }: Ports,
  change = (lua: string) => lua,
): Promise<Program & { port: number }> {
  const port = await freePort();
  const lua = join(tempDirectory(), 'postern.lua');
  writeFileSync(lua, change(exampleFile('haproxy/postern.lua', {})));
  const config = exampleFile('haproxy/haproxy.cfg', {
    'bind :443': `bind 127.0.0.1:${port}`,
    '/etc/haproxy/certs/example.com.pem': certificate,
    '/etc/haproxy/postern.lua': lua,
    '127.0.0.1:9091': `127.0.0.1:${host}`,
    '127.0.0.1:8080': `127.0.0.1:${backend}`,
  });
  return { port, ...(await startHaproxy({ binary, config, ports: [port] })) };
}

describeHaproxy('HAProxy with Lua', binary => {
  describeProxyContract(world =>
    start(binary, {
      host: world.hostPort,
      backend: world.backend.port,
      certificate: world.certificate.both,
    }),
  );
});

describeHaproxy('the Lua file, asking something else than Postern', binary => {
  const identity = { 'Remote-User': 'x', 'Remote-Groups': '', 'Remote-Name': '', 'Remote-Email': '' };
  let backend: Backend;
  let server: Server;
  let answer: RequestListener;
  let certificate: string;
  let host: number;

  beforeAll(async () => {
    certificate = selfSigned([APP]).both;
    backend = await startBackend();
    server = createServer((request, response) => answer(request, response));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    host = (server.address() as AddressInfo).port;
  });

  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await backend.close();
    removeTempDirectories();
  });

  async function statusOf(listener: RequestListener, change?: (lua: string) => string): Promise<number> {
    answer = listener;
    backend.clear();
    const haproxy = await start(binary, { host, backend: backend.port, certificate }, change);
    try {
      return (await askTls(haproxy.port, APP, '/')).status;
    } finally {
      await haproxy.stop();
    }
  }

  const allow: RequestListener = (_, response) => void response.writeHead(200, identity).end();

  it('lets in on 200 with every identity header', async () => {
    expect(await statusOf(allow)).toBe(200);
    expect(backend.received).toHaveLength(1);
  });

  it('says nothing of the client that it did not say itself', async () => {
    const told: string[] = [];
    await statusOf((request, response) => {
      told.push(request.headers.accept ?? '', request.headers['user-agent'] ?? '');
      allow(request, response);
    });
    expect(told).toEqual(['', '']);
    expect(backend.received[0]?.headers.map(([name]) => name)).not.toContain('accept');
  });

  it.each<[string, RequestListener]>([
    ['200 without identity', (_, response) => void response.writeHead(200).end('welcome')],
    ['200 with one header less', (_, response) => void response.writeHead(200, { 'Remote-User': 'x' }).end()],
    ['204', (_, response) => void response.writeHead(204, identity).end()],
    ['202', (_, response) => void response.writeHead(202, identity).end()],
    ['500', (_, response) => void response.writeHead(500, identity).end()],
    ['no answer', request => void request.socket.destroy()],
    ['something else than HTTP', request => void request.socket.end('hello\r\n\r\n')],
  ])('%s is 503', async (_, listener) => {
    expect(await statusOf(listener)).toBe(503);
    expect(backend.received).toEqual([]);
  });

  it('an answer that does not come is 503 in time', async () => {
    const soon = (lua: string) => lua.replace('TIMEOUT_MS = 30000', 'TIMEOUT_MS = 300');
    expect(await statusOf(() => {}, soon)).toBe(503);
    expect(backend.received).toEqual([]);
  });

  it('an error in Lua is 503, wherever it stands', async () => {
    for (const line of [
      'local received =',
      'local answer =',
      "txn:set_var('txn.postern',",
      'for _, name in ipairs(IDENTITY) do\n    local values',
    ]) {
      const change = (lua: string) => {
        expect(lua).toContain(line);
        return lua.replace(line, `error('broken')\n${line}`);
      };
      expect(await statusOf(allow, change)).toBe(503);
      expect(backend.received).toEqual([]);
    }
  });
});
