import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KIND_BASIC } from '../../assembly/contract.ts';
import { type IssueResult, Issuer, NO_SCOPE } from '../../host/grant/issuer.ts';
import { basicCredential, deriveGrantKeys, type GrantKeys, userTag } from '../../host/grant/keys.ts';
import type { Geometry } from '../../host/grant/table-writer.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { deriveGuestKey, deriveKey } from '../../host/secret/derive.ts';
import { formatGuestKey } from '../../host/secret/secret.ts';
import { Publisher } from '../../host/snapshot/publisher.ts';
import { type GuestTest, header, startGuest } from './guest.ts';
import { FakeClock, FakeDirectory, fakeLogger } from './host-fakes.ts';

const engine = loadEngine(fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url)));

/** `public.test` is open, `app.test` asks who it is, `admin.test` wants a group, all else is denied. */
export const RULES = [
  { domain: 'public.test', policy: 'bypass' },
  { domain: 'app.test', policy: 'one_factor' },
  { domain: 'admin.test', policy: 'one_factor', subject: ['group:admins'] },
];

/** @param settings other keys of a policy, e.g. `tokens` */
export function imageOf(rules: readonly object[], settings: object = {}): Uint8Array {
  const compiled = engine.compile({ access_control: { rules }, ...settings });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.image;
}

const IMAGE = imageOf(RULES);

export interface Slice {
  readonly clock: FakeClock;
  readonly log: ReturnType<typeof fakeLogger>;
  readonly users: FakeDirectory;
  readonly directory: string;
  readonly keys: GrantKeys;
  readonly publisher: Publisher;
  readonly results: IssueResult[];
  /** Path of the one file whose name begins so. */
  file(prefix: 'state' | 'policy-' | 'grants-'): string;
  /** What the host does once it has verified the user's password; `epoch` as it was when it began. */
  login(name: string, epoch?: Uint8Array, password?: string, authorization?: string): void;
  /** Tells that the users changed, as `createApp` does. */
  revoke(...names: string[]): void;
  /** An instance of the real guest on the directory. */
  guest(): GuestTest;
  clean(): void;
}

export interface SliceOptions {
  readonly directory?: string;
  readonly users?: FakeDirectory;
  readonly clock?: FakeClock;
  readonly secret?: Uint8Array;
  readonly image?: Uint8Array;
  readonly geometry?: Geometry;
}

/** The host's writing half and the guest on one directory on tmpfs, with a clock that the test moves. */
export function startSlice(options: SliceOptions = {}): Slice {
  const directory = options.directory ?? mkdtempSync('/dev/shm/postern-slice-');
  const clock = options.clock ?? new FakeClock();
  const log = fakeLogger();
  const users = options.users ?? new FakeDirectory();
  const guestKey = deriveGuestKey(options.secret ?? Buffer.alloc(32, 7));
  const keys = deriveGrantKeys(guestKey);
  const geometry = options.geometry ?? { slotSize: 1_024, slots: 64 };
  const publisher = new Publisher({
    directory,
    keys: { state: deriveKey(guestKey, 'state'), snapshot: deriveKey(guestKey, 'snapshot') },
    geometry,
    offlineGraceSeconds: 900,
    clock,
    random: randomBytes,
    log,
    mayWrite: () => true,
  });
  const good = new Map([...users.all()].map(user => [hex(userTag(keys, user.principal.username)), user]));
  publisher.open(options.image ?? IMAGE, of => {
    const user = good.get(hex(of.userTag));
    return user !== undefined && !user.disabled && hex(user.epoch) === hex(of.epoch);
  });
  publisher.start();
  const results: IssueResult[] = [];
  const issuer = new Issuer({
    keys,
    directory: users,
    tables: publisher,
    clock,
    random: randomBytes,
    log,
    onResult: result => results.push(result),
    lifetimeSeconds: 3_600,
    slotSize: geometry.slotSize,
  });
  return {
    clock,
    log,
    users,
    directory,
    keys,
    publisher,
    results,
    file(prefix) {
      const [name] = readdirSync(directory).filter(found => found.startsWith(prefix));
      if (name === undefined) throw new Error(`no ${prefix}`);
      return join(directory, name);
    },
    login(
      username,
      epoch = users.find(username)?.epoch ?? new Uint8Array(16),
      password = `password-${username}`,
      authorization = '',
    ) {
      const credential = basicCredential(username, password);
      issuer.issue({
        username,
        epoch,
        kind: KIND_BASIC,
        level: 1,
        scope: NO_SCOPE,
        credential,
        authorization,
      });
    },
    revoke: (...names) => void publisher.revoke(names.map(name => userTag(keys, name))),
    guest: () =>
      startGuest(
        { directory: '/guest' },
        { key: formatGuestKey(guestKey), mounts: { '/guest': directory }, now: () => clock.now() },
      ),
    clean() {
      publisher.stop('silent');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Who asks for what: `allow:NAME`, `defer`, or the status of the guest's own answer. */
export function asks(guest: GuestTest, name?: string, host = 'app.test'): string {
  const pair = Buffer.from(`${name}:password-${name}`).toString('base64');
  const headers = name === undefined ? [] : ([['Authorization', `Basic ${pair}`]] as const);
  const outcome = guest.ask({ host, headers });
  if (!outcome.next) return String(outcome.response?.status);
  const verdict = header(outcome, 'Postern-Verdict') ?? '';
  return verdict.startsWith('allow-') ? `allow:${header(outcome, 'Remote-User')}` : verdict.slice(0, 5);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
