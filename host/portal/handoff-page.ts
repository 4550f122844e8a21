import type { CookieConfig } from '../config/schema.ts';
import type { Reply, ReplyHeaders } from '../http/reply.ts';
import type { Request } from '../http/router.ts';
import { messagePage } from './messages.ts';
import { page } from './page.ts';
import { chooseTexts } from './texts/choose.ts';
import { HANDOFF_TEXTS } from './texts/handoff.ts';

/** A page of ours at an application's own address, which looks as those of its portal. */
export type HandoffPage = (request: Request, cookie: CookieConfig, host: string) => Reply;

/** 400: a code that is not taken. */
export const refusedPage: HandoffPage = (request, cookie, host) =>
  show(request, cookie, host, 400, texts => HANDOFF_TEXTS[texts.lang].refused(host));

/** 503: what has to be asked does not answer. */
export const unavailablePage: HandoffPage = (request, cookie, host) =>
  show(request, cookie, host, 503, texts => texts.error.unavailable, [['Retry-After', '5']]);

function show(
  request: Request,
  cookie: CookieConfig,
  host: string,
  status: number,
  messageOf: (texts: ReturnType<typeof chooseTexts>) => { readonly title: string; readonly text: string },
  headers: ReplyHeaders = [],
): Reply {
  const texts = chooseTexts(request.headers);
  const portal = new URL(cookie.signInUrl ?? `https://${host}/`);
  const message = messagePage(messageOf(texts), status, texts, `https://${host}/`, texts.leave.again);
  const reply = page({
    ...message,
    headers,
    texts,
    from: portal.origin,
    base: portal.pathname.replace(/\/+$/, ''),
    brand: cookie.domain,
  });
  return withoutReferrer(reply);
}

/** The address has a code in it, which may still be good. */
export function withoutReferrer(reply: Reply): Reply {
  const headers = reply.headers.filter(([name]) => name !== 'Referrer-Policy');
  return { ...reply, headers: [...headers, ['Referrer-Policy', 'no-referrer']] };
}
