import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import { type RevocationStore, type Store, StoreError } from '../store/store.ts';

/** Of the two seconds in which what was revoked on another host is refused by the guests of this one. */
const POLL_MS = 500;
/** Asked for again each time: a transaction that took its number before another one may be seen after it. */
const OVERLAP = 256;
/** How often what has ended is removed from the database. */
const SWEEP_MS = 60 * 60 * 1_000;

export interface FollowerDeps {
  readonly store: Pick<Store, 'sweep'> & { readonly revocations: Pick<RevocationStore, 'last' | 'since'> };
  readonly clock: Clock;
  readonly log: Logger;
  /** Somebody else ended sessions of these users; everybody's when undefined is among them. */
  readonly onRevoked: (usernames: ReadonlySet<string | undefined>) => void;
  /** Whatever was put off while the database was away. */
  readonly onContact?: () => Promise<void>;
  readonly pollMs?: number;
}

export interface FollowerStatus {
  readonly ok: boolean;
  /** When the database answered last, milliseconds since 1970; undefined before it did. */
  readonly lastContact: number | undefined;
  readonly reason?: string;
}

/**
 * Asks the database what other hosts, and commands, have ended. While it does not
 * answer, nobody's session can be looked up either; what was missed is read
 * when it does again.
 */
export class RevocationFollower {
  readonly #deps: FollowerDeps;
  #last = 0;
  /** Handled among the last ones. */
  #seen = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #isStopped = false;
  #contact: number | undefined;
  #reason: string | undefined;
  #sweptAt = 0;

  constructor(deps: FollowerDeps) {
    this.#deps = deps;
  }

  /**
   * Before any grant is written: what was told before is in the rows that are read
   * from now on. While the database is away no session is read; everything that was
   * told is news then.
   */
  async start(): Promise<void> {
    try {
      const last = await this.#deps.store.revocations.last();
      this.#seen = new Set(await this.#numbersBefore(last));
      this.#last = last;
      this.#contact = this.#deps.clock.now();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#failed(error);
    }
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  status(): FollowerStatus {
    const reason = this.#reason;
    return {
      ok: reason === undefined,
      lastContact: this.#contact,
      ...(reason === undefined ? {} : { reason }),
    };
  }

  async #numbersBefore(last: number): Promise<number[]> {
    const found = await this.#deps.store.revocations.since(last - OVERLAP);
    return found.map(({ number }) => number);
  }

  #schedule(): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#round = this.#ask().finally(() => this.#schedule());
    }, this.#deps.pollMs ?? POLL_MS);
    this.#timer.unref();
  }

  /**
   * Numbers only grow. Smaller ones are those of a database that was put in the
   * place of this one, restored from a backup for instance: what it says of the
   * time before is not known, and what it will say must be heard.
   */
  async #lookForAnother(): Promise<void> {
    const last = await this.#deps.store.revocations.last();
    // None at all: those of before are so old that they were removed, or nothing was told yet.
    if (last === 0 || last >= this.#last) return;
    this.#last = last;
    this.#seen = new Set(await this.#numbersBefore(last));
    this.#deps.log.warn('the database was replaced by another one, or an older one: all grants are void');
    this.#deps.onRevoked(new Set([undefined]));
  }

  async #ask(): Promise<void> {
    const { store, clock, log, onRevoked, onContact } = this.#deps;
    try {
      const began = clock.now();
      await this.#lookForAnother();
      const found = await store.revocations.since(this.#last - OVERLAP);
      const fresh = found.filter(({ number }) => !this.#seen.has(number));
      const others = fresh.filter(({ isOwn }) => !isOwn);
      if (others.length > 0) onRevoked(new Set(others.map(({ username }) => username)));
      this.#last = Math.max(this.#last, ...fresh.map(({ number }) => number));
      // No more than what is asked for again.
      this.#seen = new Set(found.map(({ number }) => number));
      this.#contact = began;
      await onContact?.();
      if (this.#reason !== undefined) log.info('the database answers again');
      this.#reason = undefined;
      if (began - this.#sweptAt < SWEEP_MS) return;
      this.#sweptAt = began;
      await store.sweep(began);
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    const reason = error instanceof StoreError ? error.message : String(error);
    if (this.#reason === undefined)
      this.#deps.log.error(
        'sessions cannot be looked up: who has no grant is answered 503 until the database is back',
        { error: reason },
      );
    this.#reason = reason;
  }
}
