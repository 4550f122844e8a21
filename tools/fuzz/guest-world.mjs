// A guest directory with everything in it, and every way to spoil it: damaged
// bytes, and nonsense under a good MAC, since a host with a fault or a file of
// last week must not trap the guest either.
import { Buffer } from 'node:buffer';
import { createHmac } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SIGN_IN } from './guest-sessions.mjs';
import { mutateBytes, randomBytes } from './mutate.mjs';

export const SLOT_SIZE = 1024;
export const SLOTS = 128;
const KIND_BASIC = 1;
const KIND_SESSION = 3;
const HOUR = 3_600_000;
/** Longest that a guest decides by a page it has read. */
const RELOOK_MS = 500;

/** What the oracle of `guest-oracle.mjs` knows by heart. */
export const POLICY = {
  access_control: {
    default_policy: 'deny',
    rules: [
      { domain: 'public.test', policy: 'bypass' },
      { domain: 'net.test', policy: 'bypass', networks: ['10.0.0.0/8'] },
      { domain: 'app.test', policy: 'one_factor' },
      { domain: 'admin.test', policy: 'one_factor', subject: ['group:admins'] },
      { domain: 'two.test', policy: 'two_factor' },
      { domain: 'api.test', policy: 'one_factor', resources: ['^/api([/?].*)?$'], methods: ['GET', 'POST'] },
      { domain: 'q.test', policy: 'bypass', query: [[{ operator: 'equal', key: 'k', value: 'v' }]] },
      { domain_regex: ['^(?P<User>\\w+)\\.users\\.test$'], policy: 'one_factor' },
      { domain: 'deny.test', policy: 'deny' },
    ],
  },
  tokens: { bearer: true, header: 'X-Api-Key' },
};

/** The same where there are sessions, which plugins with a policy of their own never have. */
export const POLICY_WITH_SESSIONS = { ...POLICY, sign_in: SIGN_IN };

/** Credentials and what a record says of each; `sealed` replaces the claims. */
function principals(random, now) {
  const live = { level: 1, issued: now - 60_000, expiry: now + HOUR, groups: ['dev'] };
  const of = (user, over = {}) => [`${user}:pass-${user}`, { ...live, user, ...over }];
  return new Map([
    of('alice', { groups: ['admins', 'dev'] }),
    of('bob'),
    of('carol', { level: 2 }),
    of('dave', { expiry: now - 1 }),
    of('erin', { issued: now + 60_000 }),
    of('frank', { level: 0 }),
    of('grace', { level: 3 }),
    of('heidi', { groups: ['a,b', 'x\r\ny', 'ü'.repeat(60)] }),
    of('ivan', { groups: Array.from({ length: 80 }, (_, i) => `g${i}`) }),
    of('judy', { expiry: now + 48 * HOUR }),
    of('mallory', { sealed: randomBytes(random, random.below(200)), odd: true }),
    of('nick', { sealed: Buffer.alloc(random.below(300), 0xff), odd: true }),
    of('olga', { sealed: Buffer.alloc(0), odd: true }),
    of('unknown', { level: -1 }),
  ]);
}

/** Sessions and what a record says of each; `refresh` as in a record. */
function sessionsOf(random, now) {
  const live = { domain: 'test', level: 1, issued: now - 60_000, expiry: now + HOUR, groups: ['dev'] };
  return [
    { user: 'alice', groups: ['admins', 'dev'] },
    { user: 'carol', level: 2 },
    { user: 'carol', level: 2, domain: 'two.test' },
    { user: 'bob', refresh: 61_000 },
    { user: 'dave', expiry: now - 1 },
    { user: 'erin', issued: now + 60_000 },
    { user: 'frank', level: 0 },
    { user: 'grace', level: 3 },
    { user: 'rupert', domain: 'app.test' },
    { user: 'sybil', domain: '' },
    { user: 'trent', kind: KIND_BASIC },
    { user: 'nick', sealed: Buffer.alloc(random.below(300), 0xff), odd: true },
    { user: 'unknown', level: -1 },
  ].map(over => ({ ...live, ...over, token: randomBytes(random, 48).toString('base64url') }));
}

/** @returns a world on `directory`, which is emptied */
export function createWorld({ host, image, random, directory, now }) {
  const guestKey = host.deriveGuestKey(randomBytes(random, 32));
  const foreign = host.deriveGuestKey(randomBytes(random, 32));
  const grantKeys = host.deriveGrantKeys(guestKey);
  const key = label => host.deriveKey(guestKey, label);
  const [stateKey, snapshotKey] = [key('state'), key('snapshot')];
  const people = principals(random, now);
  const sessions = sessionsOf(random, now);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { mode: 0o750 });

  let strange = false;
  let mended = 0;
  let lookedBy = 0;
  const world = {
    directory,
    now,
    guestKey,
    guestText: host.formatGuestKey(guestKey),
    requestKey: key('request'),
    verdictTag: host.verdictTag(guestKey),
    people,
    pairs: [...people],
    sessions,
    /** False for a guest with a policy of its own. */
    hasSessions: true,
    /** False once rules that nobody knows lie there under a good MAC, and until the guest must have looked again. */
    get policyKnown() {
      return !strange && (world.now > lookedBy || world.now < mended);
    },
    set policyKnown(known) {
      if (strange && known) {
        mended = world.now;
        lookedBy = world.now + RELOOK_MS;
      }
      strange = !known;
    },
    page: undefined,
    /** A guest that has looked at nothing yet: what it makes of the rules is known from now on, or never. */
    openedAnew(known) {
      strange = !known;
      mended = lookedBy = 0;
    },
    repair,
    spoil,
  };
  const path = name => join(directory, name);
  const name = (prefix, id) => `${prefix}-${Buffer.from(id).toString('hex')}`;

  function repair() {
    for (const old of readdirSync(directory)) rmSync(path(old));
    const [tableId, snapshotId] = [randomBytes(random, 16), randomBytes(random, 16)];
    writeFileSync(path(name('policy', snapshotId)), host.encodeSnapshot(snapshotId, image, snapshotKey));
    world.policyKnown = true;
    writeFileSync(path(name('grants', tableId)), table(tableId));
    world.page = {
      bootId: randomBytes(random, 16),
      wallTime: world.now,
      sequence: 1 + random.below(1_000),
      notBefore: 0,
      storeContact: world.now,
      tableId,
      snapshotId,
      slotSize: SLOT_SIZE,
      slotCount: SLOTS,
      stopped: false,
      offlineGraceSeconds: 900,
    };
    writePage();
  }

  function writePage(over = {}, pageKey = stateKey) {
    writeFileSync(path('state'), host.encodeStatePage({ ...world.page, ...over }, pageKey));
  }

  function table(tableId) {
    const bytes = Buffer.alloc(SLOT_SIZE * SLOTS);
    const used = new Map();
    for (const [pair, person] of people) {
      if (person.level < 0) continue;
      put(host.grantTag(grantKeys, KIND_BASIC, new Uint8Array(0), Buffer.from(pair)), person);
    }
    for (const session of sessions) {
      if (session.level < 0) continue;
      const { domain, token, kind = KIND_SESSION } = session;
      put(host.grantTag(grantKeys, kind, Buffer.from(domain), Buffer.from(token)), { ...session, kind });
    }
    return bytes;

    function put(t, person) {
      const set = Buffer.from(t).readUInt32LE(0) % (SLOTS / 8);
      const way = used.get(set) ?? t[4] & 7;
      used.set(set, (way + 1) & 7);
      bytes.set(record(tableId, t, person), (set * 8 + way) * SLOT_SIZE);
    }
  }

  function record(tableId, t, person) {
    const { user, kind = KIND_BASIC, level, issued, expiry, refresh = 0, groups, sealed } = person;
    const principal = { username: user, displayName: `${user}\x01`, email: `${user}@example.com`, groups };
    const claims = sealed ?? host.encodeClaims(principal, '');
    const header = {
      tag: t.subarray(0, 16),
      userTag: host.userTag(grantKeys, user),
      epoch: Buffer.alloc(16, 1),
      kind,
      level,
      issued,
      expiry,
      refresh,
    };
    return host.sealRecord(grantKeys.record, tableId, t, header, randomBytes(random, 12), claims);
  }

  /** Mends everything now and then, and otherwise breaks something. */
  function spoil() {
    world.now += random.pick([1, 300, 501, 600, 2_000, 6_000, -600, -5_000]);
    const [state, policy, grants] = [
      'state',
      name('policy', world.page.snapshotId),
      name('grants', world.page.tableId),
    ];
    switch (random.below(20)) {
      case 0:
        return rewrite(state, bytes => mutateBytes(random, bytes));
      case 1: {
        const bytes = mutateBytes(random, host.encodeStatePage(world.page, stateKey));
        if (bytes.length < 128) return writeFileSync(path(state), bytes);
        return writeFileSync(path(state), remac(bytes));
      }
      case 2:
        return writePage({}, host.deriveKey(foreign, 'state'));
      case 3: {
        const age = random.pick([0, 4_000, 6_000, 899_000, 901_000, -1_000, -3_000]);
        return writePage({ wallTime: world.now - age, stopped: random.below(8) === 0 });
      }
      case 4: {
        const [notBefore, slotCount, slotSize] = [
          random.pick([0, world.now]),
          random.pick([0, 8, 64, 1 << 30, 0xffffffff]),
          random.pick([0, 512, 1024, 4096, 4097, 0xffffffff]),
        ];
        return writePage({ wallTime: world.now, notBefore, slotCount, slotSize });
      }
      case 5:
        return rewrite(policy, bytes => mutateBytes(random, bytes));
      case 6:
      case 7: {
        // A page that names it again, or the guest keeps what it holds.
        world.page.snapshotId = randomBytes(random, 16);
        world.policyKnown = false;
        const bytes = host.encodeSnapshot(world.page.snapshotId, mutateBytes(random, image), snapshotKey);
        writeFileSync(path(name('policy', world.page.snapshotId)), bytes);
        return writePage({ wallTime: world.now });
      }
      case 8:
        return rewrite(grants, bytes => mutateBytes(random, bytes));
      case 9:
        return rewrite(grants, bytes => {
          for (let n = 0; n < 200; n++) bytes[random.below(bytes.length)] ^= 1 << random.below(8);
          return bytes;
        });
      case 10:
        return rmSync(path(random.pick([state, policy, grants])), { force: true });
      case 11:
        return rewrite(random.pick([state, policy, grants]), bytes =>
          randomBytes(random, Math.min(bytes.length, 4096)),
        );
      default:
        return repair();
    }
  }

  function remac(bytes) {
    const page = bytes.subarray(0, 128);
    page.set(createHmac('sha256', stateKey).update(page.subarray(0, 112)).digest().subarray(0, 16), 112);
    return page;
  }

  function rewrite(file, change) {
    try {
      writeFileSync(path(file), change(readFileSync(path(file))));
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }

  repair();
  return world;
}
