/** One of the places, to be given back. */
export interface Slot {
  leave(): void;
}

/** Bounds how many tasks run at once; the others wait their turn, first come, first served. */
export class Slots {
  #free: number;
  readonly #waiting = new Set<() => void>();
  readonly #slot: Slot = { leave: () => this.#leave() };

  constructor(count: number) {
    this.#free = count;
  }

  /** Undefined when the signal aborts first. */
  async enter(signal: AbortSignal): Promise<Slot | undefined> {
    if (signal.aborted) return undefined;
    if (this.#free > 0) {
      this.#free--;
      return this.#slot;
    }
    return new Promise(resolve => {
      const begin = () => {
        signal.removeEventListener('abort', give);
        resolve(this.#slot);
      };
      const give = () => {
        this.#waiting.delete(begin);
        resolve(undefined);
      };
      this.#waiting.add(begin);
      signal.addEventListener('abort', give, { once: true });
    });
  }

  #leave(): void {
    for (const begin of this.#waiting) {
      // The place passes on.
      this.#waiting.delete(begin);
      begin();
      return;
    }
    this.#free++;
  }
}
