import { bytesOf } from '../bytes/loader';
import { ByteWriter } from '../bytes/writer';
import { parseCidr } from './cidr';
import { formatIp, ipHigh, ipLow, MAX_IP_TEXT, parseIp } from './ip';
import { addNetwork, beginSet, contains } from './network-set';

/** Addresses and networks for the tests, through the loader. */

const out = new ByteWriter(new StaticArray<u8>(MAX_IP_TEXT));
const set = new ByteWriter(new StaticArray<u8>(65_536));

/** Canonical text of an address, empty when the text is none. */
export function ipCanonical(text: Uint8Array): Uint8Array {
  let buf = bytesOf(text);
  out.reset();
  if (parseIp(buf, 0, buf.length)) formatIp(ipHigh, ipLow, out);
  let answer = new Uint8Array(out.len);
  memory.copy(answer.dataStart, changetype<usize>(out.buf), out.len);
  return answer;
}

/** Begins an empty set of networks. */
export function networksClear(): void {
  set.reset();
  beginSet(set);
}

/** Adds a network to the set; false when the text is none. */
export function networksAdd(cidr: Uint8Array): bool {
  let buf = bytesOf(cidr);
  if (!parseCidr(buf, 0, buf.length)) return false;
  addNetwork(set);
  return !set.overflow;
}

/** Bytes of the set: 8, and 8 or 32 for each range that is left after joining. */
export function networksSize(): i32 {
  return set.len;
}

/** Whether the set holds the address; false when the text is none. */
export function networksContain(address: Uint8Array): bool {
  let buf = bytesOf(address);
  return parseIp(buf, 0, buf.length) && contains(set.buf, 0, ipHigh, ipLow);
}
