import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import type { SessionStore } from '../store/store.ts';
import type { SessionJudge } from './judge.ts';

export interface LateEndsDeps {
  readonly store: { readonly sessions: Pick<SessionStore, 'removeAll'> };
  readonly judge: SessionJudge;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Logger;
  /** All ended, of which everybody knows already. */
  readonly onFlushed: (count: number) => void;
  readonly onEnded: (usernames: readonly string[], count: number) => void;
}

/**
 * Sessions that are over already, whatever the database says: it is told when it
 * answers next. Until then the judge refuses them.
 */
export class LateEnds {
  readonly #deps: LateEndsDeps;
  #isFlushPending = false;
  /** Users who were gone or disabled at that time. */
  readonly #left = new Map<string, number>();

  constructor(deps: LateEndsDeps) {
    this.#deps = deps;
  }

  /** What hosts share was emptied. */
  flushed(): void {
    this.#deps.judge.flushedAt = this.#deps.clock.now();
    this.#isFlushPending = true;
  }

  usersChanged(usernames: readonly string[]): void {
    const now = this.#deps.clock.now();
    for (const username of usernames)
      if (this.#deps.judge.userOf(username) === undefined) this.#left.set(username, now);
  }

  /** The database answers. */
  async tell(): Promise<void> {
    await this.#flush();
    await this.#endLeft();
  }

  async #flush(): Promise<void> {
    if (!this.#isFlushPending) return;
    const { store, judge, clock, log, onFlushed } = this.#deps;
    const ids = await store.sessions.removeAll(undefined, clock.now(), judge.flushedAt);
    this.#isFlushPending = false;
    onFlushed(ids.length);
    log.warn('the shared store was emptied: all sessions ended', { count: ids.length });
  }

  async #endLeft(): Promise<void> {
    const { store, clock, log, onEnded } = this.#deps;
    for (const [username, since] of this.#left) {
      const ids = await store.sessions.removeAll(username, clock.now(), since);
      if (this.#left.get(username) === since) this.#left.delete(username);
      if (ids.length === 0) continue;
      onEnded([username], ids.length);
      log.info('sessions ended: the user is gone or disabled', { user: username, count: ids.length });
    }
  }
}
