import { medians } from '../support/speed-table.ts';
import type { Case } from './cases.ts';

export type ElasticSummary = {
  readonly suite: 'elastic';
  /** Requests per second. */
  readonly rps: Readonly<Record<Case, number>>;
};

/** The line that `--json` prints. */
export function summaryOf(rps: Readonly<Record<Case, readonly number[]>>): ElasticSummary {
  return { suite: 'elastic', rps: medians(rps) };
}
