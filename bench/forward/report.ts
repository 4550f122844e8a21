import { table } from '../support/report.ts';
import { ratio, rounded, summary } from '../support/statistics.ts';
import { CASES, type Case, FLOORS, TITLES } from './cases.ts';
import { CORES, type FloodFigures } from './flood.ts';

type Rounds = Readonly<Record<Case, readonly number[]>>;

export interface Figures {
  /** Requests per second. */
  readonly rps: Rounds;
  /** 99th percentile in milliseconds. */
  readonly p99: Rounds;
  /** Microseconds of processor time that the one that is asked spends on a request. */
  readonly cpu: Rounds;
  readonly flood: FloodFigures;
}

export type ForwardSummary = {
  readonly suite: 'forward';
  readonly rps: Readonly<Record<Case, number>>;
  /** Of what each is compared with, the median of the rounds' quotients. */
  readonly ratio: Readonly<Record<string, number>>;
  /** Asked directly, at 16 connections. */
  readonly p99_ms: number;
  readonly rss_verifying_mib: number;
};

export function summaryOf({ rps, p99, flood }: Figures): ForwardSummary {
  const medians = CASES.map(name => [name, rounded(summary(rps[name]).median)] as const);
  return {
    suite: 'forward',
    rps: Object.fromEntries(medians) as Record<Case, number>,
    ratio: Object.fromEntries(ratios(rps).map(([name, value]) => [name, rounded(value, 3)])),
    p99_ms: rounded(summary(p99.direct).median, 2),
    rss_verifying_mib: rounded(flood.peak),
  };
}

function ratios(rps: Rounds): [Case, number][] {
  return CASES.flatMap(name => {
    const floor = FLOORS[name];
    return floor === undefined ? [] : [[name, ratio(rps[name], rps[floor])]];
  });
}

export function speedTable({ rps, p99, cpu }: Figures): string {
  const shares = new Map(ratios(rps));
  const rows = CASES.map(name => {
    const { median, spread } = summary(rps[name]);
    return [
      TITLES[name],
      median.toFixed(0),
      `±${spread.toFixed(1)} %`,
      shares.get(name)?.toFixed(3) ?? '',
      summary(p99[name]).median.toFixed(2),
      summary(cpu[name]).median.toFixed(1),
    ];
  });
  return table(['asked', 'requests/s', 'spread', 'of the line above', 'p99 ms', 'its CPU us'], rows);
}

export function floodLines({ peak, idle, failed, busy, answers }: FloodFigures): string {
  return `\n${answers} wrong passwords (64 MiB each, ${CORES} together): ${peak.toFixed(0)} MiB at most, ${idle.toFixed(0)} MiB before; ${failed} verified, ${busy} refused\n`;
}
