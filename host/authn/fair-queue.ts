import type { Origin } from './origin.ts';

/** Addresses of one network (/24, /48) that count as clients of their own; those beyond share these turns. */
export const NETWORK_SHARE = 4;

interface Entry<T> {
  readonly item: T;
  readonly origin: Origin;
  readonly turn: number;
}

/**
 * A bounded queue in which nobody's second turn comes before anybody's first.
 *
 * Each entry is given a turn when it comes: the one that is served at the
 * moment or, if that is later, the one behind the last that its address or its
 * account has, waiting or running; the addresses of a network share turns four
 * by four. The lowest turn is next, by arrival among equals; when the queue is
 * full, the highest turn is refused, the newest among equals. So a flood from
 * one place or on one account only delays itself, names that do not exist count
 * like others and lock nobody out, and everything is forgotten with the entry:
 * memory does not depend on how many addresses or names there are.
 */
export class FairQueue<T> {
  readonly #limit: number;
  /** In order of arrival. */
  readonly #waiting: Entry<T>[] = [];
  readonly #running = new Map<T, Entry<T>>();
  /** Turn that is served. */
  #now = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many wait. */
  get length(): number {
    return this.#waiting.length;
  }

  /** How many were taken and are not finished. */
  get running(): number {
    return this.#running.size;
  }

  push(item: T, origin: Origin): void {
    this.#waiting.push({ item, origin, turn: this.#turnOf(origin) });
  }

  /** Removes and answers who must go, while more wait than may. */
  surplus(): T | undefined {
    if (this.#waiting.length <= this.#limit) return undefined;
    let at = 0;
    this.#waiting.forEach(({ turn }, i) => {
      if (turn >= (this.#waiting[at]?.turn ?? 0)) at = i;
    });
    return this.#waiting.splice(at, 1)[0]?.item;
  }

  /** Who is next; stays in the queue. */
  peek(): T | undefined {
    return this.#waiting[this.#first()]?.item;
  }

  /** Takes who is next out of the queue; it counts until `finish`. */
  take(): T | undefined {
    const [entry] = this.#waiting.splice(this.#first(), 1);
    if (entry === undefined) return undefined;
    this.#now = Math.max(this.#now, entry.turn);
    this.#running.set(entry.item, entry);
    return entry.item;
  }

  finish(item: T): void {
    this.#running.delete(item);
  }

  #first(): number {
    let at = 0;
    this.#waiting.forEach(({ turn }, i) => {
      if (turn < (this.#waiting[at]?.turn ?? 0)) at = i;
    });
    return at;
  }

  #turnOf({ address, network, account }: Origin): number {
    let turn = this.#now;
    const neighbours = new Set<string>();
    for (const entry of [...this.#running.values(), ...this.#waiting]) {
      const other = entry.origin;
      if (other.address === address || other.account === account) turn = Math.max(turn, entry.turn + 1);
      if (other.network === network && other.address !== address) neighbours.add(other.address);
    }
    return Math.max(turn, this.#now + Math.floor(neighbours.size / NETWORK_SHARE));
  }
}
