/** An answer that is held back until a login has been judged or a failure may be told. */
export interface HeldAnswer {
  /** Resolves when the answer must be given at once: 503. */
  readonly refused: Promise<void>;
  /** Whether that has happened. */
  isRefused: boolean;
  /** What to undo when it is refused; set by whoever waits. */
  cancel: () => void;
  /** To be called in the end, whatever happened. */
  leave(): void;
}

/**
 * Answers held together: some 10 KiB each with its connection. The queue lets
 * 64 verifications wait; the rest are logins with one password at the same
 * time, and failures that sit out their two seconds.
 */
export const MAX_HELD_ANSWERS = 1_024;

/**
 * Bounds the answers that are held back. When there are too many, the oldest
 * one of the address that has most is refused, if that has at least two more
 * than the newcomer's; otherwise the newcomer is. So one address cannot take
 * all the places, and being refused depends on nobody's password.
 */
export class HeldAnswers {
  readonly #limit: number;
  readonly #byAddress = new Map<string, Set<() => void>>();
  #count = 0;

  constructor(limit = MAX_HELD_ANSWERS) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#count;
  }

  /** A place, undefined when there is none: 503 before anything was computed. */
  enter(address: string): HeldAnswer | undefined {
    if (this.#count >= this.#limit && !this.#makeRoom(address)) return undefined;
    let refuse = () => {};
    const refused = new Promise<void>(resolve => {
      refuse = resolve;
    });
    const out = () => {
      if (!this.#remove(address, out)) return;
      answer.isRefused = true;
      answer.cancel();
      refuse();
    };
    const answer: HeldAnswer = {
      refused,
      isRefused: false,
      cancel: () => {},
      leave: () => void this.#remove(address, out),
    };
    const places = this.#byAddress.get(address);
    if (places === undefined) this.#byAddress.set(address, new Set([out]));
    else places.add(out);
    this.#count++;
    return answer;
  }

  #makeRoom(newcomer: string): boolean {
    let most: ReadonlySet<() => void> | undefined;
    for (const places of this.#byAddress.values()) {
      if (most === undefined || places.size > most.size) most = places;
    }
    const own = this.#byAddress.get(newcomer)?.size ?? 0;
    if (most === undefined || most.size < own + 2) return false;
    for (const out of most) {
      out();
      break;
    }
    return true;
  }

  #remove(address: string, out: () => void): boolean {
    const places = this.#byAddress.get(address);
    if (places?.delete(out) !== true) return false;
    if (places.size === 0) this.#byAddress.delete(address);
    this.#count--;
    return true;
  }
}
