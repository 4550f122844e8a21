import { readU16, within } from '../bytes/bytes';

const nobody = new StaticArray<u8>(0);

/**
 * Who and from where a rule judges. Text is ranges of `buf`, which must stay as
 * it is while the subject is in use. One instance serves all requests: `reset`
 * makes it nobody from nowhere.
 */
export class Subject {
  buf: StaticArray<u8> = nobody;
  userStart: i32 = 0;
  userEnd: i32 = 0;
  /** First group, as in a grant's claims: u16 length ‖ bytes, one after the other. */
  groupsAt: i32 = 0;
  groupCount: i32 = 0;
  clientIdStart: i32 = 0;
  clientIdEnd: i32 = 0;
  /** False when the client's address is not known: it lies in no network then. */
  hasAddress: bool = false;
  /**
   * The address has not been looked for. A rule that asks for it then counts as
   * not matching and sets `addressWanted`: the answer is good only when that is
   * still false. Few requests meet such a rule, and each costs a call of the proxy.
   */
  addressPending: bool = false;
  addressWanted: bool = false;
  /** As `parseIp` leaves it. */
  addressHigh: u64 = 0;
  addressLow: u64 = 0;

  reset(): void {
    this.buf = nobody;
    this.userStart = this.userEnd = 0;
    this.groupsAt = this.groupCount = 0;
    this.clientIdStart = this.clientIdEnd = 0;
    this.hasAddress = this.addressPending = this.addressWanted = false;
    this.addressHigh = this.addressLow = 0;
  }

  /**
   * No user, no group, no client id. A rule's subjects then match as if they
   * might: the visitor could become any of them by signing in.
   */
  isAnonymous(): bool {
    return this.userStart >= this.userEnd && this.groupCount <= 0 && this.clientIdStart >= this.clientIdEnd;
  }
}

/** End of the group that begins at `at` (its length, then its bytes); -1 when it does not fit. */
export function groupEnd(buf: StaticArray<u8>, at: i32): i32 {
  let len: i32 = readU16(buf, at);
  return within(buf, at, 2) && within(buf, at + 2, len) ? at + 2 + len : -1;
}
