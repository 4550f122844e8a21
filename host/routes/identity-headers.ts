import { HEADER_EMAIL, HEADER_GROUPS, HEADER_NAME, HEADER_USER } from '../../assembly/contract.ts';
import { headerValue, type ReplyHeaders } from '../http/reply.ts';
import type { Logger } from '../log/logger.ts';
import type { Principal } from '../policy/engine.ts';

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
   * All four, always: an empty one overwrites what a client sent. Undefined
   * when the user's name cannot be told in a header, for another name would be
   * another user.
   */
  of(principal: Principal | undefined): ReplyHeaders | undefined {
    if (principal === undefined) return identity('', '', '', '');
    const { username } = principal;
    if (username === '' || !isPlain(username)) {
      this.#warn(username, 'user name');
      return undefined;
    }
    const groups = principal.groups.filter(group => {
      const good = group !== '' && isPlain(group) && !group.includes(',');
      if (!good) this.#warn(username, 'group');
      return good;
    });
    return identity(
      username,
      groups.join(','),
      this.#optional(username, 'display name', principal.displayName),
      this.#optional(username, 'mail address', principal.email),
    );
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
      'left out of the headers for the backend: it holds control characters, outer white space or, a group, a comma',
      { user, kind },
    );
  }
}

function identity(user: string, groups: string, name: string, email: string): ReplyHeaders {
  return [
    [HEADER_USER, headerValue(user)],
    [HEADER_GROUPS, headerValue(groups)],
    [HEADER_NAME, headerValue(name)],
    [HEADER_EMAIL, headerValue(email)],
  ];
}

/** What arrives as it was sent: no control characters, no white space around it (RFC 9110 section 5.5). */
function isPlain(text: string): boolean {
  return !/\p{Cc}|\p{Cs}|^[ \t]|[ \t]$/u.test(text);
}
