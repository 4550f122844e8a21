import { describe, expect, it } from 'vitest';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { header, startGuest } from '../support/guest.ts';

const accessControl = {
  default_policy: 'deny',
  rules: [
    { domain: 'a.test', policy: 'bypass', resources: '^/open([/?].*)?$' },
    { domain: 'a.test', policy: 'bypass', resources: '^/lan$', networks: '10.0.0.0/8' },
    { domain: 'a.test', policy: 'deny', resources: '^/admin([/?].*)?$' },
    { domain: 'a.test', policy: 'two_factor', resources: '^/safe/' },
    { domain: 'a.test', policy: 'bypass', resources: '^/only;x=1$' },
    { domain: 'a.test', policy: 'one_factor' },
    { domain: 'free.test', policy: 'bypass' },
  ],
};

/** URI, and what nobody gets; a status, or `in`. */
const CASES: [string, 'in' | 400 | 401 | 403][] = [
  ['/open', 'in'],
  ['/open/;x', 'in'],
  ['/open/a;b/c;d?e;f', 400],
  ['/open/a;b/c;d?e', 'in'],
  // As it stands it is no open path, and whoever cuts the parameter off has one: the stricter counts.
  ['/open;x', 401],
  ['/;x/open', 401],
  ['/;/open', 401],
  ['/open/..x;y/admin', 'in'],
  ['/admin;', 403],
  ['/admin;x', 403],
  ['/admin;x=1;y=2/users', 403],
  ['/admin;?x', 403],
  ['/;/admin', 403],
  ['/;x/admin/', 403],
  ['/;/;/;/admin', 403],
  ['/adm;x/in', 401],
  ['/a;/admin', 401],
  ['/x;/admin', 401],
  ['/safe;x/y', 401],
  ['/only;x=1', 401],
  ['/a;b', 401],
  [';', 400],
  ['/;', 401],
  ['/lan', 'in'],
  ['/lan;x', 401],
];

describe('parameters of a path, which some applications cut off', () => {
  const engine = loadEngine(new URL('../../dist/embed.wasm', import.meta.url));

  function hostSays(
    uri: string,
    document: object,
    user?: string,
  ): { verdict: string; rule: number | undefined } {
    const compiled = engine.compile({ access_control: accessControl, ...document } as never);
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
    engine.load(compiled.image);
    const principal = { username: user ?? '', groups: [], email: '', displayName: '' };
    const decision = engine.decide(
      {
        method: 'GET',
        scheme: 'https',
        host: uri.startsWith('free:') ? 'free.test' : 'a.test',
        uri: uri.replace(/^free:/, ''),
        client: '10.1.2.3',
      },
      user === undefined ? { kind: 'none' } : { kind: 'proved', principal, level: 1 },
    );
    return { verdict: decision.verdict, rule: 'position' in decision ? decision.position : undefined };
  }

  const STATUS: Readonly<Record<string, string | number>> = {
    allow: 'in',
    challenge: 401,
    forbid: 403,
    'bad-request': 400,
  };

  it.each(CASES)('%s, asked for by nobody: %s', (uri, expected) => {
    const guest = startGuest({ access_control: accessControl });
    const outcome = guest.ask({ host: 'a.test', uri, from: '10.1.2.3:5' });
    expect(
      outcome.next ? header(outcome, 'Postern-Verdict')?.replace(/allow-.*/, 'in') : outcome.response?.status,
    ).toBe(expected);
    expect(STATUS[hostSays(uri, {}).verdict]).toBe(expected);
  });

  it('the stricter reading counts for whoever is signed in, too, and is the one that is explained', () => {
    expect(hostSays('/x', {}, 'ann')).toEqual({ verdict: 'allow', rule: 6 });
    expect(hostSays('/a;b', {}, 'ann')).toEqual({ verdict: 'allow', rule: 6 });
    expect(hostSays('/admin;x', {}, 'ann')).toEqual({ verdict: 'forbid', rule: 3 });
    expect(hostSays('/;/admin', {}, 'ann')).toEqual({ verdict: 'forbid', rule: 3 });
    expect(hostSays('/safe;x/y', {}, 'ann')).toEqual({ verdict: 'challenge', rule: 4 });
    expect(hostSays('/open/;x', {}, 'ann')).toEqual({ verdict: 'allow', rule: 1 });
  });

  it('`clean` asks for what stands there, as Authelia does', () => {
    for (const ambiguous_paths of ['clean', { clean: ['a.test'] }]) {
      expect(hostSays('/admin;x', { ambiguous_paths }, 'ann')).toEqual({ verdict: 'allow', rule: 6 });
      expect(hostSays('/only;x=1', { ambiguous_paths })).toEqual({ verdict: 'allow', rule: 5 });
      const guest = startGuest({ access_control: accessControl, ambiguous_paths });
      expect(guest.ask({ host: 'a.test', uri: '/only;x=1' }).next).toBe(true);
    }
  });

  it('says nothing about domains whose rules look at no path', () => {
    expect(hostSays('free:/admin;x', {})).toEqual({ verdict: 'allow', rule: 7 });
  });
});
