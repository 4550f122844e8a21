import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type CertificateFiles, selfSigned } from '../support/certificate.ts';
import { freePort } from '../support/net.ts';
import { type Postern, startPostern } from '../support/postern.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';
import { waitUntil } from '../support/wait.ts';

/** The real program at each kind of address that Authelia's `server.address` has. */
let service: Postern | undefined;
afterEach(async () => {
  await service?.stop();
  service = undefined;
});
afterAll(removeTempDirectories);

const files = (server: string, policy = '') => ({
  'postern.yml': `server:
${server}
authentication_backend: { file: { path: users.yml } }
${policy}
access_control:
  default_policy: deny
  rules:
    - domain: open.example.com
      policy: bypass
    - domain: app.example.com
      policy: one_factor
    - domain: inside.example.com
      policy: bypass
      networks: 127.0.0.0/8
`,
  'users.yml':
    "users: { alice: { displayname: Alice, password: '$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$WWGvyaMsG/w8Q7QmA7h2Tg' } }\n",
});
const forwarded = (host: string) => ({
  'X-Forwarded-Method': 'GET',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Host': host,
  'X-Forwarded-Uri': '/',
  'X-Forwarded-For': '203.0.113.9',
});

/** Status of a request at any address. */
function get(options: RequestOptions & { ca?: string; servername?: string }): Promise<number> {
  return new Promise((resolve, reject) => {
    const send = options.ca === undefined ? httpRequest : httpsRequest;
    const sent = send({ ...options, agent: false }, answer => {
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe.each(['', '/authelia'])('a Unix socket with %j behind it', prefix => {
  const path = '/api/authz/forward-auth';

  it('serves there and nowhere else, to whom its mask admits, and below its path', async () => {
    const socketPath = join(tempDirectory(), 'postern.sock');
    const query = prefix === '' ? '' : '&path=authelia';
    service = await startPostern(files(`  address: 'unix://${socketPath}?umask=0007${query}'`));
    expect(service.child.stdout).toContain(`listening on unix://${socketPath}`);
    expect(statSync(socketPath).mode & 0o777).toBe(0o770);
    const ask = (target: string, host: string) => get({ socketPath, path: target, headers: forwarded(host) });
    for (const target of [path, prefix + path]) {
      expect(await ask(target, 'open.example.com')).toBe(200);
      expect(await ask(target, 'app.example.com')).toBe(401);
      // Whoever opens the socket is a trusted proxy, and no client of the inside.
      expect(await ask(target, 'inside.example.com')).toBe(403);
    }
    expect(await get({ socketPath, path: `${prefix}/health` })).toBe(200);
    expect(await ask('/health', 'open.example.com')).toBe(403);
    await service.stop();
    expect(existsSync(socketPath)).toBe(false);
  });
});

describe('a Unix socket', () => {
  it('takes the place of one that a killed host left behind, and of nothing else', async () => {
    const socketPath = join(tempDirectory(), 'postern.sock');
    const config = files(`  address: 'unix://${socketPath}'`);
    service = await startPostern(config);
    service.child.signal('SIGKILL');
    await service.child.exit;
    expect(existsSync(socketPath)).toBe(true);
    service = await startPostern(config);
    expect(await get({ socketPath, path: '/health' })).toBe(200);
    await service.stop();

    const other = createServer();
    await new Promise<void>(resolve => other.listen(socketPath, resolve));
    await expect(startPostern(config)).rejects.toThrow(`cannot listen on ${socketPath} (another program`);
    await new Promise(resolve => other.close(resolve));

    writeFileSync(socketPath, 'a file of somebody');
    await expect(startPostern(config)).rejects.toThrow('server.address: cannot listen on');
    expect(statSync(socketPath).isFile()).toBe(true);
  });
});

describe('server.tls', () => {
  const first = selfSigned(['authelia']);
  const second = selfSigned(['authelia']);
  const TLS = '  tls: { certificate: tls.crt, key: tls.key }';

  const put = ({ certificate, key }: CertificateFiles, home: string) => {
    copyFileSync(certificate, join(home, 'tls.crt'));
    copyFileSync(key, join(home, 'tls.key'));
  };
  /** An open connection, and the certificate that it got. */
  const open = (port: number) =>
    new Promise<{ socket: TLSSocket; print: string }>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, servername: 'authelia', rejectUnauthorized: false });
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        socket.off('error', reject).on('error', () => {});
        resolve({ socket, print: socket.getPeerCertificate().fingerprint256 });
      });
    });
  const printOf = async (port: number): Promise<string> => {
    const { socket, print } = await open(port);
    socket.destroy();
    return print;
  };

  it('serves the certificate, takes a changed one without a restart, and keeps it when the next is no good', async () => {
    const port = await freePort();
    service = await startPostern({
      ...files(`  address: 'tcp://127.0.0.1:${port}/authelia'\n${TLS}`),
      'tls.crt': readFileSync(first.certificate, 'utf8'),
      'tls.key': readFileSync(first.key, 'utf8'),
    });
    expect(service.child.stdout).toContain(`listening on https://127.0.0.1:${port}`);
    const ask = (ca: CertificateFiles, host: string) =>
      get({
        host: '127.0.0.1',
        port,
        servername: 'authelia',
        ca: readFileSync(ca.certificate, 'utf8'),
        path: '/authelia/api/authz/forward-auth',
        headers: forwarded(host),
      });
    expect(await ask(first, 'open.example.com')).toBe(200);
    expect(await ask(first, 'app.example.com')).toBe(401);
    await expect(ask(second, 'open.example.com')).rejects.toThrow('self-signed');
    // Plain HTTP gets nothing.
    await expect(get({ host: '127.0.0.1', port, path: '/health' })).rejects.toThrow();

    const before = await open(port);
    put(second, service.home);
    await waitUntil('the new certificate', async () => (await printOf(port)) !== before.print);
    expect(await ask(second, 'open.example.com')).toBe(200);
    // Connections that are there stay.
    const answered = new Promise<string>(resolve =>
      before.socket.once('data', data => resolve(String(data))),
    );
    before.socket.write('GET /health HTTP/1.1\r\nHost: authelia\r\n\r\n');
    expect(await answered).toMatch(/^HTTP\/1.1 200 /);
    before.socket.destroy();

    // A key of another certificate, half a file, a file that nobody may read.
    copyFileSync(first.key, join(service.home, 'tls.key'));
    const refused = 'the certificate cannot be used, the one before stays in force';
    await waitUntil('the word about the key', () => (service?.logged(refused).length ?? 0) > 0);
    expect(service.logged(refused)[0]).toContain('must be the private key of the certificate');
    expect(await ask(second, 'open.example.com')).toBe(200);
    put(first, service.home);
    await waitUntil('the one of the beginning', async () => (await printOf(port)) === before.print);
    expect(service.child.output).not.toContain('PRIVATE KEY');
  });

  it('does not start without a certificate that can be used', async () => {
    const port = await freePort();
    const base = files(`  address: 'tcp://127.0.0.1:${port}'\n${TLS}`);
    await expect(startPostern(base)).rejects.toThrow('tls.crt: no such file: create it');
    await expect(startPostern({ ...base, 'tls.crt': 'x', 'tls.key': 'y' })).rejects.toThrow(
      'tls.crt: must be a certificate',
    );
  });
});

describe('trusted_proxies', () => {
  it('takes the word of nobody else, and names peer and key', async () => {
    const port = await freePort();
    service = await startPostern(
      files(`  address: 'tcp://127.0.0.1:${port}'`, "trusted_proxies: ['192.0.2.1']"),
    );
    for (const path of ['/api/authz/forward-auth', '/api/verify', '/akprox/auth/traefik', '/auth']) {
      expect(await get({ host: '127.0.0.1', port, path, headers: forwarded('open.example.com') })).toBe(403);
    }
    expect(await get({ host: '127.0.0.1', port, path: '/health' })).toBe(200);
    const line = await waitUntil(
      'the word in the log',
      () => service?.logged('forwarding headers from a peer that is not in trusted_proxies')[0],
    );
    expect(JSON.parse(line)).toMatchObject({ peer: '127.0.0.1', key: 'trusted_proxies' });
  });
});
