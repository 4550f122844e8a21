import { queryEscape, urlText } from './go-url.ts';

/**
 * The sign-in address with where to return to and, if known, the method; keys
 * in the order of Go's `Values.Encode`. As Go reads a request's address, `#`
 * begins no fragment.
 */
export function signInLocation(signInUrl: string, returnTo: string, method: string): string {
  const ours: [string, string][] = [['rd', queryEscape(returnTo)]];
  if (method !== '') ours.push(['rm', queryEscape(method)]);
  return withArguments(signInUrl, ours);
}

/** The same with a NUL for each of the two: what the engine makes refusals of. Visible ASCII else. */
export function signInAddress(signInUrl: string): string {
  return withArguments(signInUrl, [
    ['rd', '\0'],
    ['rm', '\0'],
  ]);
}

/** @param ours names and escaped values */
function withArguments(signInUrl: string, ours: readonly [string, string][]): string {
  const [, scheme = '', host = '', path = '', query = ''] = PARTS.exec(signInUrl) ?? [];
  const names = new Set(ours.map(([name]) => name));
  const kept = [...new URLSearchParams(query)].filter(([name]) => !names.has(name)).map(asBytes);
  const all = kept.length === 0 ? ours : [...kept, ...ours].sort(byName);
  const args = all.map(([name, value]) => `${queryEscape(name)}=${value}`);
  return `${urlText(scheme, host.toLowerCase(), path === '' ? '/' : path)}?${args.join('&')}`;
}

/** Of an address as `routes/sign-in.ts` takes it. */
const PARTS = /^([a-z]+):\/\/([^/?#]*)([^?]*)(?:\?(.*))?$/i;

function asBytes([name, value]: [string, string]): [string, string] {
  return [Buffer.from(name).toString('latin1'), queryEscape(Buffer.from(value).toString('latin1'))];
}

function byName([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
