import type { Cache } from '../cache/cache.ts';
import type { Clock } from '../clock.ts';

const TOPIC = 'elastic-fence';
/** Hosts that are there answer in milliseconds. */
const ANSWER_MS = 1_000;
/** Guests look at the state page twice a second; then their requests come here and wait. */
const SETTLE_MS = 1_000;
/** How many users are told apart; beyond that a fence stands before all of them. */
const MAX_USERS = 10_000;

/**
 * Before a password changes, everything that carries the old one is taken back
 * on every host that shares the store. A fence is raised for one user: whoever
 * was about to hand on the old password sees that it is no longer current.
 */
export class Fences {
  readonly #cache: Cache;
  readonly #clock: Clock;
  readonly #raised = new Map<string, number>();
  #all = 0;
  readonly #unsubscribe: () => void;

  /** @param onRaised takes back what guests hold of this user, before it returns */
  constructor(cache: Cache, clock: Clock, onRaised: (username: string) => void) {
    this.#cache = cache;
    this.#clock = clock;
    this.#unsubscribe = cache.subscribe(TOPIC, payload => {
      const { name, username } = JSON.parse(Buffer.from(payload).toString('utf8'));
      if (this.#raised.size >= MAX_USERS) {
        this.#raised.clear();
        this.#all++;
      }
      this.#raised.set(name, (this.#raised.get(name) ?? 0) + 1);
      onRaised(username);
    });
  }

  /** Answers whether no fence has been raised for this user since now. */
  watch(name: string): () => boolean {
    const stamp = () => `${this.#all} ${this.#raised.get(name) ?? 0}`;
    const before = stamp();
    return () => stamp() === before;
  }

  /**
   * Raises a fence and waits until nobody uses the old password any more. False
   * when a host could not be told that may still have guests which do: then the
   * password must stay. Rejects with `CacheError` when the store is down.
   */
  async raise(name: string, username: string, signal: AbortSignal): Promise<boolean> {
    const payload = Buffer.from(JSON.stringify({ name, username }), 'utf8');
    const { missing } = await this.#cache.broadcast(TOPIC, payload, ANSWER_MS);
    if (missing.some(host => host.until > this.#clock.now())) return false;
    await new Promise<void>(resolve => this.#clock.after(SETTLE_MS, resolve));
    signal.throwIfAborted();
    return true;
  }

  close(): void {
    this.#unsubscribe();
  }
}
