import { describe, expect, it } from 'vitest';
import { CASES, DOMAINS, elasticSetup, faultOf, TITLES, targetOf } from '../../bench/elastic/cases.ts';
import { summaryOf } from '../../bench/elastic/report.ts';
import { ACCOUNT } from '../../bench/support/native-headers.ts';
import { authorizationOf } from '../../bench/support/policy.ts';
import { speedTable } from '../../bench/support/speed-table.ts';
import type { Router } from '../../host/cli/traefik-setup.ts';

const RPS = {
  plain: [9_000, 10_000, 8_000],
  native: [8_000, 9_000, 7_000],
  builtin: [7_200.4, 8_100.4, 6_300.4],
  chain: [2_000, 2_250, 1_750],
};
const THEIRS = 'Basic bXktc2VydmljZS1hY2NvdW50OmRlcml2ZWQ=';

interface Http {
  readonly routers: Readonly<Record<string, Router>>;
  readonly middlewares: Readonly<Record<string, Record<string, Record<string, unknown>>>>;
}
const { http } = elasticSetup({
  guestKey: new Uint8Array(32),
  hostUrl: 'http://127.0.0.1:1',
  serverUrl: 'http://127.0.0.1:2',
  dropInUrl: 'http://127.0.0.1:3',
  authorization: THEIRS,
  directory: '/run/postern',
  keyFile: '/etc/postern/guest.key',
}).dynamic as unknown as { http: Http };

describe('npm run bench -- elastic', () => {
  it('gives the figures the names that programs read', () => {
    expect(summaryOf(RPS)).toEqual({
      suite: 'elastic',
      rps: { plain: 9_000, native: 8_000, builtin: 7_200, chain: 2_000 },
    });
  });

  it('tells people the same, as a share of native', () => {
    const lines = speedTable(TITLES, { rps: RPS, p99: RPS, cpu: RPS }).split('\n');
    expect(lines).toHaveLength(CASES.length + 2);
    expect(lines.find(line => line.startsWith(TITLES.builtin))).toMatch(/7200 +±\S+ % +0\.900 /);
    expect(lines.find(line => line.startsWith(TITLES.chain))).toMatch(/2000 +±\S+ % +0\.250 /);
  });

  it('sends the same requests to all', () => {
    for (const name of CASES) {
      const { Host, ...rest } = targetOf(name, 1).headers;
      const { Host: _, ...plain } = targetOf('plain', 1).headers;
      expect([Host, rest]).toEqual([DOMAINS[name], plain]);
      expect(targetOf(name, 1).path).toBe(targetOf('plain', 1).path);
    }
  });

  it('gives native the layers of the guest, and asks both endpoints in turn in the chain', () => {
    const layers = (domain: string) =>
      Object.entries(http.routers)
        .filter(([name]) => name.startsWith(`postern-${domain.replaceAll('.', '-')}`))
        .map(([, { middlewares, service, priority }]) => ({ middlewares, service, priority }));
    const builtin = JSON.stringify(layers(DOMAINS.builtin));
    expect(layers(DOMAINS.builtin)).toHaveLength(3);
    expect(layers(DOMAINS.native)).toEqual(JSON.parse(builtin.replace('"postern"', '"native"')));
    expect(http.middlewares.native?.headers?.customRequestHeaders).toMatchObject({ Authorization: THEIRS });
    const chain = http.routers.chain?.middlewares?.map(name => http.middlewares[name]?.forwardAuth);
    expect(chain).toMatchObject([
      { address: 'http://127.0.0.1:1/api/authz/forward-auth' },
      { address: 'http://127.0.0.1:3/', authResponseHeaders: ['Authorization'] },
    ]);
  });

  it('finds what the backend was not sent', () => {
    const own = authorizationOf(ACCOUNT.username);
    const sent = (authorization: string, user = ACCOUNT.username) =>
      `Accept: */*\r\nAuthorization: ${authorization}\r\nRemote-User: ${user}\r\n`;
    for (const name of ['native', 'builtin', 'chain'] as const) {
      expect(faultOf(name, sent(THEIRS), THEIRS)).toBeUndefined();
      expect(faultOf(name, sent(own), THEIRS)).toContain('Authorization');
      expect(faultOf(name, sent(`${THEIRS}\r\nAuthorization: ${own}`), THEIRS)).toContain('Authorization');
      expect(faultOf(name, sent(THEIRS, 'other'), THEIRS)).toContain('Remote-User');
      expect(faultOf(name, '', THEIRS)).toContain('Authorization');
    }
    expect(faultOf('plain', `Authorization: ${own}\r\n`, THEIRS)).toBeUndefined();
    expect(faultOf('plain', sent(THEIRS), THEIRS)).toContain('Authorization');
  });
});
