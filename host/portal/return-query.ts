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
  return (own === undefined ? undefined : returns.renew(own)) ?? fromProxy(query, returns);
}

function fromProxy(query: string, returns: ReturnAddresses): Visit['returnTo'] {
  const { rd, rm } = told(query);
  const sealed = rd === undefined ? undefined : returns.seal(rd, rm);
  const address = sealed === undefined ? undefined : returns.open(sealed);
  return sealed === undefined || address === undefined ? undefined : { sealed, address };
}

/**
 * nginx writes `rd=$target_url` without escaping it, so a value that is plainly
 * an address goes on to the end of the query, but for the method (`rm`).
 */
function told(query: string): { readonly rd?: string | undefined; readonly rm?: string | undefined } {
  const plain = /(?:^|&)rd=(https?:\/\/.*)$/i.exec(query)?.[1];
  if (plain === undefined) return { rd: queryValues(query, 'rd')[0], rm: queryValues(query, 'rm')[0] };
  const [, rd, rm] = /^(.*?)(?:&rm=([A-Z-]*))?$/.exec(plain) ?? [];
  return { rd, rm };
}
