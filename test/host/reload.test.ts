import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hash } from '@node-rs/argon2';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GuestAsk, GuestTest } from '../support/guest.ts';
import { header } from '../support/guest.ts';
import { basic, type Service, startService } from '../support/service.ts';
import { between, type Moment, moment } from '../support/stopwatch.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { ask } from '../support/test-app.ts';
import { sleep, waitUntil } from '../support/wait.ts';

/** A change counts within two seconds, in the guest, too. */
const PROMISED_MS = 2_000;
/** Between two writes; a file is read when it has kept still for a poll of 200 ms. */
const MAX_PAUSE_MS = 150;
/** On a machine that pauses every second all but the luckiest fail. */
const MAX_ATTEMPTS = 40;
const ALICE = 'alice:pw-alice';

let service: Service;
let guest: GuestTest;
beforeEach(async () => {
  const digest = await hash('pw-alice', { memoryCost: 64, timeCost: 1, parallelism: 1 });
  service = await startService(
    `users:\n  alice:\n    password: '${digest}'\n    email: 'a@example.com'\n    groups: ['dev']\n`,
  );
  guest = service.guest();
});
afterEach(() => service.stop());
afterAll(removeTempDirectories);

const rule = (domain: string, policy: string, more: object = {}) => ({ domain, policy, ...more });
const APP = rule('app.example.com', 'one_factor');
const rules = (...list: object[]) => ({ access_control: { default_policy: 'deny', rules: list } });

/** The configuration with other values; JSON is YAML. */
const configWith = (over: object) => JSON.stringify({ ...service.config, ...over });
function write(over: object, file = service.configFile): void {
  writeFileSync(`${file}.new`, configWith(over));
  renameSync(`${file}.new`, file);
}

/** What the guest does: `allow`, `defer`, or the status of its own answer. */
function guestSays(over: GuestAsk = {}): string {
  const outcome = guest.ask({ host: 'app.example.com', ...over });
  if (!outcome.next) return String(outcome.response?.status);
  return header(outcome, 'Postern-Verdict')?.slice(0, 5) ?? 'none';
}
/** What the host answers to a proxy without the guest. */
async function hostSays(
  host: string,
  over: Readonly<Record<string, string>> = {},
  credential?: string,
): Promise<number> {
  const headers = {
    'X-Forwarded-Method': 'GET',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': host,
    'X-Forwarded-Uri': '/',
    ...over,
    ...(credential === undefined ? {} : { Authorization: basic(credential) }),
  };
  const port = Number(new URL(service.url).port);
  return (await ask(port, '/api/authz/forward-auth', Object.entries(headers))).status;
}
const health = async () => JSON.parse(await service.get('/health'));
const metric = async (name: string) =>
  Number(
    new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\S+)$`, 'm').exec(await service.get('/metrics'))?.[1],
  );
const count = (text: string) => service.child.stderr.split(text).length - 1;
const REFUSED = 'the configuration cannot be used, the one read before stays in force';
const READ = 'configuration read: it is in force';

/** Waits until it is so, within the promised time since `began`. */
async function within(began: Moment, what: string, probe: () => boolean | Promise<boolean>): Promise<void> {
  await waitUntil(what, probe);
  expect(between(began)).toBeLessThan(PROMISED_MS);
}

describe('a rule that is changed', () => {
  const OPEN = rules(APP, rule('new.example.com', 'bypass'));
  const isOpen = async () =>
    guestSays({ host: 'new.example.com' }) === 'allow' && (await hostSays('new.example.com')) === 200;

  /** Kubernetes' way: postern.yml -> ..data/postern.yml, ..data -> the newest version's folder. */
  function mountVersion(name: string, over: object): void {
    const home = dirname(service.configFile);
    mkdirSync(join(home, name));
    writeFileSync(join(home, name, 'postern.yml'), configWith(over));
    symlinkSync(name, join(home, '..data_tmp'));
    renameSync(join(home, '..data_tmp'), join(home, '..data'));
  }

  it.each<[string, () => void | Promise<void>]>([
    ['in place', () => writeFileSync(service.configFile, configWith(OPEN))],
    ['by rename', () => write(OPEN)],
    [
      'by removing the file and making it again',
      () => {
        rmSync(service.configFile);
        writeFileSync(service.configFile, configWith(OPEN));
      },
    ],
    [
      'half now and half a little later',
      async () => {
        const text = configWith(OPEN);
        writeFileSync(service.configFile, text.slice(0, text.length / 2));
        await sleep(100);
        writeFileSync(service.configFile, text);
      },
    ],
  ])('counts in host and guest: written %s', async (_name, change) => {
    expect([guestSays({ host: 'new.example.com' }), await hostSays('new.example.com')]).toEqual(['403', 403]);
    expect(await hostSays('app.example.com', {}, ALICE)).toBe(200);
    await waitUntil('the grant to be seen', () => guestSays(withAlice) === 'allow');
    const verifications = await metric('postern_password_verifications_total{result="success"}');
    await change();
    const began = moment();
    await within(began, 'the new rule', isOpen);
    // Nobody had to be verified anew, and nothing was refused on the way.
    expect(guestSays(withAlice)).toBe('allow');
    expect(await metric('postern_password_verifications_total{result="success"}')).toBe(verifications);
    expect(count(READ)).toBe(1);
  });

  it('counts when Kubernetes swaps the symbolic link above it', async () => {
    const home = dirname(service.configFile);
    mountVersion('..v1', rules(APP, rule('other.example.com', 'bypass')));
    symlinkSync('..data/postern.yml', join(home, 'link'));
    renameSync(join(home, 'link'), service.configFile);
    await waitUntil('the first version', () => guestSays({ host: 'other.example.com' }) === 'allow');
    const began = moment();
    mountVersion('..v2', OPEN);
    await within(began, 'the second version', isOpen);
    expect(guestSays({ host: 'other.example.com' })).toBe('403');
  });

  it('is not taken while it is still being written', async () => {
    // Whole YAML at each moment, and another policy: without `methods` all of them are open.
    const text = configWith(rules(APP, { ...rule('app2.example.com', 'bypass'), methods: ['POST'] }));
    const half = configWith(rules(APP, rule('app2.example.com', 'bypass')));
    const isWhole = () =>
      guestSays({ host: 'app2.example.com', method: 'POST' }) === 'allow' &&
      guestSays({ host: 'app2.example.com' }) === '403';
    let pause = Number.POSITIVE_INFINITY;
    for (let attempt = 1; pause > MAX_PAUSE_MS && attempt <= MAX_ATTEMPTS; attempt++) {
      pause = 0;
      // Longer than two polls, the reading and the guest's look at the page.
      for (let i = 0; i < 40 && pause <= MAX_PAUSE_MS; i++) {
        const began = Date.now();
        writeFileSync(service.configFile, `${half}${' '.repeat(i)}`);
        await sleep(30);
        pause = Math.max(pause, Date.now() - began);
      }
      // Had the machine held the writer up, the file would have kept still.
      if (pause <= MAX_PAUSE_MS) expect(guestSays({ host: 'app2.example.com' })).toBe('403');
      writeFileSync(service.configFile, text);
      await waitUntil('the whole rule', isWhole);
    }
    expect(pause).toBeLessThanOrEqual(MAX_PAUSE_MS);
    expect(guestSays({ host: 'app2.example.com' })).toBe('403');
  }, 180_000);
});

const withAlice: GuestAsk = { headers: [['Authorization', basic(ALICE)]] };

describe('a configuration that cannot be used', () => {
  const NEW = rules(APP, rule('new.example.com', 'bypass'));

  it.each<[string, () => void, RegExp[]]>([
    [
      'cut in the middle',
      () => writeFileSync(service.configFile, configWith(NEW).slice(0, -40)),
      [/postern\.yml:1: not valid YAML/],
    ],
    [
      'emptied',
      () => writeFileSync(service.configFile, ''),
      [/access_control: [^"]+/, /authentication_backend\.file\.path: missing: write the path/],
    ],
    ['removed', () => rmSync(service.configFile), [/postern\.yml: no such file/]],
    [
      'wrong in three places',
      () =>
        writeFileSync(
          service.configFile,
          configWith({
            ...rules(rule('a.example.com', 'one_facto'), { policy: 'bypass' }),
            relam: 'x',
          }).replaceAll(/,(?=")/g, ',\n'),
        ),
      [
        /postern\.yml:\d+: access_control\.rules\[0\]\.policy: /,
        /postern\.yml:\d+: access_control\.rules\[1\][^:]*: /,
        /postern\.yml:\d+: relam: unknown key, did you mean `realm`/,
      ],
    ],
  ])('keeps the old policy and says so: %s', async (_name, damage, messages) => {
    expect(await hostSays('app.example.com', {}, ALICE)).toBe(200);
    const before = await health();
    expect(before.config).toMatchObject({ status: 'ok', needs_restart: [] });
    expect(await metric('postern_config_ok')).toBe(1);
    const loaded = await metric('postern_config_last_success_timestamp_seconds');
    expect(new Date(loaded * 1_000).toISOString()).toBe(before.config.in_force_since);

    damage();
    const began = moment();
    await within(began, 'the log line', () => count(REFUSED) > 0);
    const shown = await health();
    expect(shown).toMatchObject({ status: 'DEGRADED', config: { status: 'broken' } });
    expect(shown.config.in_force_since).toBe(before.config.in_force_since);
    expect(Date.parse(shown.config.read_at)).toBeGreaterThan(Date.parse(before.config.read_at));
    expect(await metric('postern_config_ok')).toBe(0);
    expect(await metric('postern_config_reloads_total{result="failure"}')).toBe(1);
    expect(await metric('postern_config_last_success_timestamp_seconds')).toBe(loaded);

    // Once, each problem with its place, and the old policy decides.
    const told = count(REFUSED);
    expect(told).toBeGreaterThanOrEqual(messages.length);
    await sleep(1_000);
    expect(count(REFUSED)).toBe(told);
    for (const message of messages) expect(service.child.stderr).toMatch(message);
    expect([guestSays(withAlice), guestSays({ host: 'new.example.com' }), guestSays()]).toEqual([
      'allow',
      '403',
      '401',
    ]);
    expect(await hostSays('new.example.com')).toBe(403);
    expect(await hostSays('app.example.com', {}, ALICE)).toBe(200);

    write(NEW);
    const mended = moment();
    await within(mended, 'the new rule', () => guestSays({ host: 'new.example.com' }) === 'allow');
    expect(await health()).toMatchObject({ status: 'OK', config: { status: 'ok' } });
    expect(await metric('postern_config_ok')).toBe(1);
    expect(await metric('postern_config_reloads_total{result="success"}')).toBe(1);
    expect(await metric('postern_config_last_success_timestamp_seconds')).toBeGreaterThan(loaded);
    expect(service.child.stderr).not.toContain('pw-alice');
  });

  it('does not depend on the users file, which has a watcher of its own', async () => {
    writeFileSync(service.usersFile, 'users: [');
    await waitUntil('the users file to be seen', () => count('the users file cannot be used') === 1);
    write(NEW);
    await waitUntil('the new rule', () => guestSays({ host: 'new.example.com' }) === 'allow');
    expect(await health()).toMatchObject({ users: { status: 'broken' }, config: { status: 'ok' } });
  });
});

describe('what counts without a restart', () => {
  const OFFICE = [rule('app.example.com', 'bypass', { networks: 'office' })];
  const office = (network: string) => ({
    access_control: { rules: OFFICE },
    definitions: { network: { office: [network] } },
  });
  const PATHS = rules(rule('app.example.com', 'bypass', { resources: '^/a' }));

  it.each<[string, object, object, () => unknown, unknown, unknown]>([
    ['definitions', office('192.0.2.0/24'), office('203.0.113.0/24'), guestSays, '403', 'allow'],
    [
      'allow_http',
      rules(rule('app.example.com', 'bypass')),
      { ...rules(rule('app.example.com', 'bypass')), allow_http: ['app.example.com'] },
      () => guestSays({ scheme: 'http' }),
      '400',
      'allow',
    ],
    [
      'ambiguous_paths',
      PATHS,
      { ...PATHS, ambiguous_paths: 'clean' },
      () => guestSays({ uri: '//a' }),
      '400',
      'allow',
    ],
    [
      'realm, in the guest',
      { realm: 'old realm' },
      { realm: 'new realm' },
      () => guest.ask({ host: 'app.example.com' }).response?.headers.flat().join(' ').includes('new realm'),
      false,
      true,
    ],
    [
      'trusted_proxies, in the host',
      { trusted_proxies: ['192.0.2.1'] },
      { trusted_proxies: ['127.0.0.1'] },
      () => hostSays('app.example.com'),
      403,
      401,
    ],
  ])('%s', async (_key, before, after, probe, was, is) => {
    write(before);
    await waitUntil('the first configuration', () => count(READ) === 1);
    await waitUntil('the first answer', async () => (await probe()) === was);
    write(after);
    const began = moment();
    await within(began, 'the second answer', async () => (await probe()) === is);
    expect(count('restart')).toBe(0);
  });

  it('log.level', async () => {
    await hostSays('app.example.com');
    write({ log: { level: 'debug' } });
    await waitUntil('the new level', async () => {
      await hostSays('app.example.com');
      return count('"level":"debug"') > 0;
    });
    write({ log: { level: 'error' } });
    await waitUntil('quiet', async () => {
      const lines = count('\n');
      await hostSays('app.example.com');
      return count('\n') === lines;
    });
    write({ log: { level: 'info' } });
    await waitUntil('the line that says so', () => count(READ) > 1);
  });

  it('grants.lifetime: new grants live as long, and none lives longer than it may now', async () => {
    expect(await hostSays('app.example.com', {}, ALICE)).toBe(200);
    const life = () => service.records().map(record => (record.expiry - record.issued) / 1_000);
    expect(life()).toEqual([3_600]);
    write({ grants: { lifetime: '2h' } });
    await waitUntil('the longer lifetime', () => count(READ) === 1);
    expect(life()).toEqual([3_600]);
    write({ grants: { lifetime: '10m' } });
    await waitUntil('the shorter lifetime', () => count(READ) === 2);
    expect(life()).toEqual([]);
    await waitUntil('the guest to forget', () => guestSays(withAlice) === 'defer');
    expect(await hostSays('app.example.com', {}, ALICE)).toBe(200);
    expect(life()).toEqual([600]);
  });

  it('nothing changes, and nothing is published, for a comment', async () => {
    const policies = () => readdirSync(service.directory).filter(name => name.startsWith('policy-'));
    const before = policies();
    writeFileSync(service.configFile, `# nothing new\n${configWith({})}`);
    await waitUntil('the reading', () => count(READ) === 1);
    expect(policies()).toEqual(before);
    write({ realm: 'other' });
    await waitUntil('the next reading', () => count(READ) === 2);
    expect(policies()).toHaveLength(2);
  });
});

describe('what waits for a restart', () => {
  it('is named, with its line and never its value; everything else counts at once', async () => {
    write({
      server: { address: 'tcp://127.0.0.1:1' },
      guest: { directory: '/nowhere/else', offline_grace: '1m' },
      grants: { slots: 64, slot_size: 2_048 },
      authentication_backend: {
        file: { path: service.usersFile, search: { case_insensitive: true, email: true } },
      },
      ...rules(APP, rule('new.example.com', 'bypass')),
    });
    await waitUntil('the new rule', () => guestSays({ host: 'new.example.com' }) === 'allow');
    const keys = [
      'server.address',
      'authentication_backend.file.search.case_insensitive',
      'authentication_backend.file.search.email',
      'guest.directory',
      'grants.slots',
      'grants.slot_size',
    ];
    const { config } = await health();
    expect([...config.needs_restart].sort()).toEqual([...keys].sort());
    expect(config.status).toBe('ok');
    for (const key of keys) {
      expect(service.child.stderr).toMatch(
        new RegExp(
          `postern\\.yml:1: ${key.replaceAll('.', '\\.')}: was changed and counts only after a restart`,
        ),
      );
    }
    // Host and guest go on telling names apart as before.
    expect(await hostSays('app.example.com', {}, ALICE)).toBe(200);
    expect(guestSays(withAlice)).toBe('allow');
    expect(guestSays({ headers: [['Authorization', basic('ALICE:pw-alice')]] })).toBe('defer');

    const told = count('counts only after a restart');
    write({ server: { address: 'tcp://127.0.0.1:1' }, realm: 'other' });
    await waitUntil('the next reading', () => count(READ) === 2);
    // Told before, and still so.
    expect(count('counts only after a restart')).toBe(told);
    expect((await health()).config.needs_restart).toEqual(['server.address']);
    write({});
    await waitUntil('the old values', () => count(READ) === 3);
    expect((await health()).config.needs_restart).toEqual([]);
  });
});

describe('SIGHUP', () => {
  it('reads the file at once, changed or not, and a broken one again', async () => {
    service.child.signal('SIGHUP');
    await waitUntil('the reading', () => count(READ) === 1);
    expect((await health()).config.status).toBe('ok');
    writeFileSync(service.configFile, configWith({ nonsense: 1 }));
    service.child.signal('SIGHUP');
    await waitUntil('the problem', () => count(REFUSED) === 1);
    service.child.signal('SIGHUP');
    await waitUntil('the problem again', () => count(REFUSED) === 2);
    expect(guestSays()).toBe('401');
    expect(service.child.exited).toBe(false);
    expect(await service.child.stop()).toBe(0);
  });
});
