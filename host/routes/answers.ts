import { STATUS_CODES } from 'node:http';
import { exactReply, headerValue, type Reply, type ReplyHeaders } from '../http/reply.ts';
import { signInLocation } from '../http/sign-in-address.ts';
import type { Denial } from './dialects/dialect.ts';
import type { HeaderStrategy } from './strategies.ts';

/** What Authelia sends with every page of its own, redirections included. */
const PAGE_HEADERS: ReplyHeaders = [
  ['X-Content-Type-Options', 'nosniff'],
  ['Referrer-Policy', 'strict-origin-when-cross-origin'],
  [
    'Permissions-Policy',
    'accelerometer=(), autoplay=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), ' +
      'keyboard-map=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), ' +
      'screen-wake-lock=(), sync-xhr=(), xr-spatial-tracking=(), interest-cohort=()',
  ],
  ['X-Frame-Options', 'DENY'],
  ['X-Dns-Prefetch-Control', 'off'],
];

/** Headers with these, too, empty where they are not among them. */
export function withEmpty(headers: ReplyHeaders, names: readonly string[]): ReplyHeaders {
  const there = new Set(headers.map(([name]) => name.toLowerCase()));
  const absent = names.filter(name => !there.has(name.toLowerCase()));
  return [...headers, ...absent.map(name => [name, ''] as const)];
}

/** Asks for a password: RFC 7617 section 2. The realm is the policy's. */
export function basicChallenge(realm: string, refusal: HeaderStrategy['refusal'] = ASK): Reply {
  const { status, header } = refusal;
  return exactReply(status, [[header, `Basic realm="${quoted(realm)}"`]]);
}

const ASK: HeaderStrategy['refusal'] = { status: 401, header: 'WWW-Authenticate' };

/** RFC 9110 section 5.6.4. */
function quoted(text: string): string {
  return headerValue(text.replace(/["\\]/g, '\\$&'));
}

/** Where to sign in, as `Location` and as a page of one link: for any status. */
export function signInReply({ asked, url }: Denial, signInUrl: string, status: number): Reply {
  const location = signInLocation(signInUrl, url, asked.method);
  const headers: ReplyHeaders = [...PAGE_HEADERS, ['Location', location]];
  if (asked.method === 'HEAD') return { status, headers, type: '', body: '', exact: true };
  const body = `<a href="${escapeHtml(location)}">${status} ${STATUS_CODES[status]}</a>`;
  return { status, headers, type: 'text/html; charset=utf-8', body, exact: true };
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;')
    .replaceAll("'", '&#39;');
}

/** 302 for methods that a browser repeats as they are, 303 for all others. */
export function redirectStatus(method: string): 302 | 303 {
  return ['', 'GET', 'HEAD', 'OPTIONS'].includes(method) ? 302 : 303;
}
