/** How long a host that failed is asked after the others. */
const AVOID_MS = 30_000;

/**
 * Which host is asked first, and which next: those in order in turn, then those
 * that failed of late. One that failed is tried again after a while, by one
 * request and not by all that come then.
 */
export class HostTurns {
  readonly #now: () => number;
  /** Until when each is avoided; 0 for one in order. */
  readonly #avoid: number[];
  #next = 0;

  /** @param now monotonic, in milliseconds */
  constructor(count: number, now: () => number) {
    this.#now = now;
    this.#avoid = new Array<number>(count).fill(0);
  }

  /** All of them by their place, each once. */
  order(): readonly number[] {
    const now = this.#now();
    const count = this.#avoid.length;
    const turn = Array.from({ length: count }, (_, i) => (this.#next + i) % count);
    this.#next = (this.#next + 1) % count;
    const until = (host: number) => this.#avoid[host] ?? 0;
    const isGood = (host: number) => until(host) <= now;
    const due = turn.find(host => until(host) > 0 && isGood(host));
    if (due !== undefined) this.#avoid[due] = now + AVOID_MS;
    const good = turn.filter(host => host !== due && isGood(host));
    const bad = turn.filter(host => host !== due && !isGood(host)).sort((a, b) => until(a) - until(b));
    return [...(due === undefined ? [] : [due]), ...good, ...bad];
  }

  worked(host: number): void {
    this.#avoid[host] = 0;
  }

  failed(host: number): void {
    this.#avoid[host] = this.#now() + AVOID_MS;
  }
}
