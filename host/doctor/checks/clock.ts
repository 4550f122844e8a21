import { CLOCK_SKEW_MS } from '../../../assembly/contract.ts';
import { because, type Finding } from '../finding.ts';
import { type Check, hasFailed } from '../observation.ts';
import type { ClockOffset } from '../traefik-view.ts';

const clocks = because(
  'deferrals and grants carry times: host and Traefik must agree on them within 2 seconds.',
);

const MEND = '# on every machine that runs Traefik, host or doctor\ntimedatectl set-ntp true';

/** Clocks of host and Traefik, both by their `Date` headers. */
export const checkClock: Check = ({ traefik, host }) => {
  if (hasFailed(traefik) || hasFailed(host)) return [];
  const [a, b] = [traefik.clock, host.clock];
  if (a === undefined || b === undefined) {
    return [clocks.unseen('clock.unseen', "the answers of Traefik's API or of the host carry no Date")];
  }
  const off = apart(a, b);
  const finding: Finding =
    off > CLOCK_SKEW_MS
      ? clocks.error(
          'clock.apart',
          `the clocks of host and Traefik are at least ${seconds(off)} s apart`,
          MEND,
        )
      : clocks.ok('clock.together', 'the clocks of host and Traefik agree');
  return [finding];
};

/** Least difference that both intervals allow. */
export function apart(a: ClockOffset, b: ClockOffset): number {
  return Math.max(0, a.atLeast - b.atMost, b.atLeast - a.atMost);
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
