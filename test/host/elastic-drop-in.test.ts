import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../host/clock.ts';
import { createDropIn } from '../../host/elastic/drop-in.ts';
import type { Provisioned } from '../../host/elastic/provisioned.ts';
import { elasticName } from '../../host/elastic/user-name.ts';
import { RequestHeaders } from '../../host/http/request-headers.ts';
import { type HttpServer, startHttpServer } from '../../host/http/server.ts';
import type { Principal } from '../../host/policy/engine.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { fakeLogger } from '../support/host-fakes.ts';
import { rawRequest, sendRaw } from '../support/raw-http.ts';

const engine = loadEngine(new URL('../../dist/embed.wasm', import.meta.url));
const log = fakeLogger();
const seen: Principal[] = [];
let outcome: Provisioned = { status: 'ready', authorization: 'Basic YTpi', isCurrent: () => true };

function dropIn(peers: readonly string[], names: Record<string, string> = {}) {
  const headers = {
    username: 'Remote-User',
    groups: 'Remote-Groups',
    email: 'Remote-Email',
    name: 'Remote-Name',
    ...names,
  };
  const setup = { host: '127.0.0.1', port: 0, peers, configPeers: ['127.0.0.1'], headers };
  return createDropIn({
    setup: {
      access: {
        hosts: ['https://es:9200'],
        credentials: { username: 'postern', password: 'own-password' },
        tls: { ca: Buffer.from('the CA'), key: Buffer.from('the key') },
      },
      dryRun: false,
      roles: { groupMappings: [['Admins', ['superuser']]], defaultRoles: [] },
      groupWhitelist: undefined,
      passwordSeconds: undefined,
      syncSeconds: 60,
      dropIn: setup,
    },
    dropIn: setup,
    provisioner: {
      async provision(principal) {
        seen.push(principal);
        return outcome;
      },
    },
    findAccount: () => undefined,
    client: undefined,
    cache: { status: () => ({ kind: 'memory', state: 'up', lastContact: 0 }) },
    engine,
    clock: systemClock,
    log,
  });
}

let server: HttpServer;
beforeAll(async () => {
  server = await startHttpServer({ host: '127.0.0.1', port: 0 }, dropIn(['127.0.0.0/8']), log);
});
afterAll(() => server.close());

/** @param headers latin-1, as it goes over the wire */
const ask = (first: string, ...headers: string[]) =>
  sendRaw(server.port, rawRequest([`${first} HTTP/1.1`, 'Host: postern:5000', ...headers]));
const utf8 = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

describe("elastauth's endpoint answers", () => {
  it.each([
    'GET /',
    'HEAD /',
    'GET /elastauth',
    'HEAD /elastauth',
    'GET /?rd=https%3A%2F%2Fa.test%2F',
    'GET /elastauth?x=/other&y=?',
  ])('%s', async first => {
    const answer = await ask(
      first,
      'Remote-User: ann',
      'Remote-Groups: a, B ,,a',
      'X-Forwarded-Host: k.test',
    );
    expect([answer.status, answer.header('authorization'), answer.header('cache-control')]).toEqual([
      200,
      'Basic YTpi',
      'no-store',
    ]);
    expect(answer.body).toBe(
      first.startsWith('HEAD')
        ? ''
        : '{"message":"Authentication successful","username":"ann","groups":["a","B","a"],"email":""}',
    );
    expect(answer.header('content-type')).toBe('application/json; charset=utf-8');
  });

  it.each([
    ['POST /', 405],
    ['OPTIONS /', 405],
    ['PUT /elastauth', 405],
    ['get /', 400],
    ['GET /elastauth/', 403],
    ['GET //', 403],
    ['GET /./', 403],
    ['GET /%65lastauth', 403],
    ['GET /other', 403],
    ['GET /health', 403],
    ['GET /config', 403],
  ])('%s through a proxy with %i', async (first, status) => {
    const answer = await ask(first, 'Remote-User: ann', 'X-Forwarded-Host: k.test');
    expect([answer.status, answer.header('authorization')]).toEqual([status, undefined]);
  });

  it.each([
    [{ status: 'bad-request', message: 'no' }, 400, undefined],
    [{ status: 'refused' }, 403, undefined],
    [{ status: 'unavailable', retryAfterSeconds: 7 }, 503, '7'],
  ] as const)('%j', async (provisioned, status, retryAfter) => {
    const before = outcome;
    outcome = provisioned;
    try {
      const answer = await ask('GET /', 'Remote-User: ann');
      expect([answer.status, answer.header('retry-after'), answer.header('authorization')]).toEqual([
        status,
        retryAfter,
        undefined,
      ]);
      expect(JSON.parse(answer.body).code).toBe(status);
    } finally {
      outcome = before;
    }
  });

  it('/config without any secret', async () => {
    const { status, body } = await ask('GET /config');
    expect(status).toBe(200);
    expect(JSON.parse(body).elasticsearch).toMatchObject({ username: 'postern', password: '***' });
    for (const secret of ['own-password', 'the CA', 'the key', Buffer.from('the key').toString('base64')])
      expect(body.includes(secret)).toBe(false);
  });
});

describe('who somebody is', () => {
  const NBSP = '\u00a0';
  const BOM = '\ufeff';

  it.each([
    ['Remote-User: ann', 'ann'],
    ['remote-user: ann', 'ann'],
    ['REMOTE-USER: \tann  ', 'ann'],
    ['Remote-User: Ann', 'Ann'],
    ['Remote-User: ann, bob', 'ann, bob'],
    [`Remote-User: ${utf8('jörg')}`, 'jörg'],
    [`Remote-User: ${utf8('jo\u0308rg')}`, 'jo\u0308rg'],
    // What only looks like another's name is another name.
    [`Remote-User: ${utf8(`${NBSP}ann`)}`, `${NBSP}ann`],
    [`Remote-User: ${utf8(`ann${NBSP}`)}`, `ann${NBSP}`],
    [`Remote-User: ${utf8(`${BOM}ann`)}`, `${BOM}ann`],
    [`Remote-User: ${utf8('\u3000ann')}`, '\u3000ann'],
    [`Remote-User: ${'a'.repeat(255)}`, 'a'.repeat(255)],
  ])('%j', async (line, username) => {
    seen.length = 0;
    expect((await ask('GET /', line)).status).toBe(200);
    expect(seen.map(principal => principal.username)).toEqual([username]);
  });

  it('is a name of its own in Elasticsearch for each', () => {
    const alike = [
      'ann',
      'Ann',
      ` ann`,
      `${NBSP}ann`,
      `${BOM}ann`,
      'ann ',
      '\uff41nn',
      'a\u0301nn',
      '\u00e1nn',
    ];
    const coded = ['%20ann', '%2520ann', 'ann%20', '%C3%A1nn', '%25C3%25A1nn'];
    const names = [...alike, ...coded].map(name => {
      const named = elasticName(name);
      return named.ok ? named.name : name;
    });
    expect(new Set(names).size).toBe(alike.length + coded.length);
  });

  it.each([
    [[], 401, 'missing authentication headers: Remote-User'],
    [['Remote-User:'], 401, 'missing authentication headers: Remote-User'],
    [['Remote-User: \t '], 401, 'missing authentication headers: Remote-User'],
    [['Remote_User: ann'], 401, 'missing authentication headers: Remote-User'],
    [['Remote-User: ann', 'Remote-User: ann'], 400, 'Header is repeated: Remote-User'],
    [['Remote-User: ann', 'remote-user:'], 400, 'Header is repeated: Remote-User'],
    [['Remote-User: ann', 'Remote-Groups: a', 'REMOTE-GROUPS: b'], 400, 'Header is repeated: Remote-Groups'],
    [['Remote-User: \xff'], 400, 'Header is not UTF-8: Remote-User'],
    [['Remote-User: ann', 'Remote-Groups: a,\xc3'], 400, 'Header is not UTF-8: Remote-Groups'],
    [['Remote-User: a\tb'], 400, 'username contains invalid characters'],
    [[`Remote-User: a${utf8('\u0085')}b`], 400, 'username contains invalid characters'],
    [[`Remote-User: ${'é'.repeat(128)}`], 400, 'Header is not UTF-8: Remote-User'],
    [
      [`Remote-User: ${utf8('é'.repeat(128))}`],
      400,
      'username exceeds maximum length of 255 characters (got 256)',
    ],
    [['Remote-User: ann', 'Remote-Groups: a\tb'], 400, 'group name contains invalid control characters'],
    [
      ['Remote-User: ann', `Remote-Email: ${'a'.repeat(310)}@example.com`],
      400,
      'email exceeds maximum length of 320 characters (got 322)',
    ],
    [['Remote-User: ann', 'Remote-Email: ann@localhost'], 400, 'email format is invalid'],
    [
      ['Remote-User: ann', `Remote-Name: a${utf8('\u0085')}`],
      400,
      'name contains invalid control characters',
    ],
  ] as const)('%j: %i', async (lines, status, message) => {
    seen.length = 0;
    const answer = await ask('GET /', ...lines);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([status, { message, code: status }]);
    expect([seen, answer.header('authorization')]).toEqual([[], undefined]);
  });

  it('has groups without blanks around them, as they are written', async () => {
    seen.length = 0;
    await ask(
      'GET /',
      'Remote-User: ann',
      `Remote-Groups: Dev Team,\t admins ,,ADMINS, ${utf8(`${NBSP}ops`)}`,
    );
    expect(seen[0]?.groups).toEqual(['Dev Team', 'admins', 'ADMINS', `${NBSP}ops`]);
  });

  it('stands in headers of other names, if configured', async () => {
    const handler = dropIn(['10.0.0.0/8'], { username: 'X-User', groups: 'X-Groups' });
    const raw = ['x-user', 'bob', 'X-Groups', 'a', 'Remote-User', 'ann'];
    seen.length = 0;
    const request = { method: 'GET', path: '/', query: '', headers: new RequestHeaders(raw), secure: false };
    expect((await handler({ ...request, peer: '10.1.2.3' })).status).toBe(200);
    expect(seen[0]).toMatchObject({ username: 'bob', groups: ['a'] });
  });
});

describe('whoever asks', () => {
  const request = {
    method: 'GET',
    path: '/',
    query: '',
    headers: new RequestHeaders(['Remote-User', 'ann']),
    secure: false,
  };

  it.each([
    [['10.0.0.0/8'], '10.1.2.3', 200],
    [['10.0.0.0/8'], '::ffff:10.1.2.3', 200],
    [['::ffff:10.0.0.0/104'], '10.1.2.3', 200],
    [['fd00::/8'], 'fd00::1', 200],
    [['10.0.0.0/8'], '11.1.2.3', 403],
    [['10.0.0.0/8'], '::1', 403],
    [['::/0'], '10.1.2.3', 403],
    [['0.0.0.0/0'], '::1', 403],
    [['0.0.0.0/0', '::/0'], '', 403],
    [['127.0.0.1'], '127.0.0.2', 403],
    [[], '127.0.0.1', 403],
  ] as const)('of %j, from %s: %i', async (peers, peer, status) => {
    seen.length = 0;
    expect((await dropIn(peers)({ ...request, peer })).status).toBe(status);
    expect(seen).toHaveLength(status === 200 ? 1 : 0);
    if (status === 403) expect(log.lines.at(-1)?.fields).toMatchObject({ peer, key: 'elasticsearch.peers' });
  });
});
