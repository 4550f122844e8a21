import { afterAll, beforeAll, expect, it } from 'vitest';
import type { GuardedProxy } from '../../contracts/proxy.ts';
import { describeCaddy, startCaddy } from '../../support/caddy.ts';
import { exampleFile } from '../../support/example.ts';
import { freePort, freePorts } from '../../support/net.ts';
import { describeNginx, startNginx } from '../../support/nginx.ts';
import { removeTempDirectories } from '../../support/temp.ts';
import { askTls, type TlsAsk } from '../../support/tls-client.ts';
import { ANN, PORTAL, startWorld, type World } from '../../support/world.ts';

/**
 * Blocks that ask Authelia's `/api/verify`. It takes no password from
 * `Authorization` unless asked with `auth=basic`, so the contract of proxies
 * does not fit; people sign in at the portal.
 */
const CLOUD = 'nextcloud.example.com';
const FORGED = 'f0rged';
const BROWSER = { accept: 'text/html' };
const RULES = [
  { domain: '*.example.com', policy: 'bypass', resources: '^/open([/?].*)?$' },
  { domain: '*.example.com', policy: 'bypass', resources: '^/read$', methods: 'GET' },
  { domain: '*.example.com', policy: 'one_factor' },
];

function holds(start: (world: World) => Promise<GuardedProxy>): {
  ask: (domain: string, path: string, ask?: TlsAsk) => ReturnType<typeof askTls>;
  backend: () => World['backend'];
} {
  let world: World;
  let proxy: GuardedProxy;
  const ask = (domain: string, path: string, options: TlsAsk = {}) => {
    world.backend.clear();
    return askTls(proxy.port, domain, path, options);
  };

  beforeAll(async () => {
    world = await startWorld({ access_control: { default_policy: 'deny', rules: RULES } });
    proxy = await start(world);
  }, 120_000);

  afterAll(async () => {
    await proxy?.stop();
    await world?.stop();
    removeTempDirectories();
  });

  it('sends a page to the portal', async () => {
    const answer = await ask(CLOUD, '/page?a=1', { headers: BROWSER });
    expect(answer.status).toBe(302);
    const to = new URL(String(answer.headers.location));
    expect(to.origin).toBe(PORTAL);
    expect(to.searchParams.get('rd')).toBe(`https://${CLOUD}/page?a=1`);
    expect(world.backend.received).toEqual([]);
  });

  it('lets everybody in by a bypass rule, as nobody, by path and by method', async () => {
    const names = ['Remote-User', 'Remote-Groups', 'Remote-Name', 'Remote-Email', 'remote_user'];
    const headers = Object.fromEntries(names.map(name => [name, FORGED]));
    expect((await ask(CLOUD, '/open', { headers })).status).toBe(200);
    expect(JSON.stringify(world.backend.received)).not.toContain(FORGED);
    expect((await ask(CLOUD, '/read')).status).toBe(200);
    expect((await ask(CLOUD, '/read', { method: 'POST' })).status).toBeOneOf([302, 303, 401]);
    expect(world.backend.received).toEqual([]);
  });

  it('does not believe clients about what they ask for', async () => {
    const claims = {
      'X-Original-URL': `https://${CLOUD}/open`,
      'X-Original-Method': 'GET',
      'X-Forwarded-Uri': '/open',
      'X-Forwarded-Method': 'GET',
      'X-Forwarded-Host': CLOUD,
      'X-Authelia-URL': 'https://evil.example.net',
    };
    for (const [name, value] of Object.entries(claims)) {
      const answer = await ask(CLOUD, '/closed', { headers: { [name]: value } });
      expect(answer.status).toBeOneOf([302, 400, 401, 403]);
      expect(String(answer.headers.location ?? '')).not.toContain('evil');
      expect(world.backend.received).toEqual([]);
    }
  });

  it('is closed without its host', async () => {
    await world.stopHost();
    expect((await ask(CLOUD, '/open')).status).toBeGreaterThanOrEqual(500);
    await world.startHost();
    expect((await ask(CLOUD, '/open')).status).toBe(200);
  });

  return { ask, backend: () => world.backend };
}

describeNginx("an nginx block for Authelia's /api/verify, mended", binary => {
  holds(async world => {
    const port = await freePort();
    const http = exampleFile('nginx/authelia-legacy.conf', {
      'listen 443': `listen 127.0.0.1:${port}`,
      '/etc/nginx/certs/example.com.crt': world.certificate.certificate,
      '/etc/nginx/certs/example.com.key': world.certificate.key,
      '127.0.0.1:9091': `127.0.0.1:${world.hostPort}`,
      '127.0.0.1:8080': `127.0.0.1:${world.backend.port}`,
    });
    return { port, ...(await startNginx({ binary, http, ports: [port] })) };
  });
});

describeCaddy("a Caddyfile for Authelia's /api/verify", binary => {
  const { ask, backend } = holds(async world => {
    const [port = 0, httpPort = 0] = await freePorts(2);
    const sites = exampleFile('caddy/authelia.Caddyfile', {
      '/etc/caddy/certs/example.com.crt': world.certificate.certificate,
      '/etc/caddy/certs/example.com.key': world.certificate.key,
      '127.0.0.1:9091': `127.0.0.1:${world.hostPort}`,
      '127.0.0.1:8080': `127.0.0.1:${world.backend.port}`,
    });
    const global = [`https_port ${port}`, `http_port ${httpPort}`];
    return { port, ...(await startCaddy({ binary: binary(), sites, global, ports: [port] })) };
  });

  it('takes a password where it is asked with auth=basic', async () => {
    expect((await ask('jellyfin.example.com', '/x', { as: ANN.as })).status).toBe(200);
    expect((await ask(CLOUD, '/x', { as: ANN.as, headers: BROWSER })).status).toBe(302);
  });

  it('Connection stripping, CVE-2024-45410: takes nothing from what is told, and no other protocol begins', async () => {
    for (const [connection, upgrade] of [
      ['close, Remote-User, Remote-Groups', undefined],
      ['Upgrade, Remote-User', 'h2c'],
    ] as const) {
      const headers = { connection, ...(upgrade && { upgrade }) };
      expect((await ask('jellyfin.example.com', '/x', { as: ANN.as, headers })).status).toBe(200);
      const told = backend().received[0]?.headers.filter(([name]) => /^(remote-user|upgrade)$/i.test(name));
      expect(told).toEqual([['Remote-User', ANN.user]]);
      expect(backend().tunnels).toBe(0);
    }
  });
});
