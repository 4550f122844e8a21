import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Received } from '../support/backend.ts';
import { removeTempDirectories } from '../support/temp.ts';
import {
  askHttp2,
  askTls,
  askWebSocket,
  basicCredential,
  sendTls,
  type TlsAnswer,
  type TlsAsk,
} from '../support/tls-client.ts';
import { waitUntil } from '../support/wait.ts';
import {
  ANN,
  APP,
  NEW,
  OPEN_HOST,
  PORTAL,
  type Reach,
  ROOT,
  startWorld,
  type World,
} from '../support/world.ts';

/** A real proxy with an example's configuration, in front of the world's backend. */
export interface GuardedProxy {
  /** Takes TLS for `app.example.com`. */
  readonly port: number;
  stop(): Promise<void>;
}

export interface ProxyTraits {
  /** Headers that the application is told by. */
  readonly identity?: {
    readonly user: string;
    readonly groups: string;
    readonly name?: string;
    readonly email?: string;
    /** More that hold the user's name. */
    readonly also?: readonly string[];
  };
  /** What stands between groups. Default `,`. */
  readonly separator?: string;
  /**
   * How a visitor's page is refused: sent to the portal, or to the portal by way
   * of an address of ours on the application's host. Default `portal`.
   */
  readonly denial?: 'portal' | 'by-start';
  /** Programs are refused in JSON, tools asked for a password. */
  readonly adaptive?: boolean;
  /** A block as its old texts have it, whose application sees all spellings of headers and all upgrades. */
  readonly asPrinted?: boolean;
  /** As ingress-nginx does it: it sends everybody elsewhere, and the host's 400 is a 500 there. */
  readonly ingress?: boolean;
  /** Whether a bypass rule is decided without the host. Default false. */
  readonly guest?: boolean;
  /** How the proxy reaches the host. Default `tcp`. */
  readonly reach?: Reach;
}

const BROWSER = { accept: 'text/html,application/xhtml+xml', 'sec-fetch-mode': 'navigate' };
const PROGRAM = { accept: 'application/json' };
const TOOL = { 'user-agent': 'curl/8.5.0' };
/** Asked for with a wrong password alone. */
const WRONG = '/x?wrong-password';
/** No user, group or value of ours holds it. */
const FORGED = 'f0rged';
const UPLOAD = randomBytes(8 * 1024 * 1024);
const AUTHELIA: NonNullable<ProxyTraits['identity']> = {
  user: 'Remote-User',
  groups: 'Remote-Groups',
  name: 'Remote-Name',
  email: 'Remote-Email',
};

/** Spellings that some applications read as the same header. */
function spellings(name: string): string[] {
  const forms = [name, name.replaceAll('-', '_'), name.replaceAll('-', '.')];
  return forms.flatMap(form => [form, form.toLowerCase(), form.toUpperCase()]);
}

/** What every proxy in front of Postern has to hold to, whatever its configuration looks like. */
export function describeProxyContract(
  start: (world: World) => Promise<GuardedProxy>,
  traits: ProxyTraits = {},
): void {
  const { identity = AUTHELIA, separator = ',', denial = 'portal', guest = false } = traits;
  const asPrinted = traits.asPrinted === true;
  const ingress = traits.ingress === true;
  const names = Object.values(identity).flat();
  let world: World;
  let proxy: GuardedProxy;
  /** Answers to a program and a tool; sent first of all, since each takes two seconds. */
  let wrong: Promise<TlsAnswer[]>;

  beforeAll(async () => {
    world = await startWorld({}, traits.reach);
    proxy = await start(world);
    const clients = traits.adaptive === true ? [PROGRAM, TOOL] : [PROGRAM];
    wrong = Promise.all(clients.map(headers => askTls(proxy.port, APP, WRONG, { as: 'ann:wrong', headers })));
    // Its test tells.
    wrong.catch(() => {});
  }, 120_000);

  afterAll(async () => {
    await proxy?.stop();
    await world?.stop();
    removeTempDirectories();
  });

  async function ask(path: string, options: TlsAsk = {}): Promise<TlsAnswer> {
    world.backend.clear();
    return askTls(proxy.port, APP, path, options);
  }

  /** The one request that reached the application. */
  function received(): Received {
    expect(world.backend.received).toHaveLength(1);
    return world.backend.received[0] as Received;
  }

  /** Every value that an application may take for header `name`. */
  function values({ headers }: Received, name: string): string[] {
    const alike = (text: string) => text.toLowerCase().replace(/[_.]/g, '-');
    return headers.filter(([other]) => alike(other) === alike(name)).map(([, value]) => value);
  }

  function expectIdentity(what: Received, who: typeof ANN): void {
    const told = { user: who.user, groups: who.groups.replaceAll(',', separator) };
    expect(values(what, identity.user)).toEqual([told.user]);
    // An empty header may be left out, too.
    expect(values(what, identity.groups)).toEqual(told.groups === '' ? expect.anything() : [told.groups]);
    expect(values(what, identity.groups).join('')).toBe(told.groups);
    if (identity.name) {
      // Headers hold bytes: what came is UTF-8, read as latin-1.
      expect(values(what, identity.name)).toEqual([Buffer.from(who.name, 'utf8').toString('latin1')]);
    }
    for (const name of identity.also ?? []) expect(values(what, name)).toEqual([told.user]);
    if (identity.email) expect(values(what, identity.email)).toEqual([`${who.user}@example.com`]);
  }

  function expectNobody(what: Received): void {
    for (const name of names) expect(values(what, name).join(''), name).toBe('');
  }

  function expectClosed(answer: { status: number }): void {
    expect(world.backend.received).toEqual([]);
    expect(answer.status).toBeGreaterThanOrEqual(300);
  }

  describe('lets in', () => {
    it('whoever may come, with their identity', async () => {
      expect(await ask('/x?a=1&b=%2F', { as: ANN.as })).toMatchObject({ status: 200 });
      expect(received()).toMatchObject({ method: 'GET', uri: '/x?a=1&b=%2F' });
      expectIdentity(received(), ANN);
    });

    it('over HTTP/2', async () => {
      world.backend.clear();
      const claimed = asPrinted ? ['remote-user'] : ['remote-user', 'remote_user', 'remote.user'];
      const headers = {
        authorization: basicCredential(ANN.as),
        ...Object.fromEntries(claimed.map(name => [name, FORGED])),
      };
      expect(await askHttp2(proxy.port, APP, '/x?a=1', headers)).toBe(200);
      expect(received().uri).toBe('/x?a=1');
      expectIdentity(received(), ANN);
      world.backend.clear();
      expectClosed({ status: await askHttp2(proxy.port, APP, '/x', PROGRAM) });
    });

    it('by group', async () => {
      expect((await ask('/admin', { as: ROOT.as })).status).toBe(200);
      expectIdentity(received(), ROOT);
    });

    it('everybody on a bypass rule, as nobody', async () => {
      expect((await ask('/open/page')).status).toBe(200);
      expectNobody(received());
    });

    it('by the address of the client', async () => {
      expect((await ask('/near')).status).toBe(200);
      expect((await ask('/lan')).status).not.toBe(200);
    });

    it('HEAD, without a body', async () => {
      const answer = await ask('/x', { method: 'HEAD', as: ANN.as });
      expect(answer).toMatchObject({ status: 200, text: '' });
      expect(received().method).toBe('HEAD');
    });

    it.each([
      ['of a known length', {}],
      ['chunked', { chunked: true }],
      ['that asks first', { headers: { expect: '100-continue' } }],
    ])('a large upload %s', async (_, how) => {
      const answer = await ask('/x', { method: 'PUT', as: ANN.as, body: UPLOAD, ...how });
      expect(answer.status).toBe(200);
      expect(received()).toMatchObject({
        method: 'PUT',
        bodyBytes: UPLOAD.length,
        bodySha256: createHash('sha256').update(UPLOAD).digest('hex'),
      });
      expectIdentity(received(), ANN);
    });

    it('a WebSocket', async () => {
      world.backend.clear();
      const { status, messages } = await askWebSocket(proxy.port, APP, '/ws', 'hello', {
        authorization: basicCredential(ANN.as),
      });
      expect(status).toBe(101);
      expect(messages[1]).toBe('hello');
      expectIdentity(JSON.parse(messages[0] ?? '') as Received, ANN);
    });

    it('a WebSocket on a bypass rule, as nobody', async () => {
      const claimed = asPrinted ? names : names.flatMap(spellings);
      const forged = Object.fromEntries(claimed.map(name => [name, FORGED]));
      const { messages } = await askWebSocket(proxy.port, APP, '/open/ws', 'hello', forged);
      // Only `/ws` is one to the backend's mind, but it takes every upgrade.
      expectNobody(JSON.parse(messages[0] ?? '') as Received);
    });
  });

  describe('refuses', () => {
    it('a page', async () => {
      const answer = await ask('/page?a=1', { headers: BROWSER });
      expectClosed(answer);
      expect(answer.status).toBe(302);
      let to = new URL(String(answer.headers.location), `https://${APP}`);
      if (denial === 'by-start') {
        expect(to.hostname).toBe(APP);
        const start = await ask(to.pathname + to.search, { headers: BROWSER });
        expectClosed(start);
        expect(start.status).toBe(302);
        to = new URL(String(start.headers.location));
      }
      expect(to.origin).toBe(PORTAL);
      expect(to.searchParams.get('rd')).toBe(`https://${APP}/page?a=1`);
    });

    it('a wrong password with 401, which asks for another', async () => {
      const [answer, tool] = (await wrong) as [TlsAnswer, TlsAnswer?];
      expect(world.backend.hasSeen(WRONG)).toBe(false);
      if (ingress) return expect(answer.status).toBe(302);
      expect(answer.status).toBe(401);
      if (traits.adaptive === true) {
        expect(JSON.parse(answer.text)).toMatchObject({ login_url: expect.stringContaining(PORTAL) });
        expect(tool?.status).toBe(401);
        expect(tool?.headers['www-authenticate']).toMatch(/^Basic realm="[^"]*"/);
        return;
      }
      expect(answer.headers['www-authenticate']).toMatch(/^Basic realm="[^"]*"$/);
    });

    it('who is known and may not with 403', async () => {
      const answer = await ask('/admin', { as: ANN.as, headers: BROWSER });
      expectClosed(answer);
      expect(answer.status).toBe(403);
    });

    it('HEAD, without a body', async () => {
      const answer = await ask('/x', { method: 'HEAD', headers: PROGRAM });
      expectClosed(answer);
      expect(answer.status).toBeLessThan(500);
      expect(answer.text).toBe('');
      expect((await ask('/x', { method: 'HEAD', as: ANN.as })).status).toBe(200);
    });

    it('by method', async () => {
      expect((await ask('/read')).status).toBe(200);
      expect((await ask('/read', { method: 'HEAD' })).status).toBe(200);
      for (const method of ['POST', 'DELETE', 'PROPFIND']) {
        expectClosed(await ask('/read', { method, headers: PROGRAM }));
      }
    });

    it('an upload, and does not wait for it', async () => {
      const answer = await ask('/x', { method: 'PUT', body: UPLOAD.subarray(0, 65_536), headers: PROGRAM });
      expectClosed(answer);
    });

    it('a WebSocket before its upgrade', async () => {
      world.backend.clear();
      const { status } = await askWebSocket(proxy.port, APP, '/ws', 'hello');
      expectClosed({ status });
      expect(status).not.toBe(101);
    });

    it('a path that an application could read differently', async () => {
      for (const path of [
        '/open/..%2fadmin',
        '/open/..;/admin',
        '/open%2f..%2fadmin',
        '/open/%2e%2e/admin',
      ]) {
        const answer = await ask(path, { headers: PROGRAM });
        // A proxy may clean the path itself: it is then judged, and passed on, as cleaned.
        for (const { uri } of world.backend.received) expect(uri).toMatch(/^\/open/);
        if (world.backend.received.length === 0) {
          expectClosed(answer);
          expect(answer.status).toBeLessThan(ingress ? 501 : 500);
        }
        for (const { uri } of world.backend.received) expect(uri).not.toMatch(/\.\.|%2e%2e/i);
      }
    });

    const odd = [
      [['Upgrade: h2c']],
      [['Upgrade: websocket', 'Upgrade: h2c']],
      [['Upgrade: h2c', 'Upgrade: websocket']],
      [['Upgrade: websocket, h2c']],
      [['Upgrade: websockets']],
    ];
    it.each(asPrinted ? [] : odd)('upgrades to anything else than a WebSocket: %s', async upgrades => {
      world.backend.clear();
      const lines = ['Connection: Upgrade, HTTP2-Settings', ...upgrades, 'HTTP2-Settings: AAMAAABkAAQAAP__'];
      const head = ['GET /open HTTP/1.1', `Host: ${APP}`, ...lines, 'Connection: close'];
      await sendTls(proxy.port, APP, `${head.join('\r\n')}\r\n\r\n`);
      expect(world.backend.tunnels).toBe(0);
    });
  });

  describe("clients' own headers", () => {
    it.each([
      ['signed in', '/x', ANN.as],
      ['nobody', '/open', undefined],
    ])('identity in every spelling, %s', async (_, path, as) => {
      for (const name of names) {
        for (const spelling of asPrinted ? [name, name.toUpperCase()] : spellings(name)) {
          const options = { headers: { [spelling]: FORGED }, ...(as === undefined ? {} : { as }) };
          expect((await ask(path, options)).status).toBe(200);
          if (as === undefined) expectNobody(received());
          else expectIdentity(received(), ANN);
        }
      }
    });

    const elsewhere: Record<string, string> = {
      'X-Forwarded-Uri': '/open',
      'X-Forwarded-Method': 'GET',
      'X-Forwarded-Host': OPEN_HOST,
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-For': '10.1.2.3',
      'X-Real-IP': '10.1.2.3',
      'X-Original-URL': `https://${APP}/open`,
      'X-Original-URI': '/open',
      'X-Original-Method': 'GET',
      'X-Rewrite-URL': '/open',
      Forwarded: `for=10.1.2.3;host=${APP};proto=https`,
      'Postern-Request': FORGED,
      'Postern-Verdict': 'allow',
      'X-Authelia-URL': 'https://evil.example.net',
    };

    it.each([...Object.keys(elsewhere), 'all'])('%s opens nothing', async name => {
      const headers = name === 'all' ? elsewhere : { [name]: elsewhere[name] ?? '' };
      for (const path of ['/x', '/admin', '/lan']) {
        const answer = await ask(path, { headers: { ...PROGRAM, ...headers } });
        expectClosed(answer);
        expect(String(answer.headers.location ?? '')).not.toContain('evil');
      }
      expectClosed(await ask('/read', { method: 'POST', headers: { ...PROGRAM, ...headers } }));
    });

    // Some leave claims there, and the host refuses those that contradict what the proxy says.
    const refused = [
      ...(asPrinted ? ['Postern-Request'] : []),
      ...(ingress ? ['X-Forwarded-Host', 'X-Forwarded-Uri'] : []),
    ];
    const harmless = Object.keys(elsewhere).filter(name => !refused.includes(name));
    it.each(harmless)('%s closes nothing', async name => {
      expect((await ask('/open', { headers: { [name]: elsewhere[name] ?? '' } })).status).toBe(200);
      expect((await ask('/x', { as: ANN.as, headers: { [name]: elsewhere[name] ?? '' } })).status).toBe(200);
      expectIdentity(received(), ANN);
    });

    it('the address that an application is told is the right one', async () => {
      const uri = ingress ? {} : { 'X-Forwarded-Uri': '/forged' };
      await ask('/open', { headers: { 'X-Forwarded-For': '10.1.2.3', ...uri } });
      expect(values(received(), 'x-forwarded-for').join()).not.toMatch(/^10\.1\.2\.3/);
      expect(values(received(), 'x-forwarded-uri').join()).not.toContain('forged');
    });

    it('a first line of another host than its Host header opens nothing', async () => {
      for (const [line, host] of [
        [`https://${APP}/x`, OPEN_HOST],
        [`https://${OPEN_HOST}/x`, APP],
        [`https://${APP}/x`, APP],
        [`https://${APP}/open/../x`, APP],
        ['/x', OPEN_HOST],
        ['/x', `${APP}, ${OPEN_HOST}`],
        ['open:/x', APP],
        [`a:https://${APP}/x`, APP],
      ]) {
        world.backend.clear();
        const bytes = `GET ${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
        await sendTls(proxy.port, APP, bytes);
        // What a proxy answers for hosts that it does not know is its own affair.
        expect(world.backend.received, `${line} with Host ${host}`).toEqual([]);
      }
    });

    it('two lines of Host open nothing', async () => {
      for (const hosts of [
        [APP, OPEN_HOST],
        [OPEN_HOST, APP],
      ]) {
        world.backend.clear();
        const lines = hosts.map(host => `Host: ${host}\r\n`).join('');
        await sendTls(proxy.port, APP, `GET /x HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`);
        expect(world.backend.received).toEqual([]);
      }
    });
  });

  describe('without its host', () => {
    beforeAll(async () => {
      await world.stopHost();
    });

    it("nobody new comes in, and the fault is the server's", async () => {
      // A guest needs a moment to see that the host is gone.
      const status = await waitUntil('an answer of 5xx', async () => {
        const answer = await ask('/x', { as: NEW.as });
        expectClosed(answer);
        return answer.status >= 500 ? answer.status : undefined;
      });
      expect(status).toBeLessThan(600);
    });

    it('nobody comes in, bypass or not', async () => {
      // A guest lets in by itself whom no one needs to know, and whom it has seen.
      const known = guest ? [] : ['/open', '/read', '/x'];
      // Together: a proxy may try for seconds to reach the host.
      const [anonymous, ...answers] = await Promise.all([
        ask('/open'),
        ...known.map(path => ask(path, { as: ANN.as })),
      ]);
      for (const { status } of answers) expect(status).toBeGreaterThanOrEqual(500);
      if (guest) return expect(anonymous.status).toBe(200);
      expect(anonymous.status).toBeGreaterThanOrEqual(500);
      expect(world.backend.received).toEqual([]);
    });

    it('all is well when it comes back', async () => {
      await world.startHost();
      await waitUntil('access', async () => (await ask('/x', { as: NEW.as })).status === 200);
      expectIdentity(received(), NEW);
    });
  });
}
