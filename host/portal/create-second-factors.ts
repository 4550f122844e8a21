import type { Cache } from '../cache/cache.ts';
import type { Clock } from '../clock.ts';
import { IDENTITY_PROOF_DEFAULTS } from '../config/identity-proof.ts';
import type { Setup } from '../config/schema.ts';
import type { Logger } from '../log/logger.ts';
import type { Notifier } from '../notifier/notifier.ts';
import { IdentityProofs } from '../second-factor/identity-proofs.ts';
import { OneTimeCodes } from '../second-factor/one-time-codes.ts';
import { StoredFactors } from '../second-factor/stored-factors.ts';
import type { Sessions } from '../session/sessions.ts';
import type { FactorStore } from '../store/store.ts';
import { createSecondFactorRoutes } from './second-factor-routes.ts';
import type { PortalRoute } from './visit.ts';

export interface CreateSecondFactorsDeps {
  readonly store: FactorStore;
  /** What hosts share. */
  readonly cache: Cache;
  /** Undefined without `notifier`. */
  readonly notifier: Notifier | undefined;
  readonly sessions: Pick<Sessions, 'begin'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
}

/** The pages of second factors with everything that belongs to them alone. */
export function createSecondFactors(
  config: Pick<Setup, 'totp' | 'identityProof'>,
  { store, cache, notifier, sessions, clock, random, log }: CreateSecondFactorsDeps,
): PortalRoute[] {
  const settings = config.identityProof ?? IDENTITY_PROOF_DEFAULTS;
  if (config.totp !== undefined && notifier === undefined) {
    log.warn('nobody can register a second factor: there is no way to send codes', {
      key: 'notifier',
      hint: "write `notifier: { filesystem: { filename: '/var/lib/postern/notification.txt' } }`, or `notifier.smtp`",
    });
  }
  return createSecondFactorRoutes({
    factors:
      config.totp === undefined
        ? undefined
        : new StoredFactors({ setup: config.totp, store, cache, clock, random }),
    codes: notifier === undefined ? undefined : new OneTimeCodes({ cache, notifier, settings, random }),
    notifier,
    proofs: new IdentityProofs(cache, settings),
    settings,
    sessions,
    log,
  });
}
