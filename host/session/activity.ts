import type { CookieConfig } from '../config/schema.ts';
import type { Session, SessionStore } from '../store/store.ts';
import { endOf } from './idle.ts';

/** Activity is noted no more often: each time is a write. */
const TOUCH_MS = 1_000;
/** The same where nothing depends on it but what the list of devices shows. */
const TOUCH_REMEMBERED_MS = 60_000;

export interface ActivityDeps {
  readonly store: { readonly sessions: Pick<SessionStore, 'touch'> };
  readonly cookies: readonly CookieConfig[];
  readonly read: (id: string) => Promise<Session | undefined>;
  /** Undefined for what a database did not write. */
  readonly tryTo: <T>(write: () => Promise<T>) => Promise<T | undefined>;
}

/** When somebody was there last, by which sessions end that nobody uses. */
export class Activity {
  readonly #deps: ActivityDeps;

  constructor(deps: ActivityDeps) {
    this.#deps = deps;
  }

  /** The session as it is then; undefined when it has ended meanwhile. */
  async note(session: Session, now: number): Promise<Session | undefined> {
    const { store, tryTo } = this.#deps;
    const since = now - session.activeAt;
    if (since < (session.remember ? TOUCH_REMEMBERED_MS : TOUCH_MS)) return session;
    const touched = await tryTo(async () => {
      const isThere = await store.sessions.touch(session.id, now);
      if (isThere && session.parent !== undefined) await this.#touchParent(session.parent, now);
      return isThere;
    });
    if (touched === false) return undefined;
    // What could not be noted does not count.
    const activeAt = touched === undefined ? session.activeAt : Math.max(now, session.activeAt);
    return { ...session, activeAt };
  }

  /** Whoever works in an application has not left the portal; but what has ended there is not brought back. */
  async #touchParent(id: string, now: number): Promise<void> {
    const { store, cookies, read } = this.#deps;
    const parent = await read(id);
    if (parent !== undefined && endOf(parent, cookies) > now) await store.sessions.touch(id, now);
  }
}
