import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { OfficialClient } from '../../host/elastic/official-client.ts';
import { ElasticPasswords } from '../../host/elastic/password.ts';
import { roleMap, strangeGroup } from '../../host/elastic/roles.ts';
import { Slots } from '../../host/elastic/slots.ts';
import { elasticName, MAX_ELASTIC_NAME } from '../../host/elastic/user-name.ts';
import { elasticHost, person } from '../support/elastic.ts';

const named = (username: string) => {
  const name = elasticName(username);
  return name.ok ? name.name : name;
};

describe('names of users in Elasticsearch', () => {
  it.each([
    ['alice', 'alice'],
    ['Alice.B-c_d@example.com', 'Alice.B-c_d@example.com'],
    ['two words', 'two words'],
    ['a+b!#$&\'()*;=?[]{}|\\"<>^`~', 'a+b!#$&\'()*;=?[]{}|\\"<>^`~'],
    ['jörg', 'j%C3%B6rg'],
    ['J\u00d6RG', 'J%C3%96RG'],
    ['a:b', 'a%3Ab'],
    ['a,b', 'a%2Cb'],
    ['a/b', 'a%2Fb'],
    ['100%', '100%25'],
    ['100%25', '100%2525'],
    [' a b ', '%20a b%20'],
    ['   ', '%20%20%20'],
    ['.', '%2E'],
    ['..', '%2E%2E'],
    ['...', '...'],
    ['.a', '.a'],
    ['_password', '%5Fpassword'],
    ['_privileges', '%5Fprivileges'],
    ['_has_privileges', '%5Fhas_privileges'],
    ['%5Fpassword', '%255Fpassword'],
    ['_passwords', '_passwords'],
    ['_disable', '_disable'],
    ['漢字', '%E6%BC%A2%E5%AD%97'],
  ])('%j is %j', (username, expected) => {
    expect(named(username)).toBe(expected);
    // It can be read back, so no two users share one.
    expect(decodeURIComponent(expected)).toBe(username);
    expect(expected).toMatch(/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/);
  });

  it.each([
    ['', 'a user name must not be empty'],
    ['a'.repeat(256), 'a user name has at most 255 bytes'],
    ['a\nb', 'a user name must not hold control characters or line breaks'],
    ['a\u0000', 'a user name must not hold control characters or line breaks'],
    ['\ud800', 'a user name must not hold control characters or line breaks'],
    [
      '漢'.repeat(85),
      `the user name takes 765 characters in Elasticsearch, which holds at most ${MAX_ELASTIC_NAME}`,
    ],
  ])('%j is none', (username, message) => {
    expect(elasticName(username)).toEqual({ ok: false, message });
  });
});

describe('derived passwords', () => {
  const passwords = new ElasticPasswords(Buffer.alloc(32, 1));

  it('are the same on every host, and differ by root secret, user and generation', () => {
    expect(passwords.of('alice', 1)).toBe(new ElasticPasswords(Buffer.alloc(32, 1)).of('alice', 1));
    const all = [
      passwords.of('alice', 1),
      passwords.of('alice', 2),
      passwords.of('alice1', 1),
      passwords.of('alice\u0001', 1),
      new ElasticPasswords(Buffer.alloc(32, 2)).of('alice', 1),
    ];
    expect(new Set(all).size).toBe(all.length);
    for (const password of all) expect(password).toMatch(/^[\w-]{43}$/);
  });

  it('are known answers: a change of the derivation would lock everybody out', () => {
    expect(passwords.of('alice', 1)).toBe('NRIgKIh0UOvKVhg6BmZJLRtDTcMAxrGTb-WXXZxNwXM');
    expect(passwords.mark('alice', 1)).toBe('9ce053ad1a0445df');
    expect(passwords.authorization('j%C3%B6rg', 3)).toBe(
      `Basic ${Buffer.from(`j%C3%B6rg:${passwords.of('j%C3%B6rg', 3)}`).toString('base64')}`,
    );
  });

  it('leave a mark that tells the root secret and nothing of the password', () => {
    const mark = passwords.mark('alice', 1);
    expect(passwords.isMark(mark, 'alice', 1)).toBe(true);
    for (const [text, name, generation] of [
      [mark, 'alice', 2],
      [mark, 'bob', 1],
      [mark.slice(1), 'alice', 1],
      ['', 'alice', 1],
    ] as const) {
      expect(passwords.isMark(text, name, generation)).toBe(false);
    }
    expect(Buffer.from(passwords.of('alice', 1), 'base64url').toString('hex')).not.toContain(mark);
  });
});

describe('roles', () => {
  const roles = roleMap({
    groupMappings: [
      ['Admins', ['superuser', 'kibana_admin']],
      ['admins', ['extra']],
      ['dev team', ['viewer', 'kibana_admin']],
      ['empty', []],
    ],
    defaultRoles: ['kibana_user', 'kibana_user'],
  });

  it.each([
    [['admins'], ['superuser', 'kibana_admin', 'extra']],
    [
      ['ADMINS', 'admins'],
      ['superuser', 'kibana_admin', 'extra'],
    ],
    [
      ['Dev Team', 'Admins', 'unknown'],
      ['viewer', 'kibana_admin', 'superuser', 'extra'],
    ],
    [['unknown'], ['kibana_user']],
    [['empty'], ['kibana_user']],
    [[], ['kibana_user']],
    [['admin'], ['kibana_user']],
    [['__proto__', 'constructor'], ['kibana_user']],
  ])('of %j are %j', (groups, expected) => {
    expect(roles(groups)).toEqual(expected);
  });

  it.each([
    ['ÄRZTE', 'ärzte', true],
    ['ΟΔΟΣ', 'οδος', true],
    ['ΟΔΟΣ', 'οδοσ', true],
    ['οδος', 'ΟΔΟΣ Α', false],
    ['\u212Aelvin', 'kelvin', true],
    ['STRAẞE', 'straße', true],
    ['STRASSE', 'straße', false],
    ['\u0130T', 'it', false],
    ['\u0131t', 'IT', false],
    ['\u017Fudo', 'sudo', false],
    ['e\u0301quipe', '\u00e9quipe', false],
  ])('of %s are those of %s: %s', (group, mapped, same) => {
    for (const [one, other] of [
      [group, mapped],
      [mapped, group],
    ] as const) {
      expect(roleMap({ groupMappings: [[one, ['r']]], defaultRoles: [] })([other])).toEqual(
        same ? ['r'] : [],
      );
      expect(strangeGroup([one], [other]) === undefined).toBe(same);
    }
  });

  it('are refused to strange groups where only some are wanted', () => {
    expect(strangeGroup(['a', 'B'], ['A', 'b'])).toBeUndefined();
    expect(strangeGroup(['a', 'c'], ['A', 'b'])).toBe('c');
    expect(strangeGroup(['a'], [])).toBe('a');
    expect(strangeGroup(['a'], undefined)).toBeUndefined();
  });
});

describe('places', () => {
  it('are given in turn, and to nobody who has left', async () => {
    const slots = new Slots(1);
    const never = new AbortController().signal;
    const first = await slots.enter(never);
    const leaving = new AbortController();
    const second = slots.enter(leaving.signal);
    const third = slots.enter(never);
    leaving.abort();
    expect(await second).toBeUndefined();
    first?.leave();
    const held = await third;
    expect(held).toBeDefined();
    held?.leave();
    expect(await slots.enter(AbortSignal.abort())).toBeUndefined();
    expect(await slots.enter(never)).toBeDefined();
  });
});

describe('an answer that is none of Elasticsearch', () => {
  let server: Server;
  afterEach(() => void server.close());

  const listen = async (status: number, headers: Record<string, string>, body: string) => {
    server = createServer((request, response) => {
      request.resume();
      response.writeHead(status, headers);
      response.end(body);
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  };
  const JSON_TYPE = { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' };

  it.each([
    ['too many requests', 429, JSON_TYPE, '{"error":{"reason":"queue is full"}}', 'ERR_ELASTIC_THROTTLED'],
    ['a page of a proxy', 200, { 'content-type': 'text/html' }, '<html>', 'ERR_ELASTIC_MALFORMED'],
    ['OpenSearch', 200, { 'content-type': 'application/json' }, '{}', 'ERR_ELASTIC_MALFORMED'],
    ['text for JSON', 200, JSON_TYPE, '{"alice":', 'ERR_ELASTIC_MALFORMED'],
    ['a list', 200, JSON_TYPE, '[]', 'ERR_ELASTIC_MALFORMED'],
    ['another user', 200, JSON_TYPE, '{"bob":{"roles":[],"enabled":true}}', 'ERR_ELASTIC_MALFORMED'],
    ['half a user', 200, JSON_TYPE, '{"alice":{"roles":[]}}', 'ERR_ELASTIC_MALFORMED'],
    ['an error of a proxy', 502, { 'content-type': 'text/html' }, '<html>', 'ERR_ELASTIC_MALFORMED'],
    ['an error of its own', 400, JSON_TYPE, '{"error":{"reason":"no"}}', 'ERR_ELASTIC_REJECTED'],
    ['a redirection', 302, { location: '/login' }, '', 'ERR_ELASTIC_MALFORMED'],
  ] as const)(
    '%s: 503, a line that says so, and nothing remembered',
    async (_name, status, headers, body, code) => {
      const at = await listen(status, headers, body);
      const host = await elasticHost(at);
      expect(await host.provisioner.provision(person('alice'), 'directory')).toEqual({
        status: 'unavailable',
        retryAfterSeconds: 5,
      });
      expect(host.log.lines.at(-1)).toMatchObject({
        level: 'warn',
        fields: { host: at.url, code, user: 'alice' },
      });
      expect(host.count('write')).toBe(0);
      // Asked again with the next request.
      await host.provisioner.provision(person('alice'), 'directory');
      expect(host.count('find')).toBe(2);
      await host.service.close();
    },
  );

  it.each([301, 302, 307, 308, 399])('%i with JSON: nothing counts as done', async status => {
    const { url } = await listen(
      status,
      { ...JSON_TYPE, location: '/elsewhere' },
      '{"created":true,"username":"a"}',
    );
    const client = new OfficialClient({ hosts: [url], credentials: { apiKey: 'key' }, tls: {} });
    const signal = AbortSignal.timeout(5_000);
    const user = { roles: [], fullName: '', email: '', enabled: true, metadata: {} };
    const calls = [
      client.find('alice', signal),
      client.all(signal),
      client.write('alice', user, signal),
      client.disable('alice', signal),
      client.accepts('Basic YTpi', signal),
      client.check(signal),
    ];
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ status: 'rejected', reason: { code: 'ERR_ELASTIC_MALFORMED', status } });
    }
    await client.close();
  });

  it('is no matter of TLS where nobody can be asked, whatever the host is called', async () => {
    const credentials = { apiKey: 'key' };
    const client = new OfficialClient({ hosts: ['https://es-tls.invalid:9200'], credentials, tls: {} });
    await expect(client.check(AbortSignal.timeout(10_000))).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_ELASTIC_(UNREACHABLE|SLOW)$/),
    });
    await client.close();
  });

  it('asks nobody in a dry run', async () => {
    const host = await elasticHost({ url: 'http://127.0.0.1:9' }, { setup: { dryRun: true } });
    expect((await host.provisioner.provision(person('alice'), 'directory')).status).toBe('ready');
    expect(host.calls).toEqual([]);
    await host.service.close();
  });

  it('is not asked about names and groups that cannot be', async () => {
    const host = await elasticHost({ url: 'http://127.0.0.1:9' }, { setup: { groupWhitelist: ['a'] } });
    for (const someone of [person('a\nb'), person('alice', { groups: ['a', 'b'] })]) {
      expect((await host.provisioner.provision(someone, 'directory')).status).toBe('bad-request');
    }
    expect(host.calls).toEqual([]);
    await host.service.close();
  });
});
