import { formatDuration } from './duration.ts';
import type { GetValue } from './keys.ts';
import type { Report } from './tree.ts';
import { duration, integer, type Reader, shown } from './values.ts';

/** Authelia's `regulation`: who may not sign in for a while after failed attempts. */
export interface RegulationSetup {
  /** 0: nobody is banned for failed attempts. */
  readonly maxRetries: number;
  readonly findSeconds: number;
  readonly banSeconds: number;
  /** Who is banned: the account, the address, or both. */
  readonly modes: readonly RegulationMode[];
}

export type RegulationMode = 'user' | 'ip';

/** Authelia's. */
export const REGULATION_DEFAULTS: RegulationSetup = {
  maxRetries: 3,
  findSeconds: 2 * 60,
  banSeconds: 5 * 60,
  modes: ['user'],
};

/**
 * Nobody is banned but by an operator. So it is where there is neither the section
 * nor a database, which Authelia never does without: there passwords come in
 * headers alone, no device is known from before, and bans that nobody asked for
 * would let strangers lock owners out.
 */
export const NO_REGULATION: RegulationSetup = { ...REGULATION_DEFAULTS, maxRetries: 0 };

/** Each time is kept until it is over; beyond this a limit is none. */
const MAX_RETRIES = 1_000;
/** Counters live as long. */
const MAX_FIND_SECONDS = 30 * 86_400;
/** For longer ones there is `postern ban add`. */
const MAX_BAN_SECONDS = 365 * 86_400;

const MODES: readonly RegulationMode[] = ['user', 'ip'];

/** In the environment commas separate. */
const modes: Reader<readonly RegulationMode[]> = raw => {
  const list: unknown = typeof raw === 'string' ? raw.split(',').map(item => item.trim()) : raw;
  const isGood = Array.isArray(list) && list.length > 0 && list.every(item => MODES.includes(item));
  return isGood
    ? { ok: true, value: MODES.filter(mode => list.includes(mode)) }
    : {
        ok: false,
        message: `must be a list of \`user\`, \`ip\` or both (\`max_retries: 0\` turns regulation off), got ${shown(raw)}`,
      };
};

export const REGULATION_KEYS = {
  'regulation.max_retries': integer(0, MAX_RETRIES),
  'regulation.find_time': duration(1, MAX_FIND_SECONDS),
  'regulation.ban_time': duration(1, MAX_BAN_SECONDS),
  'regulation.modes': modes,
} as const satisfies Record<string, Reader<unknown>>;

/** @param isOn the section is there, or a database is */
export function readRegulation(get: GetValue, isOn: boolean, report: Report): RegulationSetup {
  if (!isOn) return NO_REGULATION;
  const setup: RegulationSetup = {
    maxRetries: get('regulation.max_retries') ?? REGULATION_DEFAULTS.maxRetries,
    findSeconds: get('regulation.find_time') ?? REGULATION_DEFAULTS.findSeconds,
    banSeconds: get('regulation.ban_time') ?? REGULATION_DEFAULTS.banSeconds,
    modes: get('regulation.modes') ?? REGULATION_DEFAULTS.modes,
  };
  if (setup.findSeconds > setup.banSeconds) {
    const [find, ban] = [formatDuration(setup.findSeconds), formatDuration(setup.banSeconds)];
    report(
      'config.value',
      'regulation.find_time',
      `must not be longer than \`regulation.ban_time\`, got ${find} and ${ban}: failed attempts from before a ban would bring the next one`,
    );
  }
  return setup;
}
