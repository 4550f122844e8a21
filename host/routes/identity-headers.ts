import { HEADER_EMAIL, HEADER_GROUPS, HEADER_NAME, HEADER_USER } from '../../assembly/contract.ts';
import { headerValue, type ReplyHeaders } from '../http/reply.ts';
import type { Logger } from '../log/logger.ts';
import type { Principal } from '../policy/engine.ts';

type Field = 'user' | 'groups' | 'name' | 'email';

/** Which headers carry what, and what stands between groups. */
interface Preset {
  readonly headers: readonly (readonly [name: string, field: Field])[];
  readonly separator: ',' | '|';
}

/** The headers of the services that we stand in for. authentik's are those of both its generations. */
export const IDENTITY_PRESETS = {
  authelia: {
    headers: [
      [HEADER_USER, 'user'],
      [HEADER_GROUPS, 'groups'],
      [HEADER_NAME, 'name'],
      [HEADER_EMAIL, 'email'],
    ],
    separator: ',',
  },
  authentik: {
    headers: [
      ['X-authentik-username', 'user'],
      ['X-authentik-groups', 'groups'],
      ['X-authentik-email', 'email'],
      ['X-authentik-name', 'name'],
      ['X-authentik-uid', 'user'],
      ['X-Auth-Username', 'user'],
      ['X-Auth-Groups', 'groups'],
      ['X-Forwarded-Email', 'email'],
      ['X-Forwarded-Preferred-Username', 'user'],
      ['X-Forwarded-User', 'user'],
    ],
    separator: '|',
  },
  'oauth2-proxy': {
    headers: [
      ['X-Auth-Request-User', 'user'],
      ['X-Auth-Request-Groups', 'groups'],
      ['X-Auth-Request-Email', 'email'],
      ['X-Auth-Request-Preferred-Username', 'user'],
    ],
    separator: ',',
  },
} as const satisfies Record<string, Preset>;

export type IdentityPreset = keyof typeof IDENTITY_PRESETS;

const NOBODY: Record<Field, string> = { user: '', groups: '', name: '', email: '' };

/** How many warnings are remembered; beyond that the memory starts anew. */
const MAX_WARNED = 1_000;

/** Makes the headers that tell a backend who asks. */
export class IdentityHeaders {
  readonly #log: Logger;
  readonly #warned = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * All of the preset, always: an empty one overwrites what a client sent. Undefined
   * when the user's name cannot be told in a header, for another name would be
   * another user.
   */
  of(principal: Principal | undefined, name: IdentityPreset = 'authelia'): ReplyHeaders | undefined {
    const preset: Preset = IDENTITY_PRESETS[name];
    if (principal === undefined) return headersOf(preset, NOBODY);
    const { username } = principal;
    if (username === '' || !isPlain(username)) {
      this.#warn(username, 'user name');
      return undefined;
    }
    const groups = principal.groups.filter(group => {
      const good = group !== '' && isPlain(group) && !group.includes(preset.separator);
      if (!good) this.#warn(username, 'group');
      return good;
    });
    return headersOf(preset, {
      user: username,
      groups: groups.join(preset.separator),
      name: this.#optional(username, 'display name', principal.displayName),
      email: this.#optional(username, 'mail address', principal.email),
    });
  }

  #optional(username: string, kind: string, value: string): string {
    if (isPlain(value)) return value;
    this.#warn(username, kind);
    return '';
  }

  #warn(user: string, kind: string): void {
    const once = `${kind}:${user}`;
    if (this.#warned.has(once)) return;
    if (this.#warned.size >= MAX_WARNED) this.#warned.clear();
    this.#warned.add(once);
    this.#log.warn(
      'left out of the headers for the backend: it holds control characters, outer white space or, a group, what stands between groups',
      { user, kind },
    );
  }
}

function headersOf({ headers }: Preset, values: Record<Field, string>): ReplyHeaders {
  return headers.map(([name, field]) => [name, headerValue(values[field])]);
}

/** What arrives as it was sent: no control characters, no white space around it (RFC 9110 section 5.5). */
function isPlain(text: string): boolean {
  return !UNPLAIN.test(text);
}

const UNPLAIN = /\p{Cc}|\p{Cs}|^[ \t]|[ \t]$/u;
