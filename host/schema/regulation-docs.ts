import { formatDuration } from '../config/duration.ts';
import { REGULATION_DEFAULTS } from '../config/regulation.ts';
import type { JsonSchema } from './key-docs.ts';

const MODES = '(user|ip)';

/** Keys of `regulation`, see `key-docs.ts`. */
export function regulationDocs(duration: JsonSchema): Readonly<Record<string, JsonSchema>> {
  return {
    'regulation.max_retries': {
      description:
        'So many failed attempts within `find_time` bring a ban; 0 for no bans. Without the section and without `storage` nobody is banned.',
      type: 'integer',
      minimum: 0,
      maximum: 1_000,
      default: REGULATION_DEFAULTS.maxRetries,
    },
    'regulation.find_time': {
      description: 'For so long a failed attempt counts; no longer than `ban_time`.',
      ...duration,
      default: formatDuration(REGULATION_DEFAULTS.findSeconds),
    },
    'regulation.ban_time': {
      description: 'How long a ban lasts.',
      ...duration,
      default: formatDuration(REGULATION_DEFAULTS.banSeconds),
    },
    'regulation.modes': {
      description: 'Who is banned: the account (`user`), the address (`ip`), or both.',
      anyOf: [
        { type: 'array', items: { enum: ['user', 'ip'] }, minItems: 1 },
        { type: 'string', pattern: `^\\s*${MODES}\\s*(,\\s*${MODES}\\s*)*$` },
      ],
      default: [...REGULATION_DEFAULTS.modes],
      examples: [['user', 'ip']],
    },
  };
}
