import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { viewPeople } from '../../host/cli/people-view.ts';
import { parseConfig } from '../../host/config/parse.ts';
import type { Setup } from '../../host/config/schema.ts';
import { checkOtherRouters } from '../../host/doctor/checks/other-routers.ts';
import { checkPeople } from '../../host/doctor/checks/people.ts';
import { checkPortal } from '../../host/doctor/checks/portal.ts';
import type { PeopleView } from '../../host/doctor/observation.ts';
import { createSecret } from '../../host/secret/secret.ts';
import { all, observed, readRecording } from '../support/doctor.ts';
import { freePort } from '../support/net.ts';
import { runCli } from '../support/run-cli.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

const PORTAL = 'https://auth.example.com/';
const PEOPLE: PeopleView = {
  portals: [PORTAL],
  withoutStorage: [],
  database: { kind: 'sqlite' },
  hasSecondFactor: true,
  notifier: { kind: 'smtp' },
  regulation: '3 failed attempts within 2m ban the account for 5m',
};
const POLICY = { access_control: { rules: [{ domain: '*.example.com', policy: 'one_factor' }] } };

afterAll(removeTempDirectories);

/** Traefik with a guard for all names, and these routers to the portal. */
function seen(portal: object | undefined, service = 'http://127.0.0.1:9091', people: PeopleView = PEOPLE) {
  return observed(
    'healthy',
    ({ rawdata }) => {
      const guard = rawdata.routers['postern-app-example-com@file'] ?? {};
      guard.rule = 'HostRegexp(`^.+\\.example\\.com\\.?$`)';
      guard.priority = 500;
      rawdata.services['portal@file'] = { loadBalancer: { servers: [{ url: service }] } };
      if (portal === undefined) return;
      rawdata.routers['postern-portal@file'] = {
        rule: 'Host(`auth.example.com`)',
        entryPoints: ['web'],
        priority: 1_000,
        service: 'portal',
        status: 'enabled',
        ...portal,
      };
    },
    { people, policy: POLICY, domains: ['*.example.com'] },
  );
}

describe('the way to the portal', () => {
  it('is a router to the host before the guards, which goes round nothing', () => {
    const healthy = seen({});
    expect(all(checkPortal, healthy)).toEqual(['ok portal.router']);
    expect(all(checkOtherRouters, healthy)).toEqual([]);
  });

  const wrong: [string, object | undefined, string | undefined, string][] = [
    ['is missing', undefined, undefined, 'error portal.no-router'],
    ['leads elsewhere', {}, 'http://127.0.0.1:8000', 'error portal.no-router'],
    ['is for another name', { rule: 'Host(`sso.example.com`)' }, undefined, 'error portal.no-router'],
    ['is not served', { status: 'disabled' }, undefined, 'error portal.no-router'],
    ['lies behind the guard', { priority: 10 }, undefined, 'error portal.guarded'],
  ];
  it.each(wrong)('is told when it %s', (_, portal, service, code) => {
    const observation = seen(portal, service);
    const [finding, ...more] = checkPortal(observation);
    expect([`${finding?.severity} ${finding?.code}`, more]).toEqual([code, []]);
    expect(finding?.mend).toContain("rule: 'Host(`auth.example.com`)'");
    expect(finding?.mend).toContain("url: 'http://127.0.0.1:9091'");
  });

  it('still tells of a router that takes its name and leads to somebody else', () => {
    expect(all(checkOtherRouters, seen({}, 'http://127.0.0.1:8000'))).toEqual(['error router.past-guard']);
  });

  it('is nobody’s business without a portal, or without Traefik', () => {
    expect(all(checkPortal, seen({}, undefined, { ...PEOPLE, portals: [] }))).toEqual([]);
    expect(
      all(
        checkPortal,
        observed('healthy', () => {}, { people: PEOPLE, layout: undefined }),
      ),
    ).toEqual([]);
    expect(Object.keys(readRecording('healthy').rawdata.services)).not.toContain('portal@file');
  });
});

describe('what people sign in by', () => {
  const cases: [string, Partial<PeopleView>, string[]][] = [
    ['well', {}, ['ok sessions.database', 'ok messages.notifier', 'ok regulation.on']],
    [
      'nothing but an address',
      {
        portals: [],
        withoutStorage: ['example.com'],
        database: undefined,
        notifier: undefined,
        regulation: undefined,
      },
      ['warning sessions.no-database'],
    ],
    [
      'a database that is away',
      { database: { kind: 'postgres', problem: 'the database cannot be asked' } },
      ['error sessions.database', 'ok messages.notifier', 'ok regulation.on'],
    ],
    [
      'a mail server that is away',
      { notifier: { kind: 'smtp', problem: { message: 'mail cannot be sent', hint: 'look' } } },
      ['ok sessions.database', 'error messages.notifier', 'ok regulation.on'],
    ],
    [
      'no way to send a message',
      { notifier: undefined },
      ['ok sessions.database', 'warning messages.none', 'ok regulation.on'],
    ],
    [
      'neither a second factor nor messages',
      { notifier: undefined, hasSecondFactor: false },
      ['ok sessions.database', 'ok regulation.on'],
    ],
    [
      'no bans',
      { regulation: undefined },
      ['ok sessions.database', 'ok messages.notifier', 'warning regulation.off'],
    ],
  ];
  it.each(cases)('%s', (_, over, codes) => {
    expect(all(checkPeople, seen({}, undefined, { ...PEOPLE, ...over }))).toEqual(codes);
  });

  it('is looked at as it is configured', async () => {
    const home = tempDirectory();
    const port = await freePort();
    const view = async (text: string) => {
      const yaml = { file: join(home, 'postern.yml'), text };
      const parsed = parseConfig({ yaml, env: { POSTERN_SECRET: createSecret() }, isTerminal: false });
      return viewPeople(parsed.config as Setup);
    };
    const cookies =
      'session: { cookies: [{ domain: example.com, authelia_url: "https://auth.example.com" }] }\n';
    expect(await view('log: { level: info }\n')).toBeUndefined();
    expect(await view(cookies)).toMatchObject({
      portals: [],
      withoutStorage: ['example.com'],
      database: undefined,
    });
    const storage = 'storage: { local: { path: postern.sqlite3 } }\n';
    const smtp = `notifier: { smtp: { address: 'smtp://127.0.0.1:${port}', sender: 'a@example.com', disable_startup_check: true, timeout: 2s } }\n`;
    const found = await view(cookies + storage + smtp);
    expect(found).toMatchObject({
      portals: [PORTAL],
      withoutStorage: [],
      database: { kind: 'sqlite', problem: `there is no database at ${join(home, 'postern.sqlite3')} yet` },
      notifier: { kind: 'smtp', problem: { message: expect.stringContaining(`127.0.0.1:${port}`) } },
      regulation: '3 failed attempts within 2m ban the account for 5m',
    });
    // Looking makes nothing.
    expect((await view(cookies + storage))?.database?.problem).toContain('there is no database');
    writeFileSync(join(home, 'postern.yml'), storage);
    const env = { POSTERN_SECRET: createSecret() };
    await runCli(['storage', 'migrate', '--config', join(home, 'postern.yml')], { env });
    expect((await view(cookies + storage))?.database).toEqual({ kind: 'sqlite', problem: undefined });
    expect((await view(`${cookies}${storage}regulation: { max_retries: 0 }\n`))?.regulation).toBeUndefined();
  }, 60_000);
});
