import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  describeElasticsearch,
  ELASTIC_PASSWORD,
  type Elasticsearch,
} from '../support/elasticsearch/elasticsearch.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { findTraefik, traefikBinary } from '../support/traefik-binary.ts';
import { waitUntil } from '../support/wait.ts';
import { type Stack, startStack, type User } from './stack.ts';

const USERS: Record<string, User> = {
  ann: { password: 'ann-password', groups: ['admins'], displayname: 'Ann Example' },
  ben: { password: 'ben-password', groups: ['readers'] },
  // The name of a user that Elasticsearch keeps to itself.
  elastic: { password: 'not-of-elastic', groups: ['admins'] },
};

/** The whole way: client, Traefik with the plugin, host, and a real Elasticsearch as the service. */
describeElasticsearch('Elasticsearch behind a domain of its own in a real Traefik', start => {
  const source = findTraefik();
  let es: Elasticsearch;
  let stack: Stack;
  const who = async (name: string, domain = 'es.example.com', headers: Record<string, string> = {}) => {
    const { status, text } = await stack.ask(domain, '/_security/_authenticate', {
      as: `${name}:${USERS[name]?.password ?? 'wrong'}`,
      headers,
    });
    return { status, user: status === 200 ? JSON.parse(text) : undefined };
  };
  const deferrals = () => stack.metric('postern_deferrals_total', 'reason="accepted"');

  beforeAll(async () => {
    if (source === undefined) throw new Error('Traefik is needed as well: install Go');
    es = await start();
    stack = await startStack({
      binary: await traefikBinary(source),
      accessControl: {
        rules: [
          { domain: ['app.example.com', 'es.example.com'], policy: 'one_factor' },
          { domain: 'open.example.com', policy: 'bypass' },
        ],
      },
      users: USERS,
      domains: ['app.example.com', 'es.example.com', 'open.example.com'],
      elastic: { 'es.example.com': es.url, 'open.example.com': es.url },
      config: {
        domains: [{ domain: ['es.example.com', 'open.example.com'], elasticsearch: true }],
        elasticsearch: { hosts: [es.url], username: 'elastic', password: ELASTIC_PASSWORD },
        group_mappings: { admins: ['superuser'], readers: ['viewer'] },
      },
    });
  }, 1_200_000);
  afterAll(async () => {
    await stack?.stop();
    await es?.stop();
    removeTempDirectories();
  });

  it('knows who asks: provisioned with the first request, without a hop from then on', async () => {
    const before = await deferrals();
    const first = await who('ann');
    expect([first.status, first.user?.username, first.user?.roles]).toEqual([200, 'ann', ['superuser']]);
    expect(await deferrals()).toBe(before + 1);
    for (let i = 0; i < 20; i++) expect((await who('ann')).user?.username).toBe('ann');
    expect(await deferrals()).toBe(before + 1);
    expect(await stack.metric('postern_elasticsearch_provisions_total', 'result="ready"')).toBe(1);
    expect(await stack.metric('postern_password_verifications_total')).toBe(1);
  });

  it('takes over whoever came to another application first', async () => {
    expect((await stack.ask('app.example.com', '/', { as: 'ben:ben-password' })).status).toBe(200);
    expect((await who('ben')).user?.roles).toEqual(['viewer']);
    const before = await deferrals();
    expect((await who('ben')).user?.username).toBe('ben');
    // And the other application is still told what the client sent.
    const { received } = await stack.ask('app.example.com', '/', { as: 'ben:ben-password' });
    expect(received.authorization).toBe(`Basic ${Buffer.from('ben:ben-password').toString('base64')}`);
    expect(await deferrals()).toBe(before);
  });

  it('never sees an Authorization of the client, not even one that it would take', async () => {
    const own = { authorization: `Basic ${Buffer.from(`elastic:${ELASTIC_PASSWORD}`).toString('base64')}` };
    expect((await stack.ask('es.example.com', '/', { headers: own })).status).toBe(401);
    // The rule lets everybody in; Elasticsearch is told nobody's name and refuses by itself.
    const open = await stack.ask('open.example.com', '/_security/_authenticate', { headers: own });
    expect([open.status, open.text.includes('missing authentication credentials')]).toEqual([401, true]);
    const { body } = await es.ask('POST', '/_security/api_key', { name: 'client' });
    const key = await stack.ask('open.example.com', '/_security/_authenticate', {
      headers: { authorization: `ApiKey ${body.encoded}` },
    });
    expect(key.status).toBe(401);
  });

  it('is closed to users whose name is not theirs there', async () => {
    expect((await who('elastic')).status).toBe(403);
    expect((await es.ask('GET', '/')).status).toBe(200);
  });

  it('gives other roles with the request after the groups changed, and nothing once a user is disabled', async () => {
    await stack.writeUsers({
      ...USERS,
      ann: { ...USERS.ann, password: 'ann-password', groups: ['readers'] },
    });
    await waitUntil('other roles', async () => (await who('ann')).user?.roles?.[0] === 'viewer');
    await stack.writeUsers({ ...USERS, ann: { ...USERS.ann, password: 'ann-password', disabled: true } });
    await waitUntil('no entry', async () => (await who('ann')).status === 401);
    await waitUntil('a disabled user', async () => {
      const { body } = await es.ask('GET', '/_security/user/ann');
      return body.ann.enabled === false;
    });
    await stack.writeUsers(USERS);
    await waitUntil('entry again', async () => (await who('ann')).status === 200);
    expect((await who('ann')).user?.roles).toEqual(['superuser']);
  });

  it('gives other roles when the settings of these changed, and asks nobody anew when they did not', async () => {
    expect((await who('ann')).user?.roles).toEqual(['superuser']);
    const restart = async (mappings: object) => {
      const config = JSON.parse(readFileSync(stack.configFile, 'utf8'));
      writeFileSync(stack.configFile, JSON.stringify({ ...config, group_mappings: mappings }));
      await stack.host.stop();
      await stack.startHost();
    };
    const mappings = { admins: ['superuser'], readers: ['viewer'] };
    await restart(mappings);
    expect((await who('ann')).user?.roles).toEqual(['superuser']);
    // By the grant of the run before.
    expect(await deferrals()).toBe(0);
    await restart({ ...mappings, admins: ['viewer', 'monitoring_user'] });
    expect((await who('ann')).user?.roles).toEqual(['viewer', 'monitoring_user']);
    expect(await deferrals()).toBe(1);
    await restart(mappings);
    expect((await who('ann')).user?.roles).toEqual(['superuser']);
  }, 60_000);

  it('stopped: whoever has a grant is let through to it, others get 503, and all is well afterwards', async () => {
    expect((await who('ben')).status).toBe(200);
    await es.stop();
    // Traefik's own word for a service that is not there.
    expect((await who('ben')).status).toBe(502);
    await stack.writeUsers({ ...USERS, cid: { password: 'cid-password' } });
    USERS.cid = { password: 'cid-password' };
    const refused = await waitUntil('503', async () => {
      const answer = await stack.ask('es.example.com', '/', { as: 'cid:cid-password' });
      return answer.status === 503 && answer;
    });
    expect(refused.headers.get('retry-after')).toBe('5');
    await es.start();
    await waitUntil('cid', async () => (await who('cid')).user?.username === 'cid', 60_000);
    expect((await who('ben')).user?.username).toBe('ben');
  }, 180_000);
});
