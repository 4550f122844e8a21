import {
  CLOCK_SKEW_MS,
  GRANT_TAG_LENGTH,
  GRANT_WAYS,
  GRANTS_PER_PRINCIPAL,
} from '../../assembly/contract.ts';
import type { RecordHeader } from './seal.ts';

/**
 * What the host remembers of each slot of the table, so that finding a place
 * reads no file. About 80 bytes a slot.
 */
export class SlotIndex {
  readonly #sets: number;
  /** 0: empty. */
  readonly #expiry: Float64Array;
  readonly #issued: Float64Array;
  readonly #tags: Buffer;
  readonly #users: (string | undefined)[];
  readonly #byUser = new Map<string, Set<number>>();

  constructor(slots: number) {
    if (slots < GRANT_WAYS || slots % GRANT_WAYS !== 0) {
      throw new TypeError(`the number of slots must be a multiple of ${GRANT_WAYS}`);
    }
    this.#sets = slots / GRANT_WAYS;
    this.#expiry = new Float64Array(slots);
    this.#issued = new Float64Array(slots);
    this.#tags = Buffer.alloc(slots * GRANT_TAG_LENGTH);
    this.#users = new Array(slots);
  }

  /** First slot of the set in which records with this tag lie. */
  firstOfSet(tag: Uint8Array): number {
    let start = 0;
    for (let i = 3; i >= 0; i--) start = start * 256 + (tag[i] ?? 0);
    return (start % this.#sets) * GRANT_WAYS;
  }

  /**
   * Where a record goes: to the slot that has its tag; else from its starting
   * way on the first slot that is empty or expired; else to the one that
   * expires first.
   */
  place(tag: Uint8Array, now: number): number {
    const first = this.firstOfSet(tag);
    const start = (tag[4] ?? 0) & (GRANT_WAYS - 1);
    let free = -1;
    let soonest = -1;
    for (let way = 0; way < GRANT_WAYS; way++) {
      const slot = first + ((start + way) & (GRANT_WAYS - 1));
      if (this.isTagged(slot, tag)) return slot;
      if (free < 0 && this.#at(this.#expiry, slot) <= now) free = slot;
      if (soonest < 0 || this.#at(this.#expiry, slot) < this.#at(this.#expiry, soonest)) soonest = slot;
    }
    return free >= 0 ? free : soonest;
  }

  /** Oldest live slots of the user that must go before one more is written to `slot`. */
  surplus(userTag: Uint8Array, slot: number, now: number): number[] {
    const live = this.ofUser(userTag).filter(own => own !== slot && this.#at(this.#expiry, own) > now);
    live.sort((a, b) => this.#at(this.#issued, a) - this.#at(this.#issued, b));
    return live.slice(0, Math.max(0, live.length - (GRANTS_PER_PRINCIPAL - 1)));
  }

  ofUser(userTag: Uint8Array): number[] {
    return [...(this.#byUser.get(hex(userTag)) ?? [])];
  }

  /** Whether a record of this tag and time lies in its set and lives. */
  isLive(tag: Uint8Array, issued: number, now: number): boolean {
    const first = this.firstOfSet(tag);
    for (let slot = first; slot < first + GRANT_WAYS; slot++) {
      if (this.#issued[slot] !== issued || !this.isTagged(slot, tag)) continue;
      return this.#at(this.#expiry, slot) > now && issued <= now + CLOCK_SKEW_MS;
    }
    return false;
  }

  isExpired(slot: number, now: number): boolean {
    const expiry = this.#at(this.#expiry, slot);
    return expiry !== 0 && expiry <= now;
  }

  set(slot: number, header: RecordHeader): void {
    this.clear(slot);
    const user = hex(header.userTag);
    this.#expiry[slot] = header.expiry;
    this.#issued[slot] = header.issued;
    this.#tags.set(header.tag, slot * GRANT_TAG_LENGTH);
    this.#users[slot] = user;
    const slots = this.#byUser.get(user);
    if (slots === undefined) this.#byUser.set(user, new Set([slot]));
    else slots.add(slot);
  }

  clear(slot: number): void {
    const user = this.#users[slot];
    if (user !== undefined) {
      const slots = this.#byUser.get(user);
      slots?.delete(slot);
      if (slots?.size === 0) this.#byUser.delete(user);
    }
    this.#users[slot] = undefined;
    this.#expiry[slot] = 0;
    this.#issued[slot] = 0;
    this.#tags.fill(0, slot * GRANT_TAG_LENGTH, (slot + 1) * GRANT_TAG_LENGTH);
  }

  /** Whether this is what the slot should hold, undefined for nothing. */
  holds(slot: number, header: RecordHeader | undefined): boolean {
    if (header === undefined) return this.#at(this.#expiry, slot) === 0;
    return (
      this.isTagged(slot, header.tag) &&
      this.#at(this.#issued, slot) === header.issued &&
      this.#at(this.#expiry, slot) === header.expiry &&
      this.#users[slot] === hex(header.userTag)
    );
  }

  isTagged(slot: number, tag: Uint8Array): boolean {
    if (this.#at(this.#expiry, slot) === 0) return false;
    const start = slot * GRANT_TAG_LENGTH;
    return this.#tags.compare(tag, 0, GRANT_TAG_LENGTH, start, start + GRANT_TAG_LENGTH) === 0;
  }

  #at(values: Float64Array, slot: number): number {
    return values[slot] ?? 0;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
