import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type App, createApp, liveSettings } from '../../host/app.ts';
import type { PolicyDocument } from '../../host/policy/engine.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { CurrentPolicy } from '../../host/reload/current-policy.ts';
import { deriveGuestKey, deriveKey } from '../../host/secret/derive.ts';
import { formatGuestKey } from '../../host/secret/secret.ts';
import { policyId } from '../../host/snapshot/snapshot-file.ts';
import { startGuest } from '../support/guest.ts';
import { FakeArgon2, FakeClock, FakeDirectory, fakeLogger, settle } from '../support/host-fakes.ts';
import { basic } from '../support/service.ts';
import { type Answer, ask, type HeaderList, SECRET, testConfig } from '../support/test-app.ts';
import { waitUntil } from '../support/wait.ts';

const PATH = '/api/authz/forward-auth';
const engine = () => loadEngine(fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url)));
const compiler = engine();

function imageOf(policy: PolicyDocument): Uint8Array {
  const compiled = compiler.compile(policy);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.image;
}

const rules = (...list: object[]): PolicyDocument => ({ access_control: { rules: list } });
const ONE = { domain: 'app.test', policy: 'one_factor' };
/** Rules without it. */
const GONE = rules({ ...ONE, domain: 'other.test' });
const OLD = { ...rules(ONE), realm: 'old' };

/** A request whose password is being verified while the policy is replaced. */
describe('the policy is replaced while a password is verified', () => {
  let directory: string;
  let argon2: FakeArgon2;
  let clock: FakeClock;
  let log: ReturnType<typeof fakeLogger>;
  let users: FakeDirectory;
  let app: App;
  let port: number;

  beforeEach(async () => {
    directory = mkdtempSync('/dev/shm/postern-swap-');
    argon2 = new FakeArgon2();
    clock = new FakeClock();
    log = fakeLogger();
    users = new FakeDirectory();
    users.put('alice', 'pw');
    app = createApp(
      { ...testConfig(directory), policy: OLD },
      {
        engine: engine(),
        directory: users,
        clock,
        random: randomBytes,
        log,
        password: { concurrency: 1, verify: argon2.verify },
      },
    );
    port = (await app.start())?.port ?? 0;
    argon2.held = true;
  });
  afterEach(async () => {
    await app.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const reload = (policy: PolicyDocument) =>
    app.reload(liveSettings({ ...testConfig(directory), policy }, imageOf(policy)));
  const forwarded = (credential = 'alice:pw'): HeaderList => [
    ['X-Forwarded-Method', 'GET'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'app.test'],
    ['X-Forwarded-Uri', '/'],
    ['Authorization', basic(credential)],
  ];
  /** As a guest with an inline policy of this id, or with the snapshot, signs it. */
  function deferred(inline?: PolicyDocument): HeaderList {
    const prefixed = (bytes: Uint8Array) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return Buffer.concat([length, bytes]);
    };
    const time = Buffer.alloc(8);
    time.writeBigUInt64LE(BigInt(clock.now()));
    const id = inline === undefined ? Buffer.alloc(0) : policyId(imageOf(inline));
    const fields = ['GET', 'https', 'app.test', '/', '203.0.113.9'].map(text => Buffer.from(text));
    const body = Buffer.concat([time, ...[...fields, id].map(prefixed)]);
    const mac = createHmac('sha256', deriveKey(deriveGuestKey(SECRET), 'request'))
      .update(body)
      .digest();
    return [
      ['Postern-Request', Buffer.concat([body, mac]).toString('base64url')],
      ['Authorization', basic('alice:pw')],
    ];
  }

  /** The answer to a request, with `change` while its password is being verified. */
  async function during(headers: HeaderList, change: () => void): Promise<Answer> {
    const answer = ask(port, PATH, headers);
    while (argon2.running === 0) await new Promise(resolve => setTimeout(resolve, 2));
    change();
    await argon2.release();
    await settle();
    // For whoever is refused: the failure's delay.
    await clock.advance(2_100);
    return answer;
  }

  it.each<[string, HeaderList | (() => HeaderList), PolicyDocument, number]>([
    ['the same rules and another realm', forwarded(), { ...rules(ONE), realm: 'new' }, 200],
    ['the rule is gone', forwarded(), GONE, 403],
    ['two factors are asked for', forwarded(), rules({ ...ONE, policy: 'two_factor' }), 401],
    ['the proxy is not trusted any more', forwarded(), { ...OLD, trusted_proxies: ['192.0.2.1'] }, 403],
    ['a deferral by the old snapshot', () => deferred(), { ...rules(ONE), realm: 'new' }, 200],
    ['a deferral by the old snapshot, and the rule is gone', () => deferred(), GONE, 403],
    ['a deferral by an inline policy that is not ours any more', () => deferred(OLD), rules(ONE), 403],
  ])('%s', async (_name, headers, policy, status) => {
    const sent = typeof headers === 'function' ? headers() : headers;
    expect((await during(sent, () => {})).status).toBe(200);
    // Whose password is verified anew.
    users.put('alice', 'pw', { groups: ['changed'] });
    const again = typeof headers === 'function' ? headers() : headers;
    expect((await during(again, () => reload(policy))).status).toBe(status);
  });

  it('takes an inline policy that is ours only now', async () => {
    const policy = { ...rules(ONE), realm: 'new' };
    expect((await ask(port, PATH, deferred(policy))).status).toBe(403);
    reload(policy);
    expect((await during(deferred(policy), () => {})).status).toBe(200);
    expect((await ask(port, PATH, deferred(OLD))).status).toBe(403);
    expect(log.text()).toContain("the plugin's inline policy and postern.yml differ");
  });

  it('names the new realm to who is refused', async () => {
    const answer = await during(forwarded('alice:wrong'), () => reload({ ...OLD, realm: 'new' }));
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Basic realm="new"/);
  });

  it('does not let a wait count against a deferral that came in time', async () => {
    const answer = ask(port, PATH, deferred());
    while (argon2.running === 0) await new Promise(resolve => setTimeout(resolve, 2));
    await clock.advance(11_000);
    reload({ ...rules(ONE), realm: 'new' });
    await argon2.release();
    expect((await answer).status).toBe(200);
    expect((await ask(port, '/metrics', [])).body).toContain(
      'postern_deferrals_total{reason="accepted"} 1\n',
    );
  });

  it('counts in the host while the lock is lost, and in the guests once that is ours again', async () => {
    const guest = startGuest(
      { directory: '/guest' },
      {
        key: formatGuestKey(deriveGuestKey(SECRET)),
        mounts: { '/guest': directory },
        now: () => clock.now(),
      },
    );
    const status = () => guest.ask({ host: 'app.test' }).response?.status;
    expect(status()).toBe(401);
    rmSync(join(directory, 'lock'));
    reload(GONE);
    expect((await during(forwarded(), () => {})).status).toBe(403);
    await waitUntil('the lock', () => log.text().includes('the guest directory is written again'));
    await clock.advance(1_000);
    expect(status()).toBe(403);
  });
});

describe('CurrentPolicy', () => {
  it('keeps all of the old when the new cannot be published', () => {
    const loaded: Uint8Array[] = [];
    const settings = (image: string, realm: string) => ({
      // An image says its own id: long enough for that.
      image: Buffer.alloc(256, image),
      realm,
      identityNames: [],
      lifetimeSeconds: 1,
      offlineGraceSeconds: 2,
    });
    const policy = new CurrentPolicy({ load: image => void loaded.push(image) }, settings('a', 'old'));
    const before = policy.inForce;
    const fail = () => {
      throw new Error('full');
    };
    expect(() => policy.replace(settings('b', 'new'), fail)).toThrow('full');
    expect(policy.inForce).toBe(before);
    expect(loaded.map(([first]) => String.fromCharCode(first ?? 0))).toEqual(['a', 'b', 'a']);
    // The same rules are not published again, other settings count.
    policy.replace(settings('a', 'new'), fail);
    expect([policy.inForce.realm, policy.inForce.image]).toEqual(['new', before.image]);
  });
});
