import type { Cache } from '../cache/cache.ts';
import type { Clock } from '../clock.ts';
import { elasticName } from './user-name.ts';

const TOPIC = 'elastic-fence';
/** Hosts that are there answer in milliseconds. */
const ANSWER_MS = 1_000;
/** Guests look at the state page twice a second; then their requests come here and wait. */
const SETTLE_MS = 1_000;
/**
 * Whoever raises a fence has written after it by then, or never will: as long as a
 * provisioning takes.
 */
const PENDING_MS = 5_000;
/** How many users are told apart; beyond that a fence stands before all of them. */
const MAX_USERS = 10_000;

/** A generation that is about to be written, by one host. */
interface Pending {
  readonly by: string;
  readonly generation: number;
  readonly until: number;
}

/**
 * Before a password changes, everything that carries the old one is taken back
 * on every host that shares the store. A fence is raised for one user: whoever
 * was about to hand on the old password sees that it is no longer current.
 */
export class Fences {
  readonly #cache: Cache;
  readonly #clock: Clock;
  readonly #raised = new Map<string, number>();
  /** Of each user; more than one where hosts cannot tell whose turn it is. */
  readonly #next = new Map<string, readonly Pending[]>();
  #all = 0;
  readonly #unsubscribe: () => void;

  /**
   * @param onRaised takes back what guests hold of this user, before it returns; what was remembered
   * of it before `turn` counts no more
   */
  constructor(cache: Cache, clock: Clock, onRaised: (name: string, username: string, turn: number) => void) {
    this.#cache = cache;
    this.#clock = clock;
    this.#unsubscribe = cache.subscribe(TOPIC, payload => {
      const { username, by, next, turn = 0 } = JSON.parse(Buffer.from(payload).toString('utf8'));
      const named = elasticName(username);
      if (!named.ok) return;
      const { name } = named;
      if (this.#raised.size >= MAX_USERS) {
        this.#raised.clear();
        this.#next.clear();
        this.#all++;
      }
      this.#raised.set(name, (this.#raised.get(name) ?? 0) + 1);
      if (typeof next === 'number') {
        const others = this.#pending(name).filter(pending => pending.by !== by);
        this.#next.set(name, [...others, { by, generation: next, until: clock.monotonic() + PENDING_MS }]);
      }
      onRaised(name, username, turn);
    });
  }

  /** Answers whether no fence has been raised for this user since now. */
  watch(name: string): () => boolean {
    const stamp = () => `${this.#all} ${this.#raised.get(name) ?? 0}`;
    const before = stamp();
    return () => stamp() === before;
  }

  /**
   * The generation that another host may be about to write, undefined when nobody
   * is. For who cannot wait for its turn, as the store cannot say whose it is: an
   * older password would end under the hands of whoever it is given to.
   */
  pending(name: string): number | undefined {
    const generations = this.#pending(name).map(({ generation }) => generation);
    return generations.length === 0 ? undefined : Math.max(...generations);
  }

  /** Nothing comes of the fence that this host has raised; what others are about to write they still are. */
  drop(name: string): void {
    const others = this.#pending(name).filter(({ by }) => by !== this.#cache.hostId);
    if (others.length === 0) this.#next.delete(name);
    else this.#next.set(name, others);
  }

  #pending(name: string): readonly Pending[] {
    return (this.#next.get(name) ?? []).filter(({ until }) => until > this.#clock.monotonic());
  }

  /**
   * Raises a fence and waits until nobody uses the old password any more. False
   * when a host could not be told that may still have guests which do: then the
   * password must stay. Rejects with `CacheError` when the store is down.
   *
   * @param next generation of the password that is to be written then
   * @param turn whose turn it is, see `Outcome`
   */
  async raise(username: string, signal: AbortSignal, next?: number, turn?: number): Promise<boolean> {
    const payload = Buffer.from(JSON.stringify({ username, by: this.#cache.hostId, next, turn }), 'utf8');
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
