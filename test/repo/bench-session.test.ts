import { describe, expect, it } from 'vitest';
import { CASES, DOMAINS, sessionSetup, TITLES, targetOf } from '../../bench/session/cases.ts';
import { summaryOf } from '../../bench/session/report.ts';
import { speedTable } from '../../bench/support/speed-table.ts';

const RPS = {
  plain: [24_000, 25_000, 23_000],
  native: [20_000, 21_000, 19_000],
  session: [19_000, 19_950, 18_240],
  forward_noop: [7_000, 6_000, 8_000],
  forward: [6_300, 5_400, 7_600],
};

describe('npm run bench -- session', () => {
  it('gives the figures the names that programs read: medians, and quotients round by round', () => {
    expect(summaryOf(RPS)).toEqual({
      suite: 'session',
      rps: { plain: 24_000, native: 20_000, session: 19_000, forward_noop: 7_000, forward: 6_300 },
      ratio: { session: 0.95, forward: 0.9 },
    });
  });

  it('tells people the same', () => {
    const lines = speedTable(TITLES, { rps: RPS, p99: RPS, cpu: RPS }).split('\n');
    expect(lines).toHaveLength(CASES.length + 2);
    expect(lines.find(line => line.startsWith('Postern, a session'))).toMatch(/19000 +±\S+ % +0\.950 /);
  });

  it('sends every door the same request, and no password', () => {
    const asked = CASES.map(name => targetOf(name, 1, 'session=x'));
    expect(new Set(asked.map(({ headers }) => headers.Host)).size).toBe(CASES.length);
    for (const { headers, authorizations, ...rest } of asked) {
      const [first] = asked;
      expect({ ...headers, Host: '' }).toEqual({ ...first?.headers, Host: '' });
      expect(rest).toEqual({ port: 1, path: first?.path });
      expect(authorizations).toEqual([]);
      expect(headers.Cookie).toMatch(/; session=x$/);
    }
  });

  it('has the plugin and native in the same layers, and asks the host by its own authority', () => {
    const setup = sessionSetup({
      guestKey: new Uint8Array(32),
      hostUrl: 'https://localhost:9091',
      ca: '/ca.crt',
      serverUrl: 'http://127.0.0.1:1',
      directory: '/guest',
      keyFile: '/key/guest.key',
    });
    const { routers, middlewares } = setup.dynamic.http as {
      routers: Record<string, { rule: string; middlewares?: string[] }>;
      middlewares: Record<string, { forwardAuth?: { address: string; tls?: object } }>;
    };
    const layers = (domain: string) =>
      Object.entries(routers)
        .filter(([name]) => name.includes(domain.replaceAll('.', '-')))
        .map(([, router]) => router);
    const [own, native] = [layers(DOMAINS.session), layers(DOMAINS.native)];
    expect(own.length).toBeGreaterThan(1);
    expect(native.map(({ middlewares: names }) => names)).toEqual(
      own.map(({ middlewares: names }) => names?.map(name => (name === 'postern' ? 'native' : name))),
    );
    expect(middlewares.forward?.forwardAuth?.tls).toEqual({ ca: '/ca.crt' });
    expect(middlewares['postern-host']?.forwardAuth?.tls).toEqual({ ca: '/ca.crt' });
    expect(middlewares.noop?.forwardAuth?.tls).toBeUndefined();
  });
});
