import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IDENTITY_PRESETS } from '../../host/config/identity-presets.ts';
import type { Received } from '../support/backend.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik } from '../support/traefik.ts';
import { type Stack, startStack } from './stack.ts';
import { pass, WAY_USERS, WAYS, warmUp } from './ways.ts';

const FORGED = 'f0rged';
const ROLES = {
  'X-User-ID': '{username}',
  'X-User-Roles': '{groups}',
  'X-Who': 'id:{username}',
  separator: ';',
};
const ENTRIES = Object.entries(IDENTITY_PRESETS.authentik).filter(([name]) => name !== 'separator');
const AUTHENTIK = ENTRIES.filter(([, template]) => template !== '').map(([name]) => name);
const REMOTE = ['Remote-User', 'Remote-Groups', 'Remote-Name', 'Remote-Email'];
const ALL = [...REMOTE, 'X-User-ID', 'X-User-Roles', 'X-Who', ...ENTRIES.map(([name]) => name)];

/** Hits, deferrals and bypasses on hosts with headers of their own. */
const HOSTS = [
  { label: 'names of its own', prefix: 'roles', names: ['X-User-ID', 'X-User-Roles', 'X-Who'] },
  { label: "authentik's", prefix: 'ak', names: AUTHENTIK },
  { label: 'no entry', prefix: 'plain', names: REMOTE },
];
const CASES = HOSTS.flatMap(({ label, prefix, names }) =>
  WAYS.map(way => ({
    title: `${label}: ${way.name}`,
    names,
    way: { ...way, domain: `${prefix}.${way.domain}` },
  })),
);

/** In a spelling that every proxy passes on, and in those that some services read as the same. */
const spellings = (name: string) => [
  name,
  name.toLowerCase(),
  name.toUpperCase(),
  name.replaceAll('-', '_'),
  name.replaceAll('-', '.').toLowerCase(),
  name.replace('-', '_'),
  name.replaceAll('-', '~'),
];

describeTraefik('identity headers of hosts', binary => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({
      binary: binary(),
      accessControl: {
        default_policy: 'deny',
        rules: [
          { domain: ['*.app.test', 'app.test'], policy: 'one_factor' },
          { domain: ['*.pub.test', 'pub.test'], policy: 'bypass' },
        ],
      },
      users: WAY_USERS,
      domains: ['app.test', 'pub.test', ...new Set(CASES.map(({ way }) => way.domain))],
      config: {
        domains: [
          { domain: ['roles.app.test', 'roles.pub.test'], identity_headers: ROLES },
          { domain: ['ak.app.test', 'ak.pub.test'], identity_headers: 'authentik' },
        ],
      },
    });
    await warmUp(stack);
  }, 600_000);

  afterAll(async () => {
    await stack?.stop();
    removeTempDirectories();
  });

  const valuesOf = ({ headers }: Received, name: string) =>
    headers
      .filter(([other]) => other.toLowerCase().replace(/[^a-z0-9]/g, '-') === name.toLowerCase())
      .map(([, value]) => value);

  describe.each(CASES)('$title', ({ way, names }) => {
    it('tells who asks, and nothing by the names of other hosts', async () => {
      const received = await pass(stack, way, []);
      for (const name of ALL) {
        const values = valuesOf(received, name);
        // A deferral brings all names that are configured, other hosts' empty.
        if (!names.includes(name)) expect(values.join('')).toBe('');
        else expect([name, values.length]).toEqual([name, 1]);
        if (/(user|username|user-id|uid)$/i.test(name) && names.includes(name))
          expect(values).toEqual([way.user]);
        if (name === 'X-Who' && names.includes(name)) expect(values).toEqual([way.user && `id:${way.user}`]);
      }
    });

    it('lets no copy of the client through, in any spelling', async () => {
      const lines = ALL.flatMap(spellings).map(name => `${name}: ${FORGED}`);
      for (let at = 0; at < lines.length; at += 30) {
        const received = await pass(stack, way, [...lines.slice(at, at + 30), 'X-User-Other: kept']);
        expect(received.headers.filter(([, value]) => value.includes(FORGED))).toEqual([]);
        expect(valuesOf(received, 'X-User-Other')).toEqual(['kept']);
      }
    });
  });

  it('takes other names over with the configuration', async () => {
    const roles = (await stack.ask('roles.app.test', '/', { as: 'ann:password of ann' })).received;
    expect([roles['x-user-id'], roles['x-user-roles'], roles['remote-user']]).toEqual([
      'ann',
      'staff',
      undefined,
    ]);
  });
});
