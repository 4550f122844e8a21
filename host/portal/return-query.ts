import { queryValues } from '../http/query.ts';
import type { ReturnAddresses } from './return-address.ts';
import type { Visit } from './visit.ts';

/**
 * Where a query says that the visitor wants to go: `return`, which we signed, or
 * `rd`, as guests and proxies send it. A bad one is none, and keeps the other from
 * nothing: a page that nginx did not escape may have a `return` of its own.
 */
export function returnOf(query: string, returns: ReturnAddresses): Visit['returnTo'] {
  const [own] = queryValues(query, 'return');
  return (own === undefined ? undefined : opened(own, returns)) ?? fromProxy(query, returns);
}

function fromProxy(query: string, returns: ReturnAddresses): Visit['returnTo'] {
  const sealed = sealedAddress(query, returns);
  return sealed === undefined ? undefined : opened(sealed, returns);
}

function opened(sealed: string, returns: ReturnAddresses): Visit['returnTo'] {
  const address = returns.open(sealed);
  return address === undefined ? undefined : { sealed, address };
}

function sealedAddress(query: string, returns: ReturnAddresses): string | undefined {
  const rd = rawReturn(query);
  return rd === undefined ? undefined : returns.seal(rd);
}

/**
 * nginx writes `rd=$target_url` without escaping it, so a value that is plainly
 * an address goes on to the end of the query, but for the method (`rm`).
 */
function rawReturn(query: string): string | undefined {
  const plain = /(?:^|&)rd=(https?:\/\/.*)$/i.exec(query)?.[1];
  if (plain !== undefined) return plain.replace(/&rm=[A-Z]*$/, '');
  return queryValues(query, 'rd')[0];
}
