import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { HostTurns } from '../../host/elastic/host-turns.ts';
import { OfficialClient } from '../../host/elastic/official-client.ts';
import { ElasticPasswords } from '../../host/elastic/password.ts';
import { PROVISION_MS } from '../../host/elastic/provisioner.ts';
import { ELASTIC_SECRET, type ElasticHost, elasticHost, person } from '../support/elastic.ts';
import { certificateAuthority } from '../support/elasticsearch/certificates.ts';
import { answer, type Script, ScriptedElasticsearch } from '../support/elasticsearch/scripted.ts';
import { between, moment } from '../support/stopwatch.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';
import { sleep } from '../support/wait.ts';

const JSON_TYPE = { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' };
const ELASTIC_PASSWORD = 'own-account-password';
const credentials = { username: 'elastic', password: ELASTIC_PASSWORD };

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** A host of Postern over as many hosts of Elasticsearch as there are scripts; without one it is in order. */
async function setUp(...scripts: (Script | undefined)[]) {
  const servers: ScriptedElasticsearch[] = [];
  for (const script of scripts) {
    const server = await new ScriptedElasticsearch().start();
    if (script !== undefined) server.script = script;
    servers.push(server);
    stops.push(() => server.stop());
  }
  const hosts = servers.map(({ url }) => url);
  const host = await elasticHost(servers[0] as ScriptedElasticsearch, { access: { hosts, credentials } });
  stops.push(() => host.service.close());
  return { host, servers };
}

/** The promise, and what a busy machine adds to it. */
async function timed(host: ElasticHost, name: string): Promise<string> {
  const began = moment();
  const { status } = await host.provisioner.provision(person(name, { groups: ['admins'] }), 'directory');
  expect(between(began)).toBeLessThan(PROVISION_MS + 3_000);
  return status;
}

const page: Script = (_, { response }) => {
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end('<html>');
};
const status =
  (code: number): Script =>
  (_, { response }) =>
    answer(response, code, { error: { reason: 'a reason' }, status: code });
const truncated: Script = (_, { response }) => {
  response.writeHead(200, { ...JSON_TYPE, 'content-length': '500' });
  response.write('{"alice":');
  setTimeout(() => response.destroy(), 20);
};
/** A byte now and then: neither the headers nor the body are ever late. */
const trickle: Script = async (_, { response }) => {
  response.writeHead(200, JSON_TYPE);
  for (let i = 0; i < 60 && !response.destroyed; i++) {
    response.write(' ');
    await sleep(200);
  }
};
const silent: Script = () => {};
const notFoundPage: Script = ({ method }, turn) => {
  if (method === 'PUT') return turn.next();
  turn.response.writeHead(404, { 'content-type': 'text/html' });
  turn.response.end('<html>');
};
const odd =
  (user: object): Script =>
  (_, { response }) =>
    answer(response, 200, { alice: user });

describe.concurrent('one host of two that fails (a scripted stand-in)', () => {
  it.each([
    ['500', status(500)],
    ['503', status(503)],
    ['429', status(429)],
    ['401', status(401)],
    ['403', status(403)],
    ['a page of a proxy', page],
    ['a truncated answer', truncated],
    ['an answer byte by byte', trickle],
    ['no answer', silent],
  ] as const)('with %s is passed over, and asked last then', async (_name, script) => {
    const bad = await new ScriptedElasticsearch().start();
    const good = await new ScriptedElasticsearch().start();
    bad.script = script;
    const host = await elasticHost(bad, { access: { hosts: [bad.url, good.url], credentials } });
    try {
      for (const name of ['alice', 'bob', 'carol']) expect(await timed(host, name)).toBe('ready');
      expect(good.writes).toEqual(['alice', 'bob', 'carol']);
      expect(bad.calls).toHaveLength(1);
    } finally {
      await host.service.close();
      await bad.stop();
      await good.stop();
    }
  });
});

describe('hosts', () => {
  it('are asked in turn, those that failed last, and one request tries them again', () => {
    let now = 1;
    const turns = new HostTurns(3, () => now);
    expect([turns.order(), turns.order(), turns.order(), turns.order()]).toEqual([
      [0, 1, 2],
      [1, 2, 0],
      [2, 0, 1],
      [0, 1, 2],
    ]);
    turns.failed(1);
    expect([turns.order(), turns.order()]).toEqual([
      [2, 0, 1],
      [2, 0, 1],
    ]);
    now += 30_000;
    expect(turns.order()[0]).toBe(1);
    expect(turns.order()[0]).not.toBe(1);
    turns.worked(1);
    expect([turns.order()[0], turns.order()[0], turns.order()[0]].toSorted()).toEqual([0, 1, 2]);
    for (const host of [0, 1, 2]) turns.failed(host);
    expect(turns.order().toSorted()).toEqual([0, 1, 2]);
  });

  it('that are passed over are told, each by its name', async () => {
    const { servers } = await setUp(status(500), undefined);
    const [bad, good] = servers.map(({ url }) => url) as [string, string];
    const skipped: string[] = [];
    const client = new OfficialClient({ hosts: [bad, good], credentials, tls: {} }, ({ host, code }) =>
      skipped.push(`${host} ${code}`),
    );
    stops.push(() => client.close());
    await client.check(AbortSignal.timeout(5_000));
    expect(skipped).toEqual([`${bad} ERR_ELASTIC_SLOW`]);
  });

  it('that fail all: the line names the one that answered, and what it said', async () => {
    const { host, servers } = await setUp(silent, status(401));
    expect(await timed(host, 'alice')).toBe('unavailable');
    expect(host.log.lines.at(-1)?.fields).toMatchObject({
      host: servers[1]?.url,
      code: 'ERR_ELASTIC_UNAUTHORIZED',
    });
  });
});

describe('the certificate of a host', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it('is checked also where the environment would let node take any', async () => {
    const directory = tempDirectory();
    const { ca } = certificateAuthority(directory);
    const pem = (name: string) => readFileSync(join(directory, name));
    const server = createServer({ cert: pem('server.pem'), key: pem('server.key') }, (_, response) =>
      answer(response, 200, { username: 'elastic' }),
    );
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    stops.push(async () => {
      server.closeAllConnections();
      server.close();
      removeTempDirectories();
    });
    // Its warning.
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const hosts = [`https://127.0.0.1:${(server.address() as AddressInfo).port}`];
    const check = async (tls: { ca?: Uint8Array }) => {
      const client = new OfficialClient({ hosts, credentials, tls });
      stops.push(() => client.close());
      return client.check(AbortSignal.timeout(5_000));
    };
    await expect(check({})).rejects.toMatchObject({ code: 'ERR_ELASTIC_TLS' });
    await check({ ca: readFileSync(ca) });
  });
});

describe('a host that fails (a scripted stand-in)', () => {
  it.each([
    ['by a truncated answer', truncated, 'ERR_ELASTIC_UNREACHABLE'],
    ['by an answer byte by byte', trickle, 'ERR_ELASTIC_SLOW'],
    ['by a page instead of `no such user`', notFoundPage, 'ERR_ELASTIC_MALFORMED'],
    ['by 500', status(500), 'ERR_ELASTIC_SLOW'],
    ['by metadata that are a list', odd({ roles: [], enabled: true, metadata: [] }), 'ERR_ELASTIC_MALFORMED'],
    ['by roles that are numbers', odd({ roles: [1], enabled: true }), 'ERR_ELASTIC_MALFORMED'],
    [
      'by an answer that is too long',
      ((_, { response }) => {
        response.writeHead(200, JSON_TYPE);
        response.end(`{"a":"${'x'.repeat(17 * 1024 * 1024)}"}`);
      }) satisfies Script,
      'ERR_ELASTIC_MALFORMED',
    ],
  ] as const)('%s: 503, and nothing written', async (_name, script, code) => {
    const { host, servers } = await setUp(script);
    expect(await timed(host, 'alice')).toBe('unavailable');
    expect(host.log.lines.at(-1)?.fields).toMatchObject({ host: servers[0]?.url, code });
    expect(servers[0]?.writes).toEqual([]);
  });

  it.each([
    ['before it was done', false],
    ['after it was done', true],
  ])('by losing the connection in a write, %s: it is written again', async (_name, isDone) => {
    let lost = 0;
    const { host, servers } = await setUp(({ method }, turn) => {
      if (method !== 'PUT' || lost++ > 0) return turn.next();
      if (isDone) turn.apply();
      turn.response.destroy();
    });
    expect(await timed(host, 'alice')).toBe('ready');
    expect(servers[0]?.users.get('alice')?.roles).toEqual(['superuser', 'kibana_admin']);
    expect(servers[0]?.writes).toEqual(['alice', 'alice']);
  });

  it('by never answering a write that was done: found with the next request, not written again', async () => {
    const { host, servers } = await setUp(({ method }, turn) => {
      if (method === 'PUT') turn.apply();
      else turn.next();
    });
    expect(await timed(host, 'alice')).toBe('unavailable');
    expect(await timed(host, 'alice')).toBe('ready');
    expect(servers[0]?.writes).toEqual(['alice']);
  });

  it('tells why it is not ready, also when it never becomes so', async () => {
    const { host } = await setUp(status(503));
    expect(await timed(host, 'alice')).toBe('unavailable');
    expect(host.log.lines.at(-1)?.fields).toMatchObject({
      code: 'ERR_ELASTIC_SLOW',
      error: 'Elasticsearch is not ready: a reason',
    });
  });

  it('and repeats what it was sent: the log has no password and no account', async () => {
    const { host } = await setUp((call, { next, response }) => {
      if (call.method === 'PUT') {
        const reason = `cannot parse ${JSON.stringify(call.body)} of ${call.authorization} ${ELASTIC_PASSWORD}`;
        answer(response, 400, { error: { reason } });
      } else next();
    });
    expect(await timed(host, 'alice')).toBe('unavailable');
    const text = host.log.text();
    expect(text).toContain('cannot parse');
    for (const secret of [
      new ElasticPasswords(ELASTIC_SECRET).of('alice', 1),
      ELASTIC_PASSWORD,
      Buffer.from(`elastic:${ELASTIC_PASSWORD}`).toString('base64'),
    ])
      expect(text.includes(secret)).toBe(false);
  });
});
