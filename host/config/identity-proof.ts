import type { GetValue } from './keys.ts';
import { boolean, duration, integer } from './values.ts';

/** Authelia's `identity_validation.elevated_session`: the code that is sent before second factors may be changed. */
export interface IdentityProof {
  /** How long the code counts. */
  readonly codeSeconds: number;
  /** How long the session may then change something. */
  readonly proofSeconds: number;
  readonly characters: number;
  /** Who has a second factor must have shown it, besides. */
  readonly requireSecondFactor: boolean;
  /** Who has shown it is sent no code. */
  readonly skipSecondFactor: boolean;
}

export const IDENTITY_PROOF_DEFAULTS: IdentityProof = {
  codeSeconds: 5 * 60,
  proofSeconds: 10 * 60,
  characters: 8,
  requireSecondFactor: false,
  skipSecondFactor: false,
};

/** A code that lies in a mailbox for longer is a password. */
const MAX_SECONDS = 3_600;

const SECTION = 'identity_validation.elevated_session';

export const IDENTITY_PROOF_KEYS = {
  'identity_validation.elevated_session.code_lifespan': duration(60, MAX_SECONDS),
  'identity_validation.elevated_session.elevation_lifespan': duration(60, MAX_SECONDS),
  'identity_validation.elevated_session.characters': integer(8, 20),
  'identity_validation.elevated_session.require_second_factor': boolean,
  'identity_validation.elevated_session.skip_second_factor': boolean,
} as const;

/** With the defaults for what is not set. */
export function readIdentityProof(get: GetValue): IdentityProof {
  const standard = IDENTITY_PROOF_DEFAULTS;
  return {
    codeSeconds: get(`${SECTION}.code_lifespan`) ?? standard.codeSeconds,
    proofSeconds: get(`${SECTION}.elevation_lifespan`) ?? standard.proofSeconds,
    characters: get(`${SECTION}.characters`) ?? standard.characters,
    requireSecondFactor: get(`${SECTION}.require_second_factor`) ?? standard.requireSecondFactor,
    skipSecondFactor: get(`${SECTION}.skip_second_factor`) ?? standard.skipSecondFactor,
  };
}
