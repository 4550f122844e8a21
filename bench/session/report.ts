import type { Rounds } from '../support/rounds.ts';
import { medians } from '../support/speed-table.ts';
import { ratio, rounded } from '../support/statistics.ts';
import type { Case } from './cases.ts';

export type SessionSummary = {
  readonly suite: 'session';
  readonly rps: Readonly<Record<Case, number>>;
  /** Medians of the rounds' quotients: of native, and of the server that does nothing. */
  readonly ratio: { readonly session: number; readonly forward: number };
};

export function summaryOf(rps: Readonly<Rounds<Case>>): SessionSummary {
  return {
    suite: 'session',
    rps: medians(rps),
    ratio: {
      session: rounded(ratio(rps.session, rps.native), 3),
      forward: rounded(ratio(rps.forward, rps.forward_noop), 3),
    },
  };
}
