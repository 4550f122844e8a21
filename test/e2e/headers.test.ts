import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Received } from '../support/backend.ts';
import { openRaw, rawRequest, sendRaw } from '../support/raw-http.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik, type Tree } from '../support/traefik.ts';
import { sleep } from '../support/wait.ts';
import { type Stack, startStack } from './stack.ts';
import { authorizationLine, pass, WAY_RULES, WAY_USERS, WAYS, type Way, warmUp } from './ways.ts';

const IDENTITY = ['remote-user', 'remote-groups', 'remote-name', 'remote-email'];
/** No user, group or value of ours holds it. */
const FORGED = 'f0rged';

/** A name in the spellings that some backend reads as the same one. */
function spellings(name: string): string[] {
  const title = name.replace(/(^|-)[a-z]/g, letter => letter.toUpperCase());
  const upper = name.toUpperCase();
  return [
    name,
    title,
    upper,
    name.replaceAll('-', '_'),
    title.replaceAll('-', '_'),
    upper.replaceAll('-', '_'),
    name.replaceAll('-', '.'),
    title.replaceAll('-', '.'),
    upper.replaceAll('-', '.'),
    name.replace(/[a-z]/g, (letter, at: number) => (at % 2 ? letter.toUpperCase() : letter)),
    title.replace('-', '_').replace(/[a-z]$/, letter => letter.toUpperCase()),
  ];
}

/** As `spellings`, with a different character for each hyphen. */
function mixed(name: string): string[] {
  let i = 0;
  return [name.replace(/-/g, () => '_.-'[i++ % 3] ?? ''), name.replace(/-/g, () => '._'[i++ % 2] ?? '')];
}

const POSTERN = ['postern-verdict', 'postern-request', 'postern-user', 'postern-anything-else', 'postern-'];
/** What makes some backends see another path, method, client or protocol than the rules saw. */
const OVERRIDES = [
  'x-original-url',
  'x-rewrite-url',
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'http2-settings',
  'forwarded',
];
const ALIASES = ['for', 'host', 'uri', 'method', 'proto', 'port', 'server', 'prefix']
  .map(name => `x-forwarded-${name}`)
  .concat('x-real-ip')
  .flatMap(name => [...spellings(name), ...mixed(name)])
  .filter(name => /[_.]/.test(name));

describeTraefik('headers of clients', binary => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({
      binary: binary(),
      accessControl: { default_policy: 'deny', rules: WAY_RULES },
      users: WAY_USERS,
      domains: ['app.test', 'pub.test'],
      // Names listed here reach the plugin although the client's `Connection` names them.
      static: { entryPoints: { web: { forwardedHeaders: { connection: ['Remote-User', 'X-Kept'] } } } },
      dynamic: withUnguardedRouters,
    });
    await warmUp(stack);
  }, 600_000);

  afterAll(async () => {
    await stack?.stop();
    removeTempDirectories();
  });

  /** Values of every header that some backend reads as `name`. */
  function values({ headers }: Received, name: string): string[] {
    return headers
      .filter(([other]) => other.toLowerCase().replace(/[_.]/g, '-') === name)
      .map(([, value]) => value);
  }

  function expectClean(received: Received, way: Way): void {
    expect(received.headers.filter(([, value]) => value.includes(FORGED))).toEqual([]);
    expect(received.headers.map(([name]) => name).filter(name => /^postern/i.test(name))).toEqual([]);
    expect(received).toMatchObject({ method: 'GET', uri: '/x' });
    for (const name of IDENTITY) {
      const found = values(received, name);
      expect(found, name).toHaveLength(1);
      if (name === 'remote-user') expect(found).toEqual([way.user]);
    }
  }

  it.each(WAYS)('leaves alone what is not ours: $name', async way => {
    const lines = ['X-Remote-User: kept', 'Remote-Users: kept', 'X_Odd.Name: kept', 'Xpostern-Verdict: kept'];
    const received = await pass(stack, way, lines);
    expect(received.headers.filter(([, value]) => value === 'kept')).toHaveLength(lines.length);
  });

  it('tries at least ten spellings of each', () => {
    for (const name of IDENTITY) expect(new Set(spellings(name)).size).toBeGreaterThanOrEqual(10);
  });

  it.each(WAYS)('identity in every spelling, alone, doubled and all at once: $name', async way => {
    for (const name of IDENTITY) {
      const names = spellings(name);
      for (const spelling of names) expectClean(await pass(stack, way, [`${spelling}: ${FORGED}`]), way);
      expectClean(
        await pass(
          stack,
          way,
          names.flatMap(spelling => [`${spelling}: ${FORGED}`, `${spelling}:`]),
        ),
        way,
      );
    }
    const all = IDENTITY.flatMap(name => spellings(name)).map(name => `${name}: ${FORGED}`);
    expectClean(await pass(stack, way, all), way);
  });

  it.each(WAYS)('Postern-…, whatever follows: $name', async way => {
    const lines = POSTERN.flatMap(name => spellings(name)).map(name => `${name}: ${FORGED}`);
    expectClean(await pass(stack, way, lines.slice(0, 30)), way);
    expectClean(await pass(stack, way, lines.slice(30)), way);
    for (const verdict of ['allow', 'defer', `allow-${stack.verdictTag}`, `defer-${stack.verdictTag}`]) {
      expectClean(
        await pass(stack, way, [`Postern-Verdict: ${verdict}`, `postern-verdict: ${verdict}`]),
        way,
      );
    }
  });

  it('a right verdict of the client opens nothing behind the plugin', async () => {
    for (const verdict of [`allow-${stack.verdictTag}`, `defer-${stack.verdictTag}`]) {
      for (const name of ['Postern-Verdict', 'postern_verdict', 'POSTERN.VERDICT']) {
        const lines = ['GET / HTTP/1.1', 'Host: app.test', `${name}: ${verdict}`];
        expect((await sendRaw(stack.traefik.port, rawRequest(lines))).status).toBe(401);
      }
    }
  });

  it.each(WAYS)('other paths and methods, forwarding by other names: $name', async way => {
    const lines = OVERRIDES.flatMap(name => [...spellings(name), ...mixed(name)]).map(
      name => `${name}: ${FORGED}`,
    );
    for (let i = 0; i < lines.length; i += 30)
      expectClean(await pass(stack, way, lines.slice(i, i + 30)), way);
    const aliases = [...new Set(ALIASES)].map(name => `${name}: ${FORGED}`);
    for (let i = 0; i < aliases.length; i += 30)
      expectClean(await pass(stack, way, aliases.slice(i, i + 30)), way);
  });

  it('more names to remove than anybody sends are 431', async () => {
    const lines = Array.from({ length: 65 }, (_, i) => `Postern-${i}: x`);
    const bytes = rawRequest(['GET / HTTP/1.1', 'Host: pub.test', ...lines]);
    expect((await sendRaw(stack.traefik.port, bytes)).status).toBe(431);
    expect((await sendRaw(stack.traefik.port, bytes.replace('Postern-0: x\r\n', ''))).status).toBe(200);
  });

  it.each(WAYS)('trailers are no headers: $name', async way => {
    stack.backend.clear();
    const head = ['POST /x HTTP/1.1', `Host: ${way.domain}`, ...authorizationLine(way)];
    const lines = ['Transfer-Encoding: chunked', 'Trailer: Remote-User, Postern-Verdict'];
    const trailers = `Remote-User: ${FORGED}\r\nPostern-Verdict: ${FORGED}\r\nRemote-Groups: ${FORGED}\r\n`;
    const answer = await sendRaw(
      stack.traefik.port,
      rawRequest([...head, ...lines], `3\r\nabc\r\n0\r\n${trailers}\r\n`),
    );
    expect(answer.status).toBe(200);
    const [received] = stack.backend.received;
    expect(received && values(received, 'remote-user')).toEqual([way.user]);
    expect(received?.headers.filter(([, value]) => value.includes(FORGED))).toEqual([]);
  });

  it.each(WAYS)('Connection cannot remove what the guard sets: $name', async way => {
    for (const named of [
      'Remote-User, Authorization, X-Forwarded-For',
      'remote-user,remote-groups,remote-name,remote-email',
      'close, X-Kept, Remote-User, Postern-Verdict, Postern-Request, Host',
    ]) {
      // rawRequest adds a `Connection: close` of its own, as a second line.
      const lines = [`Connection: ${named}`, 'X-Kept: yes', `Remote-User: ${FORGED}`];
      // `Authorization` named there is dropped by Traefik's entry point: the request is then nobody's.
      if (named.includes('Authorization') && way.as !== undefined) {
        const head = ['GET /x HTTP/1.1', `Host: ${way.domain}`, ...authorizationLine(way), ...lines];
        expect((await sendRaw(stack.traefik.port, rawRequest(head))).status).toBe(401);
      } else {
        expectClean(await pass(stack, way, lines), way);
      }
    }
  });

  it.each(WAYS)('no upgrade but to WebSocket, and no tunnel: $name', async way => {
    for (const protocol of [
      'h2c',
      'H2C',
      'websocket, h2c',
      'h2c, websocket',
      'TLS/1.0',
      'tcp',
      'websocket/13',
    ]) {
      stack.backend.clear();
      const connection = await openRaw(stack.traefik.port);
      const lines = [
        'Connection: Upgrade, HTTP2-Settings',
        `Upgrade: ${protocol}`,
        'HTTP2-Settings: AAMAAABkAAQAAP__',
      ];
      const head = ['GET /x HTTP/1.1', `Host: ${way.domain}`, ...authorizationLine(way), ...lines];
      connection.send(`${head.join('\r\n')}\r\n\r\n`);
      await connection.waitFor(/\r\n\r\n/);
      expect(connection.received).toMatch(/^HTTP\/1\.1 200 /);
      connection.close();
      expect(stack.backend.tunnels).toBe(0);
      const [received] = stack.backend.received;
      for (const name of ['upgrade', 'http2-settings'])
        expect(received && values(received, name)).toEqual([]);
    }
  });

  it('two lines of Upgrade are none', async () => {
    stack.backend.clear();
    for (const lines of [
      ['Upgrade: websocket', 'Upgrade: h2c'],
      ['Upgrade: h2c', 'Upgrade: websocket'],
    ]) {
      const head = ['GET /x HTTP/1.1', 'Host: pub.test', 'Connection: Upgrade', ...lines, '\r\n'];
      const answer = await sendRaw(stack.traefik.port, head.join('\r\n'));
      expect(answer.status).not.toBe(101);
    }
    expect(stack.backend.tunnels).toBe(0);
  });

  it.each(WAYS)('CONNECT opens no tunnel: $name', async way => {
    stack.backend.clear();
    for (const target of [`${way.domain}:443`, way.domain, '/', `http://${way.domain}/`, '*']) {
      const lines = [`CONNECT ${target} HTTP/1.1`, `Host: ${way.domain}`, ...authorizationLine(way)];
      expect((await sendRaw(stack.traefik.port, rawRequest(lines))).status).toBeOneOf([400, 404]);
    }
    expect(stack.backend).toMatchObject({ tunnels: 0, received: [] });
  });

  it.each([
    ['a parent without the plugin', 'bare.test'],
    ['a parent whose plugin is not configured', 'broken.test'],
    ['children whose parent does not exist', 'alone.test'],
  ])('%s gives no access, whatever the verdict', async (_name, host) => {
    stack.backend.clear();
    const tag = '0123456789abcdef0123456789abcdef';
    const verdicts = [
      'allow',
      'defer',
      'allow-',
      'defer-',
      `allow-${tag}`,
      `defer-${tag}`,
      `allow-${FORGED}`,
      '*',
      '',
    ];
    for (const verdict of [undefined, ...verdicts]) {
      const lines = verdict === undefined ? [] : [`Postern-Verdict: ${verdict}`];
      const bytes = rawRequest(['GET / HTTP/1.1', `Host: ${host}`, ...lines]);
      expect((await sendRaw(stack.traefik.port, bytes)).status, verdict).toBe(404);
    }
    await sleep(20);
    expect(stack.backend.received).toEqual([]);
  });

  it('of these the first is a real router: only the tag is missing', async () => {
    const lines = ['GET / HTTP/1.1', 'Host: bare.test', `Postern-Verdict: allow-${stack.verdictTag}`];
    expect((await sendRaw(stack.traefik.port, rawRequest(lines))).status).toBe(200);
  });
});

/** Beside the right routers some with mistakes that operators make. */
function withUnguardedRouters(dynamic: Tree): Tree {
  const { http } = dynamic as { http: { routers: Record<string, Tree>; middlewares: Tree; services: Tree } };
  const routers: Record<string, unknown> = { ...http.routers };
  const copy = (name: string, parent: Tree | undefined): void => {
    if (parent !== undefined) routers[name] = parent;
    for (const child of ['allow', 'defer']) {
      routers[`${name}-${child}`] = { ...http.routers[`postern-app-test-${child}`], parentRefs: [name] };
    }
  };
  const { middlewares: _, ...bare } = http.routers['postern-app-test'] ?? {};
  copy('bare', { ...bare, rule: 'Host(`bare.test`)' });
  copy('broken', { ...bare, rule: 'Host(`broken.test`)', middlewares: ['nowhere'] });
  copy('alone', undefined);
  return { ...dynamic, http: { ...http, routers } };
}
