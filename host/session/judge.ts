import type { CookieConfig } from '../config/schema.ts';
import type { Session } from '../store/store.ts';
import type { Directory, User } from '../users/directory.ts';
import { idleAt } from './idle.ts';
import type { PasswordTags } from './password-tag.ts';

/** What the clocks of hosts may differ by. Beyond it a clock was wrong, and so is the end that it set. */
const SKEW_MS = 60_000;

export interface JudgeDeps {
  readonly cookies: readonly CookieConfig[];
  readonly directory: Pick<Directory, 'find'>;
  readonly tags: PasswordTags;
}

/** What ends a session without anybody ending it. */
export class SessionJudge {
  /** Sessions that began until then are over, whatever the database still says. */
  flushedAt = 0;
  readonly #deps: JudgeDeps;

  constructor(deps: JudgeDeps) {
    this.#deps = deps;
  }

  /** By the account's own name; nobody who is disabled. */
  userOf(username: string): User | undefined {
    const user = this.#deps.directory.find(username);
    return user?.principal.username === username && !user.disabled ? user : undefined;
  }

  /** Whether this user may go on from this session to another one. */
  isGood(session: Session | undefined, user: User, now: number): boolean {
    const isOwn = session?.username === user.principal.username;
    return isOwn && this.reasonAgainst(session, user, now) === undefined;
  }

  reasonAgainst(session: Session, user: User | undefined, now: number): string | undefined {
    const { cookies, tags } = this.#deps;
    if (session.expiresAt <= now) return 'it has expired';
    if (Math.max(session.createdAt, session.activeAt) > now + SKEW_MS)
      return 'its times lie ahead of the clock';
    if (session.createdAt <= this.flushedAt) return 'the shared store was emptied';
    if (idleAt(session, cookies) <= now) return 'nobody was active';
    if (user === undefined) return 'the user is gone or disabled';
    return tags.verify(session.password, session.username, user.digest)
      ? undefined
      : 'the password was changed';
  }
}
