import type { Reply, ReplyHeaders } from '../http/reply.ts';
import { type Content, type Html, html } from './html.ts';
import { ICON, LOGO } from './logo.ts';
import { SCRIPT, SCRIPT_PATH } from './script.ts';
import { STYLE, STYLE_PATH } from './style.ts';
import type { Texts } from './texts/texts.ts';

export interface PageOptions {
  /** Default 200. */
  readonly status?: number;
  readonly texts: Texts;
  /** Path of the portal's address without a slash at its end: empty, or `/authelia`. */
  readonly base: string;
  /** Origin of the portal, for a page that an application's address shows. */
  readonly from?: string;
  /** Stands beside the logo: the cookie domain, so that people see whose page it is. */
  readonly brand: string;
  /** Heading and title. */
  readonly title: string;
  /** Something was filled in that will not do: the title, which is read out first, says so. */
  readonly isMistake?: boolean;
  readonly body: Content;
  /** For pages with a list or a picture. */
  readonly wide?: boolean;
  /** Leaves the page at once for this address; the page must hold a link to it as well. */
  readonly leaveFor?: string;
  /** Somebody goes on from here, by a form, a link or `leaveFor`, with what stands behind `#` (`script.ts`). */
  readonly isOnTheWay?: boolean;
  readonly headers?: ReplyHeaders;
}

/**
 * No script but our one file, and that only where it has something to do; no
 * inline style, nothing from elsewhere. Chromium holds `form-action` against
 * every redirection that follows a form, those of the application included: no
 * form here is answered by a redirection to elsewhere.
 */
function contentSecurityPolicy(from = "'self'", isOnTheWay = false): string {
  return (
    `default-src 'none'; ${isOnTheWay ? "script-src 'self'; " : ''}style-src ${from}; img-src ${from} data:; ` +
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
  );
}

/** Beside `Cache-Control: no-store` and `X-Content-Type-Options: nosniff`, which every answer has. */
const PAGE_HEADERS: ReplyHeaders = [
  ['X-Frame-Options', 'DENY'],
  // `no-referrer` would make browsers send `Origin: null` with our own forms.
  ['Referrer-Policy', 'same-origin'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  [
    'Permissions-Policy',
    'accelerometer=(), autoplay=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), ' +
      'microphone=(), midi=(), payment=(), usb=(), screen-wake-lock=()',
  ],
  ['X-Robots-Tag', 'noindex, nofollow'],
  ['Vary', 'Accept-Language, Cookie'],
];

/** A whole page. */
export function page(options: PageOptions): Reply {
  const { texts, base, from = '', brand, title, isMistake = false, body, wide = false } = options;
  const document: Html = html`<!doctype html>
<html lang="${texts.lang}" dir="${texts.dir}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${isMistake ? texts.error.mistake(title) : title} – ${brand}</title>
<link rel="stylesheet" href="${from}${base}${STYLE_PATH}">
<link rel="icon" href="${ICON}">
${leaving(options)}
</head>
<body>
<main${wide && html` class="wide"`}>
<div class="brand">${LOGO}<bdi>${brand}</bdi></div>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`;
  return {
    status: options.status ?? 200,
    headers: [
      ['Content-Security-Policy', contentSecurityPolicy(options.from, options.isOnTheWay)],
      ...PAGE_HEADERS,
      ['Content-Language', texts.lang],
      ...(options.headers ?? []),
    ],
    type: 'text/html; charset=utf-8',
    body: document.text,
  };
}

/** The script leads on by itself: two that do would race, and the one without a fragment win. */
function leaving({ base, leaveFor, isOnTheWay = false }: PageOptions): Content {
  const refresh =
    leaveFor !== undefined && html`<meta http-equiv="refresh" content="0; url=${quotedUrl(leaveFor)}">`;
  if (!isOnTheWay) return refresh;
  const onward = leaveFor !== undefined && html` data-onward="${leaveFor}"`;
  return html`<script src="${base}${SCRIPT_PATH}" defer${onward}></script>
${refresh && html`<noscript>${refresh}</noscript>`}`;
}

/** What follows a form: GET of another address, 303 whatever was asked before. */
export function redirect(location: string, headers: ReplyHeaders = []): Reply {
  return {
    status: 303,
    headers: [
      ['Content-Security-Policy', contentSecurityPolicy()],
      ...PAGE_HEADERS,
      ['Location', location],
      ...headers,
    ],
    type: '',
    body: '',
  };
}

/** The stylesheet and the script; undefined for other paths. */
export function staticFile(path: string): Reply | undefined {
  // Applications show the page of who may not open them.
  if (path === STYLE_PATH) return fileReply('text/css; charset=utf-8', STYLE, 'cross-origin');
  return path === SCRIPT_PATH
    ? fileReply('text/javascript; charset=utf-8', SCRIPT, 'same-origin')
    : undefined;
}

/** For a year: another text has another address. */
function fileReply(type: string, body: string, sharedWith: string): Reply {
  return {
    status: 200,
    headers: [
      ['Cache-Control', 'public, max-age=31536000, immutable'],
      ['X-Content-Type-Options', 'nosniff'],
      ['Cross-Origin-Resource-Policy', sharedWith],
    ],
    type,
    body,
    exact: true,
  };
}

/** HTML's "shared declarative refresh steps" end a quoted address at its quote. */
function quotedUrl(url: string): string {
  return `'${url.replaceAll("'", '%27')}'`;
}
