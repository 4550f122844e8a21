import type { RequestHeaders } from './request-headers.ts';

/**
 * The value of a cookie; undefined when it is absent or stands twice, in one
 * line or in several: whoever planted the other one must not choose which counts.
 */
export function cookieValue(headers: RequestHeaders, name: string): string | undefined {
  let found: string | undefined;
  for (const line of headers.values('cookie')) {
    for (const pair of line.split(';')) {
      const equals = pair.indexOf('=');
      if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
      if (found !== undefined) return undefined;
      found = pair.slice(equals + 1).trim();
    }
  }
  return found;
}
