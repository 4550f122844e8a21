import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { CLIENTS, type Client, PORTAL, said, suiting, UNCACHED } from '../support/denial.ts';
import { sendRaw } from '../support/raw-http.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik, type Tree } from '../support/traefik.ts';
import { waitUntil } from '../support/wait.ts';
import { basic, type Stack, startStack } from './stack.ts';
import { deferrals } from './ways.ts';

/** Refusals through a real Traefik: by the plugin, and by forwardAuth to an endpoint of a new name alone. */
const DOORS = [
  { name: 'the plugin', domain: 'app.test' },
  { name: 'forwardAuth alone', domain: 'alone.app.test' },
];
/** An `h2c` upgrade never leaves Traefik's own server. */
const SENT = CLIENTS.filter(({ name }) => name !== 'h2c is no WebSocket');

describeTraefik('who is not signed in', binary => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({
      binary: binary(),
      accessControl: {
        default_policy: 'deny',
        rules: [
          { domain: ['app.test', 'alone.app.test', 'status.app.test'], policy: 'one_factor' },
          { domain: 'admin.app.test', policy: 'one_factor', subject: 'user:root' },
          { domain: 'admin.app.test', policy: 'deny' },
        ],
      },
      users: { ann: { password: 'password of ann' } },
      domains: ['app.test', 'status.app.test', 'admin.app.test'],
      config: {
        session: { cookies: [{ domain: 'app.test', authelia_url: PORTAL }] },
        domains: [{ domain: 'status.app.test', denial: 'status' }],
      },
      dynamic: withoutPlugin,
    });
    // The guests know the policy from here on.
    await waitUntil(
      'the plugin answers',
      async () => (await deferrals(stack, () => refuse(PAGE))) === 0,
      30_000,
    );
  }, 600_000);

  afterAll(async () => {
    await stack?.stop();
    removeTempDirectories();
  });

  async function refuse(client: Client, domain = 'app.test', more: readonly string[] = []) {
    const { method = 'GET', uri = '/', headers } = client;
    const keepsOpen = headers.some(([name]) => name === 'Connection');
    const lines = [
      `${method} ${uri} HTTP/1.1`,
      `Host: ${domain}`,
      ...headers.map(([name, value]) => `${name}: ${value}`),
      ...(keepsOpen ? [] : ['Connection: close']),
      ...more,
    ];
    const answer = await sendRaw(stack.traefik.port, `${lines.join('\r\n')}\r\n\r\n`, 20_000);
    return said(answer.status, answer.headers, answer.body);
  }

  it.each(DOORS)('is answered by $name as suits the client', async ({ domain }) => {
    for (const client of SENT) {
      // Traefik's entry point serves plain http here and tells the scheme itself.
      const sent: Client = {
        ...client,
        headers: client.headers.map(([n, v]) => [n, v.replace(/^https:\/\/app\.test/, `http://${domain}`)]),
      };
      const expected = { ...suiting(sent, PORTAL, `http://${domain}`), ...UNCACHED };
      // What only a proxy says, and what no WebSocket's handshake is without.
      if (client.kind === 'socket' && !sent.headers.some(([name]) => name === 'Sec-WebSocket-Key')) continue;
      expect([client.name, await refuse(sent, domain)]).toEqual([client.name, expected]);
    }
  });

  it('needs no question to the host behind the plugin', async () => {
    const asked = await deferrals(stack, async () => {
      for (const client of SENT.slice(0, 20)) await refuse(client);
    });
    expect(asked).toBe(0);
  });

  it.each(DOORS)('is refused a WebSocket by $name before it is one', async ({ domain }) => {
    const refused = await new Promise<{ status: number; location: unknown; challenge: unknown }>(
      (resolve, reject) => {
        const socket = new WebSocket(`ws://127.0.0.1:${stack.traefik.port}/ws`, {
          headers: { Host: domain },
        });
        socket.on('open', () => reject(new Error('opened')));
        socket.on('error', reject);
        socket.on('unexpected-response', (_request, { statusCode = 0, headers }) => {
          resolve({ status: statusCode, location: headers.location, challenge: headers['www-authenticate'] });
        });
      },
    );
    expect(refused).toEqual({ status: 401, location: undefined, challenge: undefined });
  });

  it('is asked again, not sent away, with a wrong password, whoever answers', async () => {
    const authorization = [`Authorization: ${basic('ann:wrong')}`];
    // Together: each of them is answered after two seconds.
    await Promise.all(
      DOORS.map(async ({ domain }) => {
        const [page, script] = await Promise.all(
          [PAGE, SCRIPT].map(client => refuse(client, domain, authorization)),
        );
        expect(page).toMatchObject({
          status: 401,
          location: undefined,
          challenge: expect.stringMatching(/^Basic /),
        });
        expect(script).toMatchObject({ status: 401, challenge: undefined, type: 'application/json' });
      }),
    );
  });

  it('gets what the domain says', async () => {
    for (const client of [PAGE, SCRIPT, TOOL]) {
      expect(await refuse(client, 'status.app.test')).toMatchObject({
        status: 401,
        location: undefined,
        challenge: undefined,
        body: '401 Unauthorized',
      });
    }
  });

  it('is forbidden in words that suit, once known', async () => {
    const authorization = [`Authorization: ${basic('ann:password of ann')}`];
    // The first is the host's answer, the second the plugin's.
    for (let i = 0; i < 2; i++) {
      expect(await refuse(PAGE, 'admin.app.test', authorization)).toMatchObject({
        status: 403,
        type: /^text\/html/,
      });
      expect(await refuse(SCRIPT, 'admin.app.test', authorization)).toMatchObject({
        status: 403,
        body: '{"error":"forbidden"}',
      });
      expect(await refuse(TOOL, 'admin.app.test', authorization)).toMatchObject({
        status: 403,
        body: '403 Forbidden',
      });
    }
  });
});

const one = (kind: Client['kind']): Client => {
  const client = CLIENTS.find(row => row.kind === kind && row.method === undefined && row.referer !== true);
  if (client === undefined) throw new Error(`no ${kind}`);
  return client;
};
const PAGE = one('page');
const SCRIPT = one('script');
const TOOL = one('tool');

/** Adds a router with forwardAuth to `/auth` and nothing of the plugin's. */
function withoutPlugin(dynamic: Tree): Tree {
  const { http } = dynamic as {
    http: { routers: Record<string, Tree>; middlewares: Record<string, Tree>; services: Tree };
  };
  const [asking] = Object.values(http.middlewares).filter(middleware => 'forwardAuth' in middleware);
  const { forwardAuth } = asking as { forwardAuth: { address: string } };
  const address = new URL('/auth', forwardAuth.address).href;
  const service = Object.keys(http.services)[0];
  return {
    ...dynamic,
    http: {
      ...http,
      routers: {
        ...http.routers,
        alone: { rule: 'Host(`alone.app.test`)', service, middlewares: ['alone'] },
      },
      middlewares: { ...http.middlewares, alone: { forwardAuth: { address } } },
    },
  };
}

describe('the requests sent', () => {
  it('are of every kind', () => {
    expect(new Set(SENT.map(({ kind }) => kind))).toEqual(new Set(['page', 'script', 'tool', 'socket']));
    expect(SENT.length).toBeGreaterThan(70);
  });
});
