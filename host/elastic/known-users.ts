import { type Cache, type CacheKey, orMiss } from '../cache/cache.ts';
import type { Clock } from '../clock.ts';
import { decodeOutcome, encodeOutcome, type Outcome } from './outcome.ts';

/** How many users' turns are remembered; beyond that the memory starts anew. */
const MAX_USERS = 10_000;

export interface KnownUsersDeps {
  readonly cache: Cache;
  /** How long a user counts as provisioned without Elasticsearch being asked. */
  readonly cacheSeconds: number;
  /** Each request starts that time anew. */
  readonly extendCache: boolean;
  /** A password older than this is replaced; undefined for never. */
  readonly passwordSeconds?: number | undefined;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Whom hosts remember as provisioned. A store that failed over may have lost what
 * came last, and answer what was so before, a password that has ended among it:
 * what is older than this host has once seen counts as forgotten.
 */
export class KnownUsers {
  readonly #deps: KnownUsersDeps;
  /** The latest turn that this host knows of, by name in Elasticsearch. */
  readonly #turns = new Map<string, number>();

  constructor(deps: KnownUsersDeps) {
    this.#deps = deps;
  }

  /** What is remembered of the user as it is now. */
  async find(name: string, print: string): Promise<Outcome | undefined> {
    const { cache, cacheSeconds, extendCache, clock } = this.#deps;
    const outcome = await this.read(name);
    if (outcome?.kind !== 'ready' || outcome.print !== print) return undefined;
    // However often it is used meanwhile: its password is to be looked at.
    if (outcome.due !== undefined && clock.now() >= outcome.due) return undefined;
    if (outcome.turn < (this.#turns.get(name) ?? 0)) return undefined;
    this.outdate(name, outcome.turn);
    if (extendCache) await orMiss(cache.touch(keyOf(name), cacheSeconds));
    return outcome;
  }

  /** Whatever is remembered. */
  async read(name: string): Promise<Outcome | undefined> {
    const bytes = await orMiss(this.#deps.cache.get(keyOf(name)));
    return bytes === undefined ? undefined : decodeOutcome(bytes);
  }

  /** @param since when its password began, ISO 8601 */
  async keep(name: string, outcome: Outcome, since: string): Promise<void> {
    const { cache, cacheSeconds } = this.#deps;
    const due = this.#dueOf(since);
    const kept = due === undefined ? outcome : { ...outcome, due };
    await orMiss(cache.set(keyOf(name), encodeOutcome(kept), cacheSeconds));
  }

  /** When that password will be too old; one that is and could not be replaced is left for a while. */
  #dueOf(since: string): number | undefined {
    const { passwordSeconds, cacheSeconds, clock } = this.#deps;
    if (passwordSeconds === undefined) return undefined;
    const now = clock.now();
    const due = Date.parse(since) + passwordSeconds * 1_000;
    return due > now ? Math.min(due, now + passwordSeconds * 1_000) : now + cacheSeconds * 1_000;
  }

  /** Rejects with `CacheError` when it may still be remembered. */
  async forget(name: string): Promise<void> {
    await this.#deps.cache.delete(keyOf(name));
  }

  /** What was remembered before this turn counts no more. */
  outdate(name: string, turn: number): void {
    if (turn > (this.#turns.get(name) ?? 0)) this.#note(name, turn);
  }

  /** Elasticsearch said so just now, whatever clock its turn was counted by. */
  saw(name: string, outcome: Outcome): void {
    if (outcome.kind === 'ready' && outcome.turn > 0) this.#note(name, outcome.turn);
  }

  #note(name: string, turn: number): void {
    if (this.#turns.size >= MAX_USERS && !this.#turns.has(name)) this.#turns.clear();
    this.#turns.set(name, turn);
  }
}

function keyOf(name: string): CacheKey {
  return { kind: 'elastic-known', name };
}
