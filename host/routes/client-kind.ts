import type { RequestHeaders } from '../http/request-headers.ts';

/** Authelia's sign of a script: this header with this value, in any case. */
export function isXhr(headers: RequestHeaders): boolean {
  return headers.values('x-requested-with')[0]?.toLowerCase() === 'xmlhttprequest';
}

/**
 * Whether the client takes a page, as Authelia reads `Accept`: `text/html`
 * anywhere, or the wildcard as the first element; parameters and weights count
 * for nothing, nor does a missing header.
 */
export function acceptsHtml(headers: RequestHeaders): boolean {
  const accept = headers.values('accept')[0];
  if (accept === undefined) return false;
  return accept.split(',').some((element, i) => {
    const type = (element.split(';', 1)[0] ?? '').trim();
    return type === 'text/html' || (i === 0 && type === '*/*');
  });
}
