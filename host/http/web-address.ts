/**
 * Addresses that a browser may be sent to. What a text means is the browser's
 * to say (WHATWG URL), so only those count which leave nothing to interpret:
 * what another reading would take for something else is none.
 */

/** Scheme, host without user info, port, and the rest in visible ASCII; a backslash only where it separates nothing. */
const ADDRESS = /^https:\/\/([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:[/?][\x21-\x7e]*)?$/i;

export interface WebAddress {
  /** Lower case, with the trailing dot that it may have, without port. */
  readonly host: string;
  /** In visible ASCII, as a browser writes it. */
  readonly url: string;
}

/** An absolute https address; undefined for any other text. */
export function readWebAddress(text: string): WebAddress | undefined {
  const host = ADDRESS.exec(text)?.[1]?.toLowerCase();
  if (host === undefined) return undefined;
  const query = text.indexOf('?');
  const path = query < 0 ? text : text.slice(0, query);
  // A browser takes it for a slash before the query, and for itself behind.
  if (path.includes('\\')) return undefined;
  const written = query < 0 ? text : path + text.slice(query).replaceAll('\\', '%5C');
  if (!URL.canParse(written)) return undefined;
  const url = new URL(written);
  return url.hostname === host ? { host, url: url.href } : undefined;
}

/** Longest address to return to: the form that carries it, sealed, has 8 KiB for everything. */
export const MAX_RETURN_ADDRESS = 4_096;

/**
 * Where somebody may be sent back to: a page below one of the domains, the
 * closest of which is answered. Any port, since cookies, which are all that
 * there is to protect, know no ports: whoever serves another one has them
 * anyway. No plain http: session cookies are not sent there, so people would be
 * sent round in circles.
 */
export function readReturnAddress<D extends { readonly domain: string }>(
  text: string,
  domains: readonly D[],
): (WebAddress & { readonly cookie: D }) | undefined {
  if (text.length > MAX_RETURN_ADDRESS) return undefined;
  const address = readWebAddress(text);
  if (address === undefined || address.url.length > MAX_RETURN_ADDRESS) return undefined;
  if (!address.host.split('.').every(isLabel)) return undefined;
  const cookie = closestDomain(address.host, domains);
  return cookie === undefined ? undefined : { ...address, cookie };
}

/** RFC 1035 section 2.3.4. `_` is in no host name, but in some that are in use. */
function isLabel(label: string): boolean {
  return /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label);
}

/** The longest of the domains that `host` is, or lies below. @param host in lower case, without port and trailing dot */
export function closestDomain<D extends { readonly domain: string }>(
  host: string,
  domains: readonly D[],
): D | undefined {
  let closest: D | undefined;
  for (const entry of domains) {
    const isBelow = host === entry.domain || host.endsWith(`.${entry.domain}`);
    if (isBelow && entry.domain.length > (closest?.domain.length ?? 0)) closest = entry;
  }
  return closest;
}
