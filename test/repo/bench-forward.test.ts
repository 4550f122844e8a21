import { describe, expect, it } from 'vitest';
import { CASES, type Case, FLOORS, targetOf } from '../../bench/forward/cases.ts';
import { type Figures, floodLines, speedTable, summaryOf } from '../../bench/forward/report.ts';

const rounds = (figures: Partial<Record<Case, number[]>>) =>
  Object.fromEntries(CASES.map(name => [name, figures[name] ?? [1, 1, 1]])) as Record<Case, number[]>;

const FIGURES: Figures = {
  rps: rounds({
    bare: [50_000, 60_000, 40_000],
    direct: [35_000, 36_000, 32_000],
    traefik_noop: [7_000, 8_000, 6_000],
    traefik: [6_300, 7_200, 5_400],
    traefik_plain: [4_900, 5_600, 4_200],
    nginx_noop: [20_000, 21_000, 19_000],
    nginx: [18_000, 18_900, 19_000],
  }),
  p99: rounds({ direct: [1.254, 4, 0.8] }),
  cpu: rounds({}),
  flood: { peak: 528.4, idle: 105.2, failed: 80, busy: 1_000, answers: 1_080 },
};

describe('npm run bench -- forward', () => {
  it('gives the figures the names that programs read: medians, and quotients round by round', () => {
    expect(summaryOf(FIGURES)).toEqual({
      suite: 'forward',
      rps: {
        bare: 50_000,
        direct: 35_000,
        bare_browser: 1,
        direct_browser: 1,
        traefik_noop: 7_000,
        traefik: 6_300,
        traefik_plain: 4_900,
        traefik_bare: 1,
        nginx_noop: 20_000,
        nginx: 18_900,
        nginx_unix: 1,
        nginx_bare: 1,
        nginx_noop_unix: 1,
      },
      ratio: {
        direct: 0.7,
        direct_browser: 1,
        traefik: 0.9,
        traefik_plain: 0.7,
        traefik_bare: 0,
        nginx: 0.9,
        nginx_unix: 0,
        nginx_bare: 0,
        nginx_noop_unix: 0,
      },
      p99_ms: 1.25,
      rss_verifying_mib: 528,
    });
  });

  it('tells people the same', () => {
    const lines = speedTable(FIGURES).split('\n');
    expect(lines).toHaveLength(CASES.length + 2);
    expect(lines.find(line => line.startsWith("Traefik, Postern's host"))).toMatch(/6300 +±\S+ % +0\.900 /);
    expect(floodLines(FIGURES.flood)).toContain('528 MiB at most, 105 MiB before; 80 verified, 1000 refused');
  });

  it('compares what is asked the same way', () => {
    const ports = { bare: 1, host: 2, traefik: 3, nginx: 4 };
    for (const [name, floor] of Object.entries(FLOORS) as [Case, Case][]) {
      const [over, under] = [targetOf(name, ports), targetOf(floor, ports)];
      const { Host: ours, ...own } = over.headers;
      const { Host: other, ...rest } = under.headers;
      expect(own).toEqual(rest);
      expect([over.path, over.authorizations]).toEqual([under.path, under.authorizations]);
      // The same proxy tells by the name whom to ask.
      expect(over.port === under.port).toBe(ours !== other);
    }
  });
});
