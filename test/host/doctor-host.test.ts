import { chmodSync, mkdirSync, readdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apart, checkClock } from '../../host/doctor/checks/clock.ts';
import { checkForwardAuth } from '../../host/doctor/checks/forward-auth.ts';
import { checkGuestDirectory } from '../../host/doctor/checks/guest-directory.ts';
import { checkHost } from '../../host/doctor/checks/host.ts';
import { checkKeyFile } from '../../host/doctor/checks/key-file.ts';
import { checkProbe } from '../../host/doctor/checks/probe.ts';
import { checkStatePage } from '../../host/doctor/checks/state-page.ts';
import { observeGuestDirectory } from '../../host/doctor/guest-directory-view.ts';
import { observeHost } from '../../host/doctor/host-view.ts';
import { clockOffset } from '../../host/doctor/http-get.ts';
import { observeKeyFile } from '../../host/doctor/key-file-view.ts';
import { shellWord } from '../../host/doctor/mend.ts';
import type { Observation } from '../../host/doctor/observation.ts';
import { observeProbe, type ProbeAnswer, type ProbeView } from '../../host/doctor/probe-view.ts';
import { staticConfigOf } from '../../host/doctor/support-dump.ts';
import { observeTraefik } from '../../host/doctor/traefik-api.ts';
import type { ClockOffset } from '../../host/doctor/traefik-view.ts';
import { deriveGuestKey } from '../../host/secret/derive.ts';
import { formatGuestKey, formatSecret } from '../../host/secret/secret.ts';
import { all, GOOD_DIRECTORY, observed, wrong } from '../support/doctor.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';
import { PREVIOUS_SECRET, SECRET, startTestApp, type TestApp } from '../support/test-app.ts';

const seen = (over: Partial<Observation>) => observed('healthy', () => {}, over);
const state = (over: object) =>
  seen({ directory: { ...GOOD_DIRECTORY, state: { ...GOOD_DIRECTORY.state, ...over } } });
const page = (over: object) => state({ page: { ...GOOD_DIRECTORY.state.page, ...over } });

afterAll(removeTempDirectories);

describe('the host', () => {
  const host = { heartbeat: 'ok', users: 'ok', grants: 'ok', clock: undefined };
  const STORE = { address: 'redis:6379', reason: 'ECONNREFUSED', hint: 'look whether the server runs' };

  it.each([
    [host, ['ok host.up']],
    [{ failed: 'ECONNREFUSED' }, ['error host.down']],
    [{ ...host, heartbeat: 'stale' }, ['ok host.up', 'error host.heartbeat']],
    [
      { ...host, users: 'broken', grants: 'not written' },
      ['ok host.up', 'error host.users', 'warning host.grants'],
    ],
    [{ ...host, store: { ...STORE, status: 'ok' } }, ['ok host.up', 'ok host.store']],
    [
      { ...host, store: { ...STORE, status: 'down' }, grants: 'not written' },
      ['ok host.up', 'error host.store'],
    ],
    [{ ...host, store: { ...STORE, status: 'full' } }, ['ok host.up', 'error host.store']],
  ])('%j', (answer, expected) => {
    expect(all(checkHost, seen({ host: answer }))).toEqual(expected);
  });

  it.each([
    [{ failed: 'ENOTFOUND' }, ['unseen forward-auth.address']],
    [{ failed: 'ECONNREFUSED' }, ['error forward-auth.address']],
  ])('asked by Traefik at another address: %j', (answer, expected) => {
    expect(all(checkForwardAuth, seen({ authHosts: new Map([['http://127.0.0.1:9091', answer]]) }))).toEqual(
      expected,
    );
  });
});

describe('what a running host leaves', () => {
  let app: TestApp;
  const key = deriveGuestKey(SECRET);
  const look = (guestKey = key, previous?: Uint8Array) =>
    seen({ directory: observeGuestDirectory(app.guestDirectory, guestKey, previous), now: app.clock.now() });
  beforeAll(async () => {
    app = await startTestApp();
  });
  afterAll(async () => {
    await app.stop();
    app.clean();
  });

  it('is good', async () => {
    chmodSync(app.guestDirectory, 0o750);
    expect(all(checkGuestDirectory, look())).toEqual(['ok directory.good']);
    expect(all(checkStatePage, look())).toEqual(['ok state.fresh']);
    expect(await observeHost(`http://127.0.0.1:${app.port}`)).toMatchObject({ users: 'ok', grants: 'ok' });
    expect(await observeHost(`http://127.0.0.1:${app.port}/nowhere`)).toMatchObject({
      failed: expect.stringContaining("not Postern's"),
    });
  });

  it("says by which name it can be asked when it takes the one it is asked by for an application's", async () => {
    const server = createServer((_, response) => response.writeHead(403).end('403 Forbidden'));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const found = await observeHost(`http://127.0.0.1:${port}`);
    expect(found).toMatchObject({
      failed: expect.stringContaining('name its IP address with --host-address'),
    });
    await new Promise(resolve => server.close(resolve));
  });

  it("is another secret's, or the previous one's", () => {
    const other = deriveGuestKey(PREVIOUS_SECRET);
    expect(wrong(checkStatePage, look(other))).toEqual(['state.key']);
    expect(checkStatePage(look(other, key))[0]?.found).toContain('previous secret');
  });

  it.each([0o770, 0o755, 0o757])('is in a directory of mode %o', mode => {
    chmodSync(app.guestDirectory, mode);
    expect(checkGuestDirectory(look())[0]).toMatchObject({
      code: 'directory.mode',
      severity: mode === 0o755 ? 'warning' : 'error',
      mend: `chmod 750 ${app.guestDirectory}`,
    });
    chmodSync(app.guestDirectory, 0o750);
  });

  it('misses files, or has them cut', () => {
    const [policy = ''] = readdirSync(app.guestDirectory).filter(name => name.startsWith('policy-'));
    const [grants = ''] = readdirSync(app.guestDirectory).filter(name => name.startsWith('grants-'));
    const path = (name: string) => join(app.guestDirectory, name);
    truncateSync(path(grants), 100);
    expect(wrong(checkGuestDirectory, look())).toEqual(['directory.grants']);
    renameSync(path(policy), path('away'));
    expect(wrong(checkGuestDirectory, look())).toEqual(['directory.snapshot', 'directory.grants']);
    writeFileSync(path(policy), Buffer.alloc(100), { mode: 0o640 });
    expect(checkGuestDirectory(look())[0]?.found).toContain('another snapshot');
    writeFileSync(path('state'), 'x');
    expect(wrong(checkStatePage, look())).toEqual(['state.key']);
  });
});

describe('directory and state page', () => {
  it.each([
    [{ problem: 'ENOENT' }, ['error directory.missing']],
    [{ problem: 'EACCES' }, ['unseen directory.unseen']],
    [{ isDirectory: false }, ['error directory.missing']],
    [{ tmpfs: false }, ['warning directory.disk']],
    [{ owner: 5 }, ['error directory.owner']],
    [{ owner: 0 }, ['ok directory.good']],
    [{ snapshot: { name: 'p', problem: undefined, size: 1, mode: 0o644 } }, ['warning directory.file-mode']],
  ])('%j', (over, expected) => {
    expect(all(checkGuestDirectory, seen({ directory: { ...GOOD_DIRECTORY, ...over } }))).toEqual(expected);
  });

  const now = seen({}).now;
  it.each([
    [page({ wallTime: now - 4_000 }), ['ok state.fresh']],
    [page({ wallTime: now - 6_000 }), ['error state.stale']],
    [page({ wallTime: now + 3_000 }), ['error state.future']],
    [page({ stopped: true }), ['error state.stopped']],
    [state({ page: undefined }), ['error state.key']],
    [state({ page: undefined, problem: 'ENOENT' }), ['error state.missing']],
    [state({ page: undefined, problem: 'EACCES' }), ['unseen state.unseen']],
  ])('judges page %#', (over, expected) => {
    expect(all(checkStatePage, over)).toEqual(expected);
  });
});

describe('the key file', () => {
  const [key, other] = [deriveGuestKey(SECRET), deriveGuestKey(PREVIOUS_SECRET)];
  const file = (text: string, mode = 0o640): string => {
    const path = join(tempDirectory(), 'guest.key');
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };

  it.each([
    [file(formatGuestKey(key)), undefined, ['ok key.right']],
    [file(formatGuestKey(key), 0o600), undefined, ['ok key.right']],
    [file(formatGuestKey(key), 0o644), undefined, ['error key.mode']],
    [file(formatGuestKey(other)), undefined, ['error key.foreign']],
    [file(formatGuestKey(other)), other, ['warning key.previous']],
    [file(formatSecret(SECRET)), undefined, ['error key.bad']],
    [file(''), undefined, ['error key.bad']],
    ['/nowhere/guest.key', undefined, ['error key.bad']],
  ])('%# is judged', (path, previous, expected) => {
    const found = checkKeyFile(seen({ keyFile: observeKeyFile(path, key, previous, undefined) }));
    expect(found.map(({ severity, code }) => `${severity} ${code}`)).toEqual(expected);
    for (const text of [formatGuestKey(key), formatGuestKey(other), formatSecret(SECRET)]) {
      expect(JSON.stringify(found)).not.toContain(text);
    }
  });

  it('does not lie beside the root secret', () => {
    const path = file(formatGuestKey(key));
    const secretFile = join(path, '../secret');
    expect(wrong(checkKeyFile, seen({ keyFile: observeKeyFile(path, key, undefined, secretFile) }))).toEqual([
      'key.beside-secret',
    ]);
    expect(all(checkKeyFile, seen({ keyFile: undefined }))).toEqual(['unseen key.unseen']);
  });
});

describe('clocks', () => {
  it('are compared as far as whole seconds tell', () => {
    const at = Date.UTC(2026, 0, 1, 12, 0, 0);
    const date = new Date(at).toUTCString();
    expect(clockOffset(date, at + 500, at + 510)).toEqual({ atLeast: -510, atMost: 1_500 });
    expect(clockOffset('x', 0, 0)).toBeUndefined();
    expect(apart({ atLeast: -500, atMost: 1_500 }, { atLeast: 4_000, atMost: 6_000 })).toBe(2_500);
    expect(apart({ atLeast: 4_000, atMost: 6_000 }, { atLeast: -500, atMost: 1_500 })).toBe(2_500);
    expect(apart({ atLeast: 0, atMost: 2_000 }, { atLeast: 1_000, atMost: 3_000 })).toBe(0);
  });

  it('may not be apart', () => {
    const host = (clock: ClockOffset | undefined) =>
      seen({ host: { heartbeat: 'ok', users: 'ok', grants: 'ok', clock } });
    expect(all(checkClock, host({ atLeast: 9_000, atMost: 11_000 }))).toEqual(['error clock.apart']);
    expect(all(checkClock, host({ atLeast: 2_500, atMost: 4_500 }))).toEqual(['ok clock.together']);
    expect(all(checkClock, host(undefined))).toEqual(['unseen clock.unseen']);
  });
});

describe('the probe', () => {
  const answer = (status: number, over: Partial<ProbeAnswer> = {}): ProbeAnswer => ({
    status,
    unrouted: false,
    challenges: status === 401,
    expected: 'challenge',
    ...over,
  });
  const probe = (over: Partial<ProbeView>): ProbeView => ({
    url: 'https://app.example.com/',
    anonymous: answer(401),
    unknown: answer(401),
    forged: [answer(401)],
    askedHost: false,
    ...over,
  });

  it.each([
    [probe({}), ['ok probe.answers']],
    [{ failed: 'ECONNREFUSED' }, ['error probe.unreachable']],
    [probe({ anonymous: answer(404, { unrouted: true }) }), ['error probe.anonymous-unrouted']],
    [probe({ anonymous: answer(404, { expected: 'allow' }) }), ['ok probe.answers']],
    [probe({ unknown: answer(200) }), ['error probe.unknown-open']],
    [probe({ anonymous: answer(200, { expected: 'allow' }) }), ['ok probe.answers']],
    [probe({ anonymous: answer(200, { expected: undefined }) }), ['ok probe.answers']],
    [probe({ unknown: answer(503) }), ['error probe.unknown-refused']],
    [probe({ unknown: answer(500) }), ['error probe.unknown-failed']],
    [probe({ unknown: answer(403) }), ['warning probe.unknown-unexpected']],
    [probe({ unknown: answer(403, { expected: 'forbid' }) }), ['ok probe.answers']],
    [probe({ unknown: answer(401, { challenges: false }) }), ['warning probe.unknown-unchallenged']],
    [probe({ forged: [answer(401), answer(200)] }), ['error probe.forged']],
    [probe({ askedHost: true }), ['error probe.guest-blind']],
    [probe({ askedHost: undefined }), ['ok probe.answers']],
  ])('judges %#', (view, expected) => {
    expect(all(checkProbe, seen({ probe: view }))).toEqual(expected);
  });
});

describe('what the probe sends', () => {
  it.each([
    [undefined, ['allow']],
    ['0123', ['allow', 'allow-0123', 'defer-0123']],
  ])('with tag %s', async (tag, verdicts) => {
    const received: unknown[] = [];
    const server = createServer((request, response) => {
      received.push([request.headers.host, request.headers['postern-verdict']]);
      response.writeHead(request.headers.authorization === undefined ? 401 : 403).end();
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const view = await observeProbe({
      url: 'http://app.example.com/x',
      connect: { host: '127.0.0.1', port },
      tag,
      deferrals: async () => undefined,
      engine: undefined,
    });
    server.close();
    expect(view).toMatchObject({
      anonymous: { status: 401 },
      unknown: { status: 403 },
      askedHost: undefined,
    });
    expect(received).toEqual(
      [undefined, undefined, undefined, undefined, ...verdicts].map(value => ['app.example.com', value]),
    );
  });
});

it.each([
  ['/etc/postern/guest.key', '/etc/postern/guest.key'],
  ["/a b/it's;", "'/a b/it'\\''s;'"],
])('a path for a shell: %s', (path, word) => expect(shellWord(path)).toBe(word));

describe("Traefik's API", () => {
  it('is something else, or broken', async () => {
    const server = createServer((request, response) => {
      response.statusCode = request.url?.startsWith('/denied') ? 401 : 200;
      response.end('<html>');
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await observeTraefik(base)).toEqual({ failed: 'what answers there is not Traefik' });
    expect(await observeTraefik(`${base}/denied/`)).toEqual({ failed: 'it answers 401' });
    server.close();
    expect(await observeTraefik('http://127.0.0.1:1')).toEqual({ failed: 'ECONNREFUSED' });
  });

  it('gives no dump that is none', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('x'), gzipSync('x'), gzipSync(Buffer.alloc(2_048))]) {
      expect(staticConfigOf(bytes)).toBeUndefined();
    }
  });
});

it('makes no directory by looking', () => {
  const parent = tempDirectory();
  mkdirSync(join(parent, 'a'));
  observeGuestDirectory(join(parent, 'b'), deriveGuestKey(SECRET), undefined);
  expect(readdirSync(parent)).toEqual(['a']);
});
