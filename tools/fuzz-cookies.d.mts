import type { GuestFuzzOptions } from './fuzz-guest.d.mts';

export interface CookieFuzzResult {
  /** Hostile ones; half of what is tried begins as a good one. */
  cookies: number;
  mutants: number;
  /** Tried as well: a good session stands in them. */
  good: number;
  findings: number;
  /** What came of the hostile ones: `allow nobody` at an open page, `defer` and the statuses. */
  outcomes: Record<string, number>;
}

/** `inputs`: of hostile cookies. */
export declare function fuzzCookies(options: GuestFuzzOptions): CookieFuzzResult;
export declare function describeCookieRun(result: CookieFuzzResult): string;
