/**
 * What failed attempts are counted for, and banned, in the place of an address:
 * an IPv4 address as it is, of IPv6 the /64. That is what one household or server
 * is given, so whoever has one has all of its 2^64 addresses; wider would make
 * strangers pay for each other.
 *
 * @param address in canonical text (RFC 5952); one that is not known stays empty
 */
export function rangeOf(address: string): string {
  if (!address.includes(':')) return address;
  return `${shortest([...ipv6Groups(address).slice(0, 4), '0', '0', '0', '0'])}/64`;
}

/** The eight groups of an IPv6 address. */
export function ipv6Groups(address: string): string[] {
  const [left = '', right] = address.split('::');
  const before = left === '' ? [] : left.split(':');
  if (right === undefined) return before;
  const after = right === '' ? [] : right.split(':');
  return [...before, ...Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after];
}

/** The one text of RFC 5952, as the URL standard has it, too. */
export function shortest(groups: readonly string[]): string {
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
