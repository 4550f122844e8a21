import { queryValues } from '../../http/query.ts';
import { REPEATED } from '../../http/request-headers.ts';
import type { Request } from '../../http/router.ts';
import { type CookieDomain, hostOfAddress } from '../sign-in.ts';

/** A sign-in address in a request: undefined when it brings none, `bad` when nobody should be sent there. */
export type Brought = string | undefined | 'bad';

/** Of an argument of the query; of several the first counts, as in Authelia. */
export function queryAddress({ query }: Request, key: string): Brought {
  if (query === '') return undefined;
  const values = queryValues(query, key);
  return values.length === 0 ? undefined : checked(values[0]);
}

export function headerAddress({ headers }: Request): Brought {
  const value = headers.one('x-authelia-url');
  return value === undefined ? undefined : checked(value === REPEATED ? undefined : value);
}

function checked(address: string | undefined): Brought {
  return address !== undefined && hostOfAddress(address) !== undefined ? address : 'bad';
}

/** An address must lie below the domain whose cookies it makes, or be the one that is configured for it. */
export function addressedBy(address: Brought, cookies: CookieDomain | undefined): Brought {
  if (address === undefined || address === 'bad' || cookies === undefined) return address;
  const host = hostOfAddress(address);
  const { domain, signInUrl } = cookies;
  const isBelow = host === domain || host?.endsWith(`.${domain}`) === true;
  return isBelow || (signInUrl !== undefined && host === hostOfAddress(signInUrl)) ? address : 'bad';
}
