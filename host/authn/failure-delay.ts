import type { Clock } from '../clock.ts';
import type { HeldAnswer } from './held-answers.ts';

/** Authelia's timing-attack delay: a refused password is answered this long after its request at the earliest. */
export const FAILURE_DELAY_MS = 2_000;
/** And up to this later. */
export const FAILURE_JITTER_MS = 84;

/**
 * Waits until a failure may be told: at least two seconds and a bit since the
 * request began, so that neither an unknown user nor a cheap digest shows.
 *
 * @param began `clock.monotonic()` at the request's arrival
 * @param held whose refusal ends the waiting
 */
export async function delayFailure(
  clock: Clock,
  random: (bytes: number) => Uint8Array,
  began: number,
  held: HeldAnswer,
): Promise<void> {
  const jitter = Buffer.from(random(2)).readUInt16LE(0) % (FAILURE_JITTER_MS + 1);
  const rest = began + FAILURE_DELAY_MS + jitter - clock.monotonic();
  if (rest <= 0 || held.isRefused) return;
  await new Promise<void>(resolve => {
    held.cancel = clock.after(rest, resolve);
  });
}
