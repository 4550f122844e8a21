import { describe, expect, it } from 'vitest';
import { matchersOf, parseRule } from '../../host/doctor/rule.ts';
import { headerValuesOf, hostsOf, type Known, matchRule } from '../../host/doctor/rule-match.ts';

const host: Known = { host: 'app.example.com' };
const header = (value: string): Known => ({ header: { name: 'Postern-Verdict', value } });

describe("Traefik's rules", () => {
  it.each([
    ['Host(`app.example.com`)', host, 'yes'],
    ['Host(`APP.example.com`)', host, 'yes'],
    ['host(`app.example.com.`)', host, 'yes'],
    ['Host("app.example.com")', host, 'yes'],
    ['Host(`other.example.com`)', host, 'no'],
    ['Host(`*`)', host, 'yes'],
    ['Host(`*.example.com`)', host, 'yes'],
    ['!Host(`other.example.com`)', host, 'yes'],
    ['Host(`app.example.com`) && PathPrefix(`/x`)', host, 'maybe'],
    ['Host(`app.example.com`) && PathPrefix(`/`)', host, 'yes'],
    ['Host(`other.example.com`) && PathPrefix(`/x`)', host, 'no'],
    ['Host(`other.example.com`) || Path(`/x`)', host, 'maybe'],
    ['(Host(`a.test`) || Host(`app.example.com`)) && !ClientIP(`10.0.0.0/8`)', host, 'maybe'],
    ['!(Host(`app.example.com`) && Path(`/`))', host, 'maybe'],
    ['HostRegexp(`^.+\\.example\\.com\\.?$`)', host, 'yes'],
    ['HostRegexp(`^.+\\.example\\.org$`)', host, 'no'],
    ['HostRegexp(`a^`)', host, 'no'],
    ['HostRegexp(`(?i)^APP\\.`)', host, 'yes'],
    ['HostRegexp(`^(?P<name>app)\\.`)', host, 'maybe'],
    ['HostRegexp(`(`)', host, 'maybe'],
    ['PathPrefix(`/api`)', host, 'maybe'],
    ['Hosst(`x`)', host, 'maybe'],
    ['Host(`app.example.com`', host, 'maybe'],
    ['', host, 'maybe'],
    ['Host(`a`) Host(`b`)', host, 'maybe'],
    [`${'('.repeat(500)}Host(\`a\`)${')'.repeat(500)}`, host, 'maybe'],
    ['Header(`Postern-Verdict`, `allow-1`)', header('allow-1'), 'yes'],
    ['Header(`postern-verdict`, `allow-1`)', header('allow-2'), 'no'],
    ['Header(`Postern-Verdict`, ``)', header(''), 'no'],
    ['HeaderRegexp(`Postern-Verdict`, `^allow`)', header('allow-1'), 'yes'],
    ['HeaderRegexp(`Postern-Verdict`, `.*`)', header(''), 'no'],
    ['Header(`X`, `1`)', header('allow-1'), 'maybe'],
    ['Header(`Postern-Verdict`, `a`)', host, 'maybe'],
  ])('%s', (rule, known, expected) => {
    expect(matchRule(parseRule(rule), known)).toBe(expected);
  });

  it('names hosts and header values', () => {
    const rule = parseRule(
      'Host(`A.test`) && (Header(`Postern-Verdict`, `x`) || Host(`b.test.`) || Path(`/`))',
    );
    expect(hostsOf(rule)).toEqual(['a.test', 'b.test']);
    expect(headerValuesOf(rule, 'postern-verdict')).toEqual(['x']);
    expect(rule && matchersOf(rule).map(({ name }) => name)).toEqual(['host', 'header', 'host', 'path']);
    expect([hostsOf(undefined), headerValuesOf(undefined, 'x')]).toEqual([[], []]);
  });
});
