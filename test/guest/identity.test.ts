import { afterEach, describe, expect, it } from 'vitest';
import { IDENTITY_PRESETS } from '../../host/config/identity-presets.ts';
import type { GuestOutcome } from '../../host/proxy/guest-pool.ts';
import { header, startGuest } from '../support/guest.ts';
import { imageOf, type Slice, startSlice } from '../support/slice.ts';

/** Which headers tell a service who asks, and whose copies never reach one. */

const ROLES = { 'X-User-ID': '{username}', 'X-User-Roles': '{groups}' };
const DOMAINS = [
  { domain: ['authentik.test', '*.authentik.test'], identity_headers: IDENTITY_PRESETS.authentik },
  { domain: 'roles.test', identity_headers: ROLES },
  { domain: 'oauth2.test', identity_headers: IDENTITY_PRESETS['oauth2-proxy'] },
  {
    domain: 'mixed.test',
    identity_headers: {
      'X-Who': 'user:{username};mail={email}',
      'X-Groups': '{groups}',
      'X-App': 'fixed',
      separator: ', ',
    },
  },
  { domain: 'semicolon.test', identity_headers: { 'X-Groups': '{groups}', separator: ';' } },
  // Not the first with something to say about its host.
  { domain: '*.test', denial: 'adaptive' },
];
const RULES = [
  { domain: 'open.roles.test', policy: 'bypass' },
  { domain: 'roles.test', policy: 'bypass', resources: '^/open' },
  { domain: '*.test', policy: 'one_factor' },
];
const basic = (name: string) =>
  ['Authorization', `Basic ${Buffer.from(`${name}:password-${name}`).toString('base64')}`] as const;

const slices: Slice[] = [];
afterEach(() => {
  for (const slice of slices.splice(0)) slice.clean();
});

/** Alice of two groups, and whoever else is wanted, known to a guest with these settings. */
function start(
  settings: object = { domains: DOMAINS },
  users: Record<string, { groups?: string[]; name?: string }> = {},
) {
  const slice = startSlice({ image: imageOf(RULES, settings), geometry: { slotSize: 1_024, slots: 64 } });
  slices.push(slice);
  for (const [name, over] of Object.entries({
    alice: { groups: ['admins', 'dev'], name: 'Alice' },
    ...users,
  })) {
    slice.users.put(name, `password-${name}`, over);
    slice.login(name);
  }
  return slice.guest();
}

/** What of these names a service sees, in the names' order. */
const told = (outcome: GuestOutcome, names: readonly string[]) => names.map(name => header(outcome, name));
const verdict = (outcome: GuestOutcome) =>
  outcome.next ? header(outcome, 'Postern-Verdict')?.slice(0, 5) : String(outcome.response?.status);

const REMOTE = ['Remote-User', 'Remote-Groups', 'Remote-Name', 'Remote-Email'];
const ALICE: Readonly<Record<string, readonly [string, Record<string, string>]>> = {
  authelia: [
    'app.test',
    {
      'Remote-User': 'alice',
      'Remote-Groups': 'admins,dev',
      'Remote-Name': 'Alice',
      'Remote-Email': 'alice@example.com',
    },
  ],
  authentik: [
    'authentik.test',
    {
      'X-authentik-username': 'alice',
      'X-authentik-groups': 'admins|dev',
      'X-authentik-email': 'alice@example.com',
      'X-authentik-name': 'Alice',
      'X-authentik-uid': 'alice',
      'X-Auth-Username': 'alice',
      'X-Auth-Groups': 'admins|dev',
      'X-Forwarded-Email': 'alice@example.com',
      'X-Forwarded-Preferred-Username': 'alice',
      'X-Forwarded-User': 'alice',
    },
  ],
  'authentik, a name below': ['a.b.AUTHENTIK.test', { 'X-authentik-username': 'alice' }],
  'oauth2-proxy': [
    'oauth2.test',
    {
      'X-Auth-Request-User': 'alice',
      'X-Auth-Request-Groups': 'admins,dev',
      'X-Auth-Request-Email': 'alice@example.com',
      'X-Auth-Request-Preferred-Username': 'alice',
    },
  ],
  'names of its own': ['roles.test:8443', { 'X-User-ID': 'alice', 'X-User-Roles': 'admins,dev' }],
  templates: [
    'mixed.test',
    { 'X-Who': 'user:alice;mail=alice@example.com', 'X-Groups': 'admins, dev', 'X-App': 'fixed' },
  ],
};

describe('identity headers of a host', () => {
  it.each(Object.entries(ALICE))('%s', (_name, [host, expected]) => {
    const guest = start();
    for (let i = 0; i < 2; i++) {
      // From the table, then from the instance's memory.
      const outcome = guest.ask({ host, headers: [basic('alice')] });
      expect(verdict(outcome)).toBe('allow');
      expect(told(outcome, Object.keys(expected))).toEqual(Object.values(expected));
      // Nothing of what other hosts are told.
      const others = REMOTE.filter(name => !Object.hasOwn(expected, name));
      expect(told(outcome, others)).toEqual(others.map(() => undefined));
    }
  });

  it('are empty, every one, for who is nobody', () => {
    const outcome = start().ask({ host: 'roles.test', uri: '/open' });
    expect(told(outcome, ['X-User-ID', 'X-User-Roles'])).toEqual(['', '']);
    const mixed = start({ identity_headers: { 'X-Who': 'user:{username}', 'X-App': 'fixed' } });
    expect(told(mixed.ask({ host: 'open.roles.test' }), ['X-Who', 'X-App'])).toEqual(['', '']);
  });

  it('are those for every host where no entry says otherwise', () => {
    const guest = start({ identity_headers: ROLES, domains: DOMAINS.slice(0, 1) });
    const names = ['X-User-ID', 'X-authentik-uid', 'Remote-User'];
    const of = (host: string) => told(guest.ask({ host, headers: [basic('alice')] }), names);
    expect(of('app.test')).toEqual(['alice', undefined, undefined]);
    expect(of('authentik.test')).toEqual([undefined, 'alice', undefined]);
    expect(of('app.test')).toEqual(['alice', undefined, undefined]);
  });

  it('come from the first entry that names the host and has some', () => {
    const guest = start({
      domains: [
        { domain: 'app.test', ambiguous_paths: 'clean' },
        { domain: '*.test', identity_headers: ROLES },
        { domain: 'app.test', identity_headers: { 'X-Late': '{username}' } },
      ],
    });
    const outcome = guest.ask({ host: 'app.test', headers: [basic('alice')] });
    expect(told(outcome, ['X-User-ID', 'X-Late'])).toEqual(['alice', undefined]);
  });
});

describe('the index of settings', () => {
  /** Pseudo-random numbers: the same each time. */
  function dice(seed: number) {
    let state = seed;
    return (sides: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((state / 2_147_483_648) * sides);
    };
  }
  const LABELS = ['a', 'b', 'c'];

  it.each([1, 2, 3, 4, 5, 6])('finds the first entry that has the host, settings from seed %i', seed => {
    const roll = dice(seed);
    const name = () => [...Array.from({ length: 1 + roll(3) }, () => LABELS[roll(3)]), 'test'].join('.');
    const domain = () => (roll(2) === 0 ? `*.${name()}` : name());
    const entries = Array.from({ length: 12 }, (_, i) => ({
      domain: Array.from({ length: 1 + roll(2) }, domain),
      ...(roll(3) === 0 ? {} : { identity_headers: { [`X-Of-${i}`]: '{username}' } }),
    }));
    // One that no index can hold, so that the others are compared, too.
    const settings = {
      domains: seed % 3 === 0 ? [...entries, { domain: 'ü.test', denial: 'json' }] : entries,
    };
    const guest = start(settings);
    const has = (pattern: string, host: string) =>
      pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
    for (let i = 0; i < 60; i++) {
      const host = name();
      const first = entries.findIndex(
        entry => entry.identity_headers !== undefined && entry.domain.some(pattern => has(pattern, host)),
      );
      const outcome = guest.ask({ host, headers: [basic('alice')] });
      const names = outcome.headers.filter(([, value]) => value === 'alice').map(([found]) => found);
      expect([host, ...names]).toEqual([host, first < 0 ? 'Remote-User' : `X-Of-${first}`]);
    }
  });
});

describe('what cannot be told', () => {
  const GROUPS = [
    'a,b',
    'c;d',
    'e|f',
    'with blank',
    'line\nbreak',
    'del\x7f',
    'c1\u0085',
    ' outer ',
    '',
    'ok',
  ];
  it.each([
    ['app.test', 'Remote-Groups', 'c;d,e|f,with blank,ok'],
    ['authentik.test', 'X-Auth-Groups', 'a,b|c;d|with blank|ok'],
    ['semicolon.test', 'X-Groups', 'a,b;e|f;with blank;ok'],
    // A blank beside the comma separates nothing by itself, the comma does without it.
    ['mixed.test', 'X-Groups', 'c;d, e|f, with blank, ok'],
  ])('leaves out groups that would read as others, for %s', (host, name, expected) => {
    const guest = start(undefined, { bob: { groups: GROUPS } });
    const outcome = guest.ask({ host, headers: [basic('bob')] });
    expect([verdict(outcome), header(outcome, name)]).toEqual(['allow', expected]);
  });

  it('looks at a remembered grant anew for another separator', () => {
    const guest = start(undefined, { bob: { groups: ['a,b', 'e|f'] } });
    const of = (host: string, name: string) => header(guest.ask({ host, headers: [basic('bob')] }), name);
    for (let i = 0; i < 2; i++) {
      expect(of('app.test', 'Remote-Groups')).toBe('e|f');
      expect(of('authentik.test', 'X-Auth-Groups')).toBe('a,b');
    }
  });

  it.each(['bad\rname', 'tab\tname', ' outer', 'c1 \u0080'])('leaves the display name %j empty', name => {
    const guest = start(undefined, { bob: { name } });
    const outcome = guest.ask({ host: 'app.test', headers: [basic('bob')] });
    expect([verdict(outcome), header(outcome, 'Remote-Name'), header(outcome, 'Remote-User')]).toEqual([
      'allow',
      '',
      'bob',
    ]);
  });

  it.each(['bob ', ' bob', 'b\u0085b'])('refuses the user %j, who would be another', user => {
    const guest = start(undefined, { [user]: {} });
    for (const host of ['app.test', 'roles.test']) {
      expect(verdict(guest.ask({ host, headers: [basic(user)] }))).toBe('403');
    }
  });
});

describe('copies of the client', () => {
  const NAMES = [
    ...Object.keys(IDENTITY_PRESETS.authentik).filter(name => name !== 'separator'),
    ...new Set([...Object.values(ALICE).flatMap(([, headers]) => Object.keys(headers)), ...REMOTE]),
  ];
  const spellings = (name: string) => [
    name,
    name.toLowerCase(),
    name.toUpperCase(),
    name.replaceAll('-', '_'),
    name.replaceAll('-', '.'),
    name.replace('-', '_').toLowerCase(),
    name.replace('-', '.').toUpperCase(),
    name.replaceAll('-', '~'),
  ];
  const FORGED = NAMES.flatMap(spellings).map(name => [name, 'forged'] as const);
  /** Whatever of these is left with what the client wrote. */
  const left = (outcome: GuestOutcome) =>
    outcome.headers.filter(([, value]) => value === 'forged').map(([name]) => name);
  /** A few of them at a time: nobody sends hundreds. */
  function* parts() {
    for (let at = 0; at < FORGED.length; at += 40) yield FORGED.slice(at, at + 40);
  }

  it.each([
    ['a hit', 'roles.test', [basic('alice')], 'allow'],
    ['a bypass', 'open.roles.test', [], 'allow'],
    ['a bypass with a credential', 'open.roles.test', [basic('alice')], 'allow'],
    ['a bypass, credential nobody knows', 'open.roles.test', [basic('eve')], 'allow'],
    ['a deferral', 'roles.test', [basic('eve')], 'defer'],
    ['a host without an entry', 'app.example.test', [basic('alice')], 'allow'],
  ] as const)('are gone on %s', (_name, host, headers, expected) => {
    const guest = start();
    for (const forged of parts()) {
      const outcome = guest.ask({ host, headers: [...headers, ...forged] });
      expect([verdict(outcome), left(outcome)]).toEqual([expected, []]);
    }
  });

  it('are gone with an inline policy, too', () => {
    const guest = startGuest({
      access_control: { rules: [{ domain: '*.test', policy: 'bypass' }] },
      domains: DOMAINS,
    });
    for (const forged of parts()) {
      const outcome = guest.ask({ host: 'any.test', headers: forged });
      expect([verdict(outcome), left(outcome)]).toEqual(['allow', []]);
      expect(told(outcome, REMOTE)).toEqual(['', '', '', '']);
    }
    expect(told(guest.ask({ host: 'roles.test' }), ['X-User-ID', 'Remote-User'])).toEqual(['', undefined]);
  });

  it('may have any name while no policy says the names, so that all other spellings go', () => {
    const guest = startGuest({ directory: '/nowhere' });
    const outcome = guest.ask({
      headers: [
        ['X_User_ID', 'forged'],
        ['x.anything', 'forged'],
        ['Remote-User', 'forged'],
        ['X-Plain', 'kept'],
      ],
    });
    expect([verdict(outcome), left(outcome), header(outcome, 'X-Plain')]).toEqual(['defer', [], 'kept']);
  });

  it('leave other headers alone', () => {
    const outcome = start().ask({
      host: 'open.roles.test',
      headers: [
        ['X-User-IDs', 'a'],
        ['X-User', 'b'],
        ['X_Other', 'c'],
        ['X-User-I', 'd'],
      ],
    });
    expect(told(outcome, ['X-User-IDs', 'X-User', 'X_Other', 'X-User-I'])).toEqual(['a', 'b', 'c', 'd']);
  });

  it('are too many to be a mistake beyond a limit', () => {
    const many = Array.from(
      { length: 80 },
      (_, i) => ['X_User_ID'.replaceAll('_', i % 2 ? '_' : '.'), 'x'] as const,
    );
    const names = many.map(([name], i) => [i % 3 ? name : name.toLowerCase(), 'forged'] as const);
    const outcome = start().ask({ host: 'open.roles.test', headers: names });
    expect(left(outcome)).toEqual([]);
  });
});
