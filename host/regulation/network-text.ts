import type { Engine } from '../policy/engine.ts';
import { ipv6Groups, shortest } from './address-range.ts';

const MAPPED_PREFIX = 96n;
const MAPPED = 0xffffn << 32n;

/**
 * The one text of an address or network, so that a ban is found again by whoever
 * writes it another way: `203.0.113.9/24` is `203.0.113.0/24`, `::ffff:203.0.113.9`
 * is `203.0.113.9`. Undefined for what the engine does not take as either.
 */
export function networkText(
  engine: Pick<Engine, 'compileNetworks'>,
  text: string,
): { readonly subject: string; readonly isEverybody: boolean } | undefined {
  if (engine.compileNetworks([text]) === undefined) return undefined;
  const [address = '', given] = text.split('/');
  let isV6 = address.includes(':');
  let value = isV6
    ? ipv6Value(address)
    : address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
  let width = isV6 ? 128n : 32n;
  let length = given === undefined ? width : BigInt(given);
  if (isV6 && value >> 32n === MAPPED >> 32n && length >= MAPPED_PREFIX) {
    [isV6, value, width, length] = [false, value & 0xffffffffn, 32n, length - MAPPED_PREFIX];
  }
  const host = width - length;
  value = (value >> host) << host;
  const name = isV6 ? ipv6Text(value) : [24n, 16n, 8n, 0n].map(shift => (value >> shift) & 255n).join('.');
  return { subject: length === width ? name : `${name}/${length}`, isEverybody: length === 0n };
}

function ipv6Value(address: string): bigint {
  const groups = ipv6Groups(new URL(`http://[${address}]`).hostname.slice(1, -1));
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

function ipv6Text(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16),
  );
  return shortest(groups);
}
