import type { Principal } from './engine.ts';

/** Lengths and the number of groups are u16. */
const MAX_U16 = 0xffff;

/**
 * What a record says about its principal ("Claims inside a record" in
 * `contract.ts`); undefined when a length does not fit its field.
 *
 * @param authorization the backend's own `Authorization`, empty where none is needed
 * @param networks where the principal may ask from, as `Engine.compileNetworks` gives them; undefined for anywhere
 */
export function encodeClaims(
  principal: Principal,
  authorization: string,
  networks?: Uint8Array,
): Uint8Array | undefined {
  const { username, displayName, email, groups } = principal;
  if (groups.length > MAX_U16) return undefined;
  const fields = [username, displayName, email, authorization].map(field);
  const count = Buffer.alloc(2);
  count.writeUInt16LE(groups.length);
  const parts = [...fields, count, ...groups.map(field)];
  if (parts.some(part => part.length > MAX_U16 + 2)) return undefined;
  return Buffer.concat(networks === undefined ? parts : [...parts, networks]);
}

export /** What a principal's claims are, as long as somebody knows the principal. */
function claimsCache(): (principal: Principal) => Uint8Array | undefined {
  const known = new WeakMap<Principal, Uint8Array>();
  return principal => {
    const found = known.get(principal);
    if (found !== undefined) return found;
    const claims = encodeClaims(principal, '');
    if (claims !== undefined) known.set(principal, claims);
    return claims;
  };
}

function field(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const out = Buffer.alloc(2 + bytes.length);
  // A longer one is refused above by its length.
  out.writeUInt16LE(Math.min(bytes.length, MAX_U16));
  bytes.copy(out, 2);
  return out;
}
