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
      if (equals < 0 || trimmed(pair.slice(0, equals)) !== name) continue;
      if (found !== undefined) return undefined;
      found = trimmed(pair.slice(equals + 1));
    }
  }
  return found;
}

/**
 * Blanks and tabs are all that stands around names and values (RFC 6265 section
 * 5.2). Whatever else a language takes for white space, as 0xA0, is part of the
 * name: browsers let sister domains set such cookies, and do not look for
 * `__Host-` behind it.
 */
function trimmed(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}
