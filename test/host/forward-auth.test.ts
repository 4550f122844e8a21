import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DeferralReader } from '../../host/routes/deferral.ts';
import { deriveGuestKey } from '../../host/secret/derive.ts';
import { policyId } from '../../host/snapshot/snapshot-file.ts';
import keysCase from '../cases/grant/keys.json' with { type: 'json' };
import requests from '../cases/grant/requests.json' with { type: 'json' };
import { sign } from '../support/deferral.ts';
import { FAKE_IMAGE, FakeClock, settle } from '../support/host-fakes.ts';
import { type HeaderList, PREVIOUS_SECRET, startTestApp, type TestApp } from '../support/test-app.ts';

const latin1 = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

describe('DeferralReader', () => {
  const clock = new FakeClock();
  const reader = (over: { guest?: string; previous?: string; policyId?: string } = {}) =>
    new DeferralReader({
      guestKeys: [over.guest ?? keysCase.guest, ...(over.previous === undefined ? [] : [over.previous])].map(
        key => Buffer.from(key, 'hex'),
      ),
      policyId: () => Buffer.from(over.policyId ?? 'ab'.repeat(32), 'hex'),
      clock,
    });

  it.each(requests.good)('reads: $name', ({ fields, value }) => {
    clock.setWall(fields.time);
    const { method, scheme, host, uri, client } = fields;
    const read = reader(fields.policyId === '' ? {} : { policyId: fields.policyId }).read([value]);
    expect(read).toEqual({
      ok: true,
      target: { method, scheme, host: latin1(host), uri: latin1(uri), client },
    });
  });

  it.each(requests.bad)('refuses: $name', ({ value, reason }) => {
    expect(reader().read([value])).toEqual({ ok: false, reason });
  });

  const [plain, inline] = requests.good;
  if (plain === undefined || inline === undefined) throw new Error('cases are missing');

  it.each([
    [10_000, undefined],
    [10_001, 'expired'],
    [-2_000, undefined],
    [-2_001, 'future'],
    [1e12, 'expired'],
  ])('%d ms later: %s', (age, reason) => {
    clock.setWall(plain.fields.time + age);
    const read = reader().read([plain.value]);
    expect(read.ok ? undefined : read.reason).toBe(reason);
  });

  it('refuses two headers, an inline policy that is not ours, and an unknown key', () => {
    clock.setWall(plain.fields.time);
    expect(reader().read([plain.value, plain.value])).toEqual({ ok: false, reason: 'repeated' });
    expect(reader().read([inline.value])).toEqual({ ok: false, reason: 'policy' });
    const { otherGuest } = keysCase;
    expect(reader({ guest: otherGuest }).read([plain.value])).toEqual({ ok: false, reason: 'mac' });
    expect(reader({ guest: otherGuest, previous: keysCase.guest }).read([plain.value]).ok).toBe(true);
  });
});

describe('/api/authz/forward-auth', () => {
  const path = '/api/authz/forward-auth';
  let test: TestApp;
  beforeEach(async () => {
    test = await startTestApp();
    test.users.put('alice', 'password-alice', { groups: ['admins', 'dev'], name: 'Alice Ädams' });
    test.users.put('carol', 'p:ass:wörd-carol', { groups: [] });
  });
  afterEach(async () => {
    await test.stop();
    test.clean();
  });

  const basic = (pair: string) => ['Authorization', `Basic ${Buffer.from(pair).toString('base64')}`] as const;
  const alice = basic('alice:password-alice');
  const forwarded = (uri: string, over: Record<string, string | undefined> = {}): HeaderList => {
    const all = {
      'X-Forwarded-Method': 'GET',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'app.example.com',
      'X-Forwarded-Uri': uri,
      'X-Forwarded-For': '203.0.113.9',
      ...over,
    };
    return Object.entries(all).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    );
  };
  /** With the failure's delay passing on the fake clock. */
  const afterDelay = async <T>(answer: Promise<T>): Promise<T> => {
    const calls = test.argon2.calls.length;
    while (test.argon2.calls.length === calls) await new Promise(resolve => setTimeout(resolve, 2));
    await settle();
    await test.clock.advance(2_100);
    return answer;
  };
  const identity = (answer: { headers: Readonly<Record<string, unknown>> }) =>
    ['user', 'groups', 'name', 'email'].map(name => answer.headers[`remote-${name}`]);
  const records = async () => {
    const { body } = await test.get('/metrics');
    return Number(/postern_grants_total\{result="written"\} (\d+)/.exec(body)?.[1]);
  };

  it('answers a good password with the identity, and writes a grant', async () => {
    const answer = await test.get(path, [...forwarded('/'), alice]);
    expect(answer).toMatchObject({ status: 200, body: '200 OK' });
    expect(identity(answer)).toEqual(['alice', 'admins,dev', latin1('Alice Ädams'), 'alice@example.com']);
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(test.engine.asked.at(-1)?.target).toEqual({
      method: 'GET',
      scheme: 'https',
      host: 'app.example.com',
      uri: '/',
      client: '203.0.113.9',
    });
    expect(await records()).toBe(1);
    expect(identity(await test.get(path, [...forwarded('/'), basic('carol:p:ass:wörd-carol')]))).toEqual([
      'carol',
      '',
      '',
      'carol@example.com',
    ]);
  });

  it('answers HEAD without a body, and other methods not at all', async () => {
    expect(await test.get(path, [...forwarded('/'), alice], 'HEAD')).toMatchObject({ status: 200, body: '' });
    const post = await test.get(path, [...forwarded('/'), alice], 'POST');
    expect(post).toMatchObject({
      status: 405,
      body: '405 Method Not Allowed',
      headers: { allow: 'GET, HEAD' },
    });
  });

  it.each([
    ['anonymous, one factor', '/', [], 401],
    ['anonymous, bypass', '/public', [], 200],
    ['anonymous, deny', '/deny', [], 403],
    ['malformed credential', '/', [['Authorization', 'Basic !']], 401],
    ['malformed credential, bypass', '/public', [['Authorization', 'Digest x']], 200],
    ['scheme that is not enabled', '/', [['Authorization', 'Bearer abc']], 401],
    ['two headers', '/', [alice, alice], 401],
    ['too large', '/public', [['Authorization', `Basic ${'x'.repeat(3_000)}`]], 431],
    ['one factor where two are wanted', '/two', [alice], 401],
    ['known user, deny', '/deny', [alice], 403],
    ['known user, bypass', '/public', [alice], 200],
  ] as const)('%s', async (_name, uri, headers, status) => {
    const answer = await test.get(path, [...forwarded(uri), ...headers]);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatch(new RegExp(`^${status} [A-Z]`));
    expect(answer.headers['www-authenticate']).toBe(
      status === 401 ? 'Basic realm="The \\"realm\\""' : undefined,
    );
    const user = headers.length === 1 && headers[0] === alice ? 'alice' : '';
    expect(answer.headers['remote-user']).toBe(status === 200 ? user : undefined);
  });

  it.each([
    ['/', 401],
    ['/public', 200],
    ['/deny', 401],
  ])('delays a wrong password on every rule: %s', async (uri, status) => {
    const answer = await afterDelay(test.get(path, [...forwarded(uri), basic('alice:wrong')]));
    expect(answer.status).toBe(status);
    if (status === 200) expect(identity(answer)).toEqual(['', '', '', '']);
    expect(await records()).toBe(0);
  });

  it('refuses a bad target before a password costs anything', async () => {
    const answer = await test.get(path, [...forwarded('/', { 'X-Forwarded-Host': 'bad' }), alice]);
    expect(answer).toMatchObject({ status: 400, body: '400 Bad Request' });
    expect(test.argon2.calls).toEqual([]);
  });

  it.each(['X-Forwarded-Method', 'X-Forwarded-Proto', 'X-Forwarded-Host'])(
    'refuses a request without, with an empty or with two %s',
    async name => {
      for (const headers of [
        forwarded('/', { [name]: undefined }),
        forwarded('/', { [name]: '' }),
        [...forwarded('/public'), [name, '/public'] as const],
      ]) {
        expect((await test.get(path, [...headers, alice])).status).toBe(400);
      }
      expect(test.argon2.calls).toEqual([]);
      expect(test.log.lines.at(-1)?.fields.key).toBe(name.toLowerCase());
    },
  );

  it('refuses two paths, and leaves it to the rules to want one', async () => {
    const two: HeaderList = [...forwarded('/public'), ['X-Forwarded-Uri', '/public']];
    expect((await test.get(path, two)).status).toBe(400);
    for (const uri of ['', undefined]) {
      await test.get(path, forwarded('/', { 'X-Forwarded-Uri': uri }));
      expect(test.engine.asked.at(-1)?.target.uri).toBe('');
    }
  });

  it('knows no client where the proxy tells none', async () => {
    await test.get(path, forwarded('/public', { 'X-Forwarded-For': undefined }));
    expect(test.engine.asked.at(-1)?.target.client).toBe('');
  });

  it('joins the lines of X-Forwarded-For', async () => {
    await test.get(path, [...forwarded('/public'), ['X-Forwarded-For', '198.51.100.7']]);
    expect(test.engine.asked.at(-1)?.target.client).toBe('198.51.100.7');
  });

  it('refuses forwarding headers from anybody but a trusted proxy, naming peer and key', async () => {
    test.engine.isTrustedProxy = () => false;
    expect((await test.get(path, [...forwarded('/public'), alice])).status).toBe(403);
    expect(test.log.lines.at(-1)).toMatchObject({
      level: 'warn',
      message: 'refused: forwarding headers from a peer that is not in trusted_proxies',
      fields: { peer: '127.0.0.1', key: 'trusted_proxies' },
    });
  });

  it('passes bytes above ASCII on as they came', async () => {
    await test.get(path, forwarded(latin1('/public/ü')));
    expect(test.engine.asked.at(-1)?.target.uri).toBe(latin1('/public/ü'));
  });

  it('answers 503 when too many passwords wait', async () => {
    await test.stop();
    test.clean();
    test = await startTestApp({ maxQueue: 1 });
    test.users.put('alice', 'password-alice');
    test.argon2.held = true;
    const waiting = ['1', '2'].map(n => test.get(path, [...forwarded('/'), basic(`alice:${n}`)]));
    while (!(await test.get('/metrics')).body.includes('postern_password_queue_length 1')) await settle();
    const answer = await test.get(path, [...forwarded('/'), alice]);
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
    await test.argon2.release();
    await test.argon2.release();
    await test.clock.advance(2_100);
    for (const other of await Promise.all(waiting)) expect(other.status).toBe(401);
  });

  describe('with Postern-Request', () => {
    const lines = () => test.log.lines.filter(line => line.message.startsWith('deferral refused'));

    it('judges what the guest signed, whatever the other headers say', async () => {
      const answer = await test.get(path, [
        ['Postern-Request', sign(test, { uri: '/x?y' })],
        ...forwarded('/public', { 'X-Forwarded-For': '10.0.0.1' }),
        alice,
      ]);
      expect(answer.status).toBe(200);
      expect(test.engine.asked.at(-1)?.target).toEqual({
        method: 'GET',
        scheme: 'https',
        host: 'signed.example.com',
        uri: '/x?y',
        client: '203.0.113.9',
      });
      const anonymous = await test.get(path, [['Postern-Request', sign(test)], ...forwarded('/public')]);
      expect(anonymous.status).toBe(401);
    });

    it('proves nobody by itself', async () => {
      expect(
        (
          await test.get(path, [
            ['Postern-Request', sign(test)],
            ['Remote-User', 'alice'],
          ])
        ).status,
      ).toBe(401);
    });

    it.each([
      ['expired', { age: 10_001 }],
      ['future', { age: -2_001 }],
      ['mac', { key: deriveGuestKey(PREVIOUS_SECRET) }],
      ['policy', { policyId: Buffer.alloc(32, 9) }],
      ['malformed', { policyId: Buffer.alloc(16) }],
    ] as const)('refuses: %s', async (reason, over) => {
      const answer = await test.get(path, [
        ['Postern-Request', sign(test, { uri: '/public', ...over })],
        ...forwarded('/public'),
        alice,
      ]);
      expect(answer).toMatchObject({ status: 403, body: '403 Forbidden' });
      expect(lines()).toHaveLength(1);
      expect(lines()[0]?.fields).toMatchObject({ reason, peer: '127.0.0.1' });
      expect(test.argon2.calls).toEqual([]);
      expect((await test.get('/metrics')).body).toContain(`postern_deferrals_total{reason="${reason}"} 1`);
    });

    it('refuses one that is empty or stands twice', async () => {
      const good = sign(test, { uri: '/public' });
      for (const headers of [[''], [good, good], [good, '']]) {
        const answer = await test.get(
          path,
          headers.map(value => ['Postern-Request', value] as const),
        );
        expect(answer.status).toBe(403);
      }
      expect((await test.get(path, [['postern-request', good]])).status).toBe(200);
    });

    it("accepts the host's own policy inline", async () => {
      const own = sign(test, { uri: '/public', policyId: policyId(FAKE_IMAGE) });
      expect((await test.get(path, [['Postern-Request', own]])).status).toBe(200);
    });

    it('resolves the client for a guest without a policy, behind a trusted proxy only', async () => {
      const headers: HeaderList = [
        ['Postern-Request', sign(test, { uri: '/public', client: '?' })],
        ['X-Forwarded-For', '10.0.0.1, 198.51.100.7'],
      ];
      expect((await test.get(path, headers)).status).toBe(200);
      expect(test.engine.asked.at(-1)?.target.client).toBe('198.51.100.7');
      test.engine.isTrustedProxy = () => false;
      expect((await test.get(path, headers)).status).toBe(403);
      const known: HeaderList = [['Postern-Request', sign(test, { uri: '/public', client: '' })]];
      expect((await test.get(path, known)).status).toBe(200);
      expect(test.engine.asked.at(-1)?.target.client).toBe('');
    });

    it('accepts the previous key while it is configured', async () => {
      await test.stop();
      test.clean();
      test = await startTestApp({ config: { previousSecret: PREVIOUS_SECRET } });
      const old = sign(test, { uri: '/public', key: deriveGuestKey(PREVIOUS_SECRET) });
      expect((await test.get(path, [['Postern-Request', old]])).status).toBe(200);
      expect((await test.get(path, [['Postern-Request', sign(test, { uri: '/public' })]])).status).toBe(200);
    });

    it('takes the longest one, beside many headers', async () => {
      const headers: HeaderList = [
        ...Array.from({ length: 100 }, (_, i) => [`X-Filler-${i}`, 'x'.repeat(400)] as const),
        ['Postern-Request', sign(test, { uri: `/public/${'a'.repeat(8_180)}` })],
      ];
      expect((await test.get(path, headers)).status).toBe(200);
    });

    it('is not lost behind too many headers', async () => {
      const headers: HeaderList = [
        ...forwarded('/public'),
        ...Array.from({ length: 2_500 }, (_, i) => [`X-${i}`, ''] as const),
        ['Postern-Request', sign(test)],
      ];
      expect((await test.get(path, headers)).status).toBe(431);
    });
  });

  it('leaves groups out that would read as others, and warns once', async () => {
    test.users.put('mallory', 'x', { groups: ['a,admins', 'ok', 'line\nbreak', ''], name: 'bad\rname' });
    for (let i = 0; i < 2; i++) {
      const answer = await test.get(path, [...forwarded('/'), basic('mallory:x')]);
      expect(identity(answer)).toEqual(['mallory', 'ok', '', 'mallory@example.com']);
    }
    expect(test.log.lines.filter(line => line.level === 'warn').map(line => line.fields.kind)).toEqual([
      'group',
      'display name',
    ]);
  });

  it('refuses a user whose name no header can carry', async () => {
    test.users.put('alice ', 'x');
    expect((await test.get(path, [...forwarded('/'), basic('alice :x')])).status).toBe(403);
  });

  it('never shows a credential in log or metrics', async () => {
    await test.get(path, [...forwarded('/?token=query-secret'), alice]);
    await afterDelay(test.get(path, [...forwarded('/'), basic('alice:hunter2')]));
    const all = test.log.text() + (await test.get('/metrics')).body;
    expect(all).not.toMatch(/password-alice|hunter2|query-secret|Basic /);
    expect((await test.get('/metrics')).body).not.toContain('alice');
  });
});
