import {
  HEADER_EMAIL,
  HEADER_GROUPS,
  HEADER_NAME,
  HEADER_USER,
  HEADER_VERDICT,
  VERDICT_ALLOW_PREFIX,
} from '../../assembly/contract.ts';
import type { Principal } from '../../host/policy/engine.ts';
import { verdictTag } from '../../host/secret/derive.ts';
import { principals } from './policy.ts';

export const IDENTITY_HEADERS: readonly string[] = [HEADER_USER, HEADER_GROUPS, HEADER_NAME, HEADER_EMAIL];

/** Who signs in where one account is enough. */
export const ACCOUNT = principals(1)[0] as Principal;

/** Traefik's own middleware that sets what the plugin sets, and `more`. */
export function nativeHeaders(guestKey: Uint8Array, more: Readonly<Record<string, string>> = {}) {
  return {
    headers: {
      customRequestHeaders: {
        [HEADER_USER]: ACCOUNT.username,
        [HEADER_GROUPS]: ACCOUNT.groups.join(','),
        [HEADER_NAME]: ACCOUNT.displayName,
        [HEADER_EMAIL]: ACCOUNT.email,
        [HEADER_VERDICT]: `${VERDICT_ALLOW_PREFIX}${verdictTag(guestKey)}`,
        ...more,
      },
    },
  };
}
