import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Held, isHeld, type Lock } from '../../host/cache/cache.ts';
import { MemoryCache, MemorySpace } from '../../host/cache/memory-cache.ts';
import { type Clock, systemClock } from '../../host/clock.ts';
import { ElasticPasswords } from '../../host/elastic/password.ts';
import { departed } from '../../host/elastic/sync.ts';
import { formatSecret } from '../../host/secret/secret.ts';
import { account, ELASTIC_SECRET, type ElasticHost, elasticHosts, person } from '../support/elastic.ts';
import {
  basic,
  describeElasticsearch,
  ELASTIC_PASSWORD,
  type Elasticsearch,
} from '../support/elasticsearch/elasticsearch.ts';
import { fakeLogger } from '../support/host-fakes.ts';
import { runCli } from '../support/run-cli.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';
import { sleep, waitUntil } from '../support/wait.ts';

const ALICE = person('alice', {
  displayName: 'Alice Ünal',
  email: 'alice@example.com',
  groups: ['Admins', 'dev team', 'ADMINS', 'unknown'],
});

describeElasticsearch('users in a real Elasticsearch', start => {
  let es: Elasticsearch;
  const { make: host, close } = elasticHosts(() => es);
  const stored = async (name: string) =>
    (await es.ask('GET', `/_security/user/${encodeURIComponent(name)}`)).body[name];

  beforeAll(async () => {
    es = await start();
  }, 200_000);
  afterAll(async () => {
    await close();
    await es?.stop();
    removeTempDirectories();
  });

  it('are made whole, and let in with the password that was derived', async () => {
    const first = await host();
    const authorization = await first.authorization(ALICE);
    const { metadata, ...user } = await stored('alice');
    expect(user).toEqual({
      username: 'alice',
      roles: ['superuser', 'kibana_admin', 'viewer'],
      full_name: 'Alice Ünal',
      email: 'alice@example.com',
      enabled: true,
    });
    expect(metadata.groups).toEqual(ALICE.groups);
    expect(metadata.postern).toMatchObject({ user: 'alice', source: 'directory', generation: 1 });
    const { status, body } = await es.authenticate(authorization);
    expect([status, body.username]).toEqual([200, 'alice']);

    // A repeat costs nothing; another start looks, and writes nothing.
    expect(await first.authorization(ALICE)).toBe(authorization);
    expect(first.calls).toEqual(['find alice', 'write alice']);
    const restarted = await host();
    expect(await restarted.authorization(ALICE)).toBe(authorization);
    expect(restarted.calls).toEqual(['find alice', 'accepts ']);
  });

  it('have other roles with the request after their groups changed, and the same password', async () => {
    const { authorization, calls } = await host();
    const carol = person('carol', { groups: ['admins'] });
    const before = await authorization(carol);
    expect((await stored('carol')).roles).toEqual(['superuser', 'kibana_admin']);
    expect(await authorization({ ...carol, groups: ['nobody'] })).toBe(before);
    expect((await stored('carol')).roles).toEqual(['kibana_user']);
    expect((await es.authenticate(before)).status).toBe(200);
    expect(calls.filter(call => call === 'write carol')).toHaveLength(2);
  });

  it('are written once by 100 first requests over two hosts', async () => {
    const space = new MemorySpace();
    const [a, b] = [await host({ space }), await host({ space })];
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => (i % 2 ? a : b).authorization(person('many'))),
    );
    expect(new Set(answers).size).toBe(1);
    expect(a.count('write') + b.count('write')).toBe(1);
    expect((await es.authenticate(answers[0] as string)).status).toBe(200);
  });

  it('come to one password without a shared store, too', async () => {
    const [a, b] = [await host(), await host()];
    const answers = await Promise.all(
      [a, b].flatMap(one => [1, 2, 3].map(() => one.authorization(person('apart')))),
    );
    expect(new Set(answers).size).toBe(1);
    expect([a.count('find'), b.count('find')]).toEqual([1, 1]);
    expect((await es.authenticate(answers[0] as string)).status).toBe(200);
  });

  it('are ready all the same when the store is emptied during the work', async () => {
    const space = new MemorySpace();
    const parts = { clock: systemClock, random: randomBytes, log: fakeLogger(), space };
    class Emptied extends MemoryCache {
      lost = 0;
      override async acquire(...args: Parameters<MemoryCache['acquire']>): Promise<Lock | Held> {
        const lock = await super.acquire(...args);
        if (isHeld(lock) || this.lost++ > 0) return lock;
        return {
          ...lock,
          async leave() {
            await lock.release();
            return false;
          },
        };
      }
    }
    const cache = new Emptied(parts);
    const { authorization, calls } = await host({ cache });
    expect((await es.authenticate(await authorization(person('emptied')))).status).toBe(200);
    // What had been come to was used, or found in Elasticsearch: it was not written again.
    expect([cache.lost > 0, calls.filter(call => call.startsWith('write '))]).toEqual([
      true,
      ['write emptied'],
    ]);
  });

  it.each([
    'jörg',
    'a:b',
    '100%',
    '100%25',
    'a,b',
    'x/y',
    '..',
    '.',
    'two words',
    ' outer ',
    '+',
    'a*',
    '_all',
    '_www',
    '_password',
    '_privileges',
    '_has_privileges',
    '"\'\\<&>?#',
    'Alice',
    '漢'.repeat(56),
  ])('may be called %j', async name => {
    const { authorization } = await host();
    const { status, body } = await es.authenticate(await authorization(person(name)));
    expect([status, body.metadata.postern.user]).toEqual([200, name]);
  });

  it('that are reserved or somebody else made stay as they are: 403, and a line for the operator', async () => {
    await es.ask('PUT', '/_security/user/bert', {
      password: 'hunter2',
      roles: ['viewer'],
      metadata: { groups: [] },
    });
    const { provisioner, log } = await host();
    for (const [name, reason] of [
      ['elastic', 'reserved'],
      ['kibana_system', 'reserved'],
      ['bert', 'foreign'],
    ] as const) {
      const before = await stored(name);
      expect(await provisioner.provision(person(name), 'directory')).toEqual({ status: 'refused' });
      expect(await stored(name)).toEqual(before);
      expect(log.lines.at(-1)).toMatchObject({
        level: 'warn',
        fields: { user: name, reason, hint: expect.any(String) },
      });
    }
    expect((await es.authenticate(basic('bert', 'hunter2'))).status).toBe(200);
    expect((await es.authenticate(basic('elastic', ELASTIC_PASSWORD))).status).toBe(200);
  });

  it('are enabled and given our password again, whatever was done to them', async () => {
    const dora = person('dora');
    const before = await (await host()).authorization(dora);
    await es.ask('POST', '/_security/user/dora/_password', { password: 'somebody-elses' });
    expect((await es.authenticate(before)).status).toBe(401);
    const second = await host();
    expect(await second.authorization(dora)).toBe(before);
    expect((await es.authenticate(before)).status).toBe(200);
    expect(second.log.text()).toContain('was not ours any more');
    await es.ask('PUT', '/_security/user/dora/_disable');
    await (await host()).authorization(dora);
    expect((await es.authenticate(before)).status).toBe(200);
  });

  it('keep what others put into their metadata', async () => {
    const emma = person('emma');
    await (await host()).authorization(emma);
    const { roles, metadata } = await stored('emma');
    await es.ask('PUT', '/_security/user/emma', { roles, metadata: { ...metadata, costs: 42 } });
    await (await host()).authorization({ ...emma, email: 'emma@example.com' });
    expect(await stored('emma')).toMatchObject({ email: 'emma@example.com', metadata: { costs: 42 } });
  });

  it('of another root secret are refused, of the previous one given a new password', async () => {
    const fritz = person('fritz');
    const old = await (await host()).authorization(fritz);
    const secret = Buffer.alloc(32, 9);
    const stranger = await host({ secret });
    expect((await stranger.provisioner.provision(fritz, 'directory')).status).toBe('refused');
    expect(stranger.log.text()).toContain('POSTERN_SECRET_PREVIOUS');
    const successor = await host({ secret, previousSecret: ELASTIC_SECRET });
    const fresh = await successor.authorization(fritz);
    expect([
      fresh === old,
      (await es.authenticate(fresh)).status,
      (await es.authenticate(old)).status,
    ]).toEqual([false, 200, 401]);
  });

  it('are disabled when the directory has them no more, and nobody else is', async () => {
    const one = await host();
    for (const name of ['gone', 'off', 'here']) await one.authorization(person(name));
    const came = await one.provisioner.provision(person('came'), 'headers');
    expect(came.status).toBe('ready');
    one.accounts.set('here', account('here'));
    one.accounts.set('off', account('off', true));
    // They are searched for, which sees what was written a second before.
    const all = await waitUntil('all users to be found', async () => {
      const found = await one.client.all(AbortSignal.timeout(20_000));
      return found.some(user => user.name === 'came') && found;
    });
    const names = ['gone', 'off', 'here', 'came', 'elastic', 'bert'];
    const plan = departed(
      all.filter(user => names.includes(user.name)),
      name => one.accounts.get(name),
      new ElasticPasswords(ELASTIC_SECRET),
      undefined,
    );
    expect(plan.toSorted((a, b) => (a.user < b.user ? -1 : 1))).toEqual([
      { user: 'gone', elasticName: 'gone', reason: 'gone' },
      { user: 'off', elasticName: 'off', reason: 'disabled' },
    ]);
    // The service does so by itself; who was left over by the tests above has gone, too.
    const before = await one.authorization(person('off'));
    await one.service.start();
    await waitUntil('both to be disabled', async () => {
      const [gone, off] = [await stored('gone'), await stored('off')];
      return gone.enabled === false && off.enabled === false;
    });
    expect((await es.authenticate(before)).status).toBe(401);
    for (const name of ['here', 'came', 'elastic', 'bert']) expect((await stored(name)).enabled).toBe(true);
    // Back again: what was remembered of it is forgotten.
    one.accounts.set('off', account('off'));
    expect((await es.authenticate(await one.authorization(person('off')))).status).toBe(200);
  });

  it('are listed and disabled, and taken over, from the command line', async () => {
    const home = tempDirectory();
    const digest = `$2b$04$${'a'.repeat(53)}`;
    writeFileSync(
      join(home, 'users.yml'),
      `users: { stays: { displayname: Stays, password: '${digest}' } }\n`,
    );
    writeFileSync(join(home, 'password'), `${ELASTIC_PASSWORD}\n`);
    const config = join(home, 'postern.yml');
    writeFileSync(
      config,
      `access_control: { default_policy: one_factor }
authentication_backend: { file: { path: users.yml } }
elasticsearch: { hosts: ['${es.url}'], username: elastic, password_file: password }
`,
    );
    const secret = Buffer.alloc(32, 11);
    const env = { POSTERN_SECRET: formatSecret(secret) };
    const cli = (...args: string[]) => runCli(['elastic', ...args, '--config', config], { env });
    const other = await host({ secret });
    await other.authorization(person('stays'));
    await other.authorization(person('left'));
    await waitUntil('left to be found', async () =>
      (await other.client.all(AbortSignal.timeout(20_000))).some(user => user.name === 'left'),
    );
    expect(await cli('sync', '--dry-run')).toEqual({
      code: 0,
      out: 'left\tleft\tgone\twould be disabled\n',
      err: '',
    });
    expect((await stored('left')).enabled).toBe(true);
    expect(await cli('sync')).toEqual({ code: 0, out: 'left\tleft\tgone\tdisabled\n', err: '' });
    expect([(await stored('left')).enabled, (await stored('stays')).enabled]).toEqual([false, true]);
    await waitUntil(
      'nobody to be left',
      async () => (await cli('sync')).err === 'nobody is to be disabled\n',
    );

    const made = {
      password: 'of-elastauth',
      roles: ['viewer'],
      metadata: { groups: ['old'] },
      email: 'o@example.com',
    };
    await es.ask('PUT', '/_security/user/old', made);
    expect((await other.provisioner.provision(person('old'), 'directory')).status).toBe('refused');
    expect(await cli('adopt', 'old', 'stays', 'nobody')).toEqual({
      code: 0,
      out: 'old\ttaken over\nstays\tis ours already\nnobody\tis not there: nothing to do\n',
      err: '',
    });
    expect((await es.authenticate(basic('old', 'of-elastauth'))).status).toBe(200);
    expect((await es.authenticate(await other.authorization(person('old')))).status).toBe(200);
    expect((await es.authenticate(basic('old', 'of-elastauth'))).status).toBe(401);
    expect(await cli('adopt', 'elastic')).toMatchObject({ code: 1, out: expect.stringContaining('refused') });
  });

  it('are within reach, or not, as postern doctor says', async () => {
    await es.ask('PUT', '/_security/user/powerless', { password: 'powerless', roles: [] });
    const home = tempDirectory();
    const digest = `$2b$04$${'a'.repeat(53)}`;
    writeFileSync(join(home, 'users.yml'), `users: { ann: { displayname: Ann, password: '${digest}' } }\n`);
    const config = join(home, 'postern.yml');
    const nowhere = 'http://127.0.0.1:1';
    const found = async (username: string, password: string, url = es.url) => {
      writeFileSync(
        config,
        `access_control: { default_policy: one_factor }
authentication_backend: { file: { path: users.yml } }
elasticsearch: { hosts: ['${url}'], username: ${username}, password: ${password} }
`,
      );
      const args = ['doctor', '--json', '--traefik-api', nowhere, '--host-address', nowhere];
      const { out } = await runCli([...args, '--config', config], {
        env: { POSTERN_SECRET: formatSecret(ELASTIC_SECRET) },
      });
      expect(out.includes(password)).toBe(false);
      const findings: { code: string; severity: string; found: string; mend?: string }[] =
        JSON.parse(out).findings;
      const { severity, found, mend } = findings.find(({ code }) => code.startsWith('elasticsearch.')) ?? {};
      return [severity, found, mend].join(' ');
    };
    expect(await found('elastic', ELASTIC_PASSWORD)).toBe(`ok Elasticsearch takes our account (${es.url}) `);
    expect(await found('elastic', 'wrong-secret')).toMatch(
      /^error .*ERR_ELASTIC_UNAUTHORIZED\) # set elasticsearch/,
    );
    expect(await found('powerless', 'powerless-no')).toContain('ERR_ELASTIC_UNAUTHORIZED');
    await es.ask('PUT', '/_security/user/powerless', { password: 'a-long-one', roles: [] });
    expect(await found('powerless', 'a-long-one')).toMatch(
      /^error .*ERR_ELASTIC_FORBIDDEN\) # .*manage_security/,
    );
    expect(await found('elastic', 'not-asked', nowhere)).toContain('ERR_ELASTIC_UNREACHABLE');
  }, 60_000);

  it('rotate their password behind a fence: requests wait, and none is answered with the old one', async () => {
    const space = new MemorySpace();
    let ahead = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead };
    const fenced: string[] = [];
    const options = {
      space,
      clock,
      setup: { passwordSeconds: 3_600 },
      onFence: (name: string) => void fenced.push(name),
    };
    const [a, b] = [await host(options), await host(options)];
    const gina = person('gina');
    const old = await a.authorization(gina);
    expect(await b.authorization(gina)).toBe(old);
    ahead = 3_700_000;
    const statuses: number[] = [];
    const fresh = new Set<string>();
    let over = false;
    const load = async (one: ElasticHost) => {
      while (!over) {
        const provisioned = await one.provisioner.provision(gina, 'directory');
        expect(provisioned.status).toBe('ready');
        if (provisioned.status !== 'ready') return;
        fresh.add(provisioned.authorization);
        statuses.push((await es.authenticate(provisioned.authorization)).status);
      }
    };
    const running = [load(a), load(a), load(b), load(b)];
    // What is remembered ends with its time: as it would after an hour.
    await a.provisioner.forget('gina');
    await waitUntil('the new password', () => [...fresh].some(text => text !== old), 20_000);
    await sleep(300);
    over = true;
    await Promise.all(running);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(fresh.size).toBeLessThanOrEqual(2);
    expect(fenced).toEqual(['gina', 'gina']);
    expect((await es.authenticate(old)).status).toBe(401);
    expect((await stored('gina')).metadata.postern.generation).toBe(2);
  }, 60_000);
});
