import { table } from './report.ts';
import type { Speed } from './rounds.ts';
import { ratio, rounded, summary } from './statistics.ts';

/** One line for each case that was measured in Traefik, compared with `native` round by round. */
export function speedTable<Name extends string>(
  titles: Readonly<Record<Name | 'native', string>>,
  { rps, p99, cpu }: Speed<Name | 'native'>,
): string {
  const rows = (Object.keys(titles) as Name[]).map(name => {
    const { median, spread } = summary(rps[name]);
    return [
      titles[name],
      median.toFixed(0),
      `±${spread.toFixed(1)} %`,
      ratio(rps[name], rps.native).toFixed(3),
      summary(p99[name]).median.toFixed(1),
      summary(cpu[name]).median.toFixed(0),
    ];
  });
  return table(['door', 'requests/s', 'spread', 'of native', 'p99 ms', "Traefik's CPU us"], rows);
}

/** What programs read: a whole number for each case. */
export function medians<Name extends string>(
  rounds: Readonly<Record<Name, readonly number[]>>,
): Record<Name, number> {
  const entries = Object.entries(rounds) as [Name, readonly number[]][];
  return Object.fromEntries(
    entries.map(([name, values]) => [name, rounded(summary(values).median)]),
  ) as Record<Name, number>;
}
