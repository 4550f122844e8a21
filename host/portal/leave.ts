import { createHash } from 'node:crypto';
import { cookieValue } from '../http/cookies.ts';
import type { Reply, ReplyHeaders } from '../http/reply.ts';
import { type Destinations, locationOf } from './destination.ts';
import { html, name } from './html.ts';
import { redirect } from './page.ts';
import type { OpenedReturn } from './return-address.ts';
import type { Visit } from './visit.ts';

/** How often, within a few seconds, somebody was sent on to the same page: `3.` and a hash of its address. */
const SENT_COOKIE = '__Host-postern_sent';
const SENT_SECONDS = 10;
/** The browser itself gives up after twenty redirections, which are two for each time. */
const MAX_SENT = 8;

/**
 * Sends somebody on who was sent here though nothing is missing: signed in
 * meanwhile, in another window. Where that does not end, the site and the portal
 * disagree, and a page says so.
 */
export function leave(visit: Visit, destinations: Destinations): Reply {
  const to = destinations.of(visit);
  if (to === undefined) return visit.go('/');
  const page = createHash('sha256').update(to.url).digest('base64url').slice(0, 16);
  const [count = '', before] = (cookieValue(visit.request.headers, SENT_COOKIE) ?? '').split('.', 2);
  const sent = before === page && /^\d$/.test(count) ? Number(count) : 0;
  if (sent >= MAX_SENT) return loopPage(visit, to);
  return redirect(locationOf(visit, to), [sentCookie(`${sent + 1}.${page}`, SENT_SECONDS)]);
}

function sentCookie(value: string, seconds: number): ReplyHeaders[number] {
  return [
    'Set-Cookie',
    `${SENT_COOKIE}=${value}; Path=/; Max-Age=${seconds}; Secure; HttpOnly; SameSite=Lax`,
  ];
}

/** The page after a form: it leads on by itself, and has a link for whom it does not. */
export function arrive(visit: Visit, to: OpenedReturn): Reply {
  const { leave: words } = visit.texts;
  const address = locationOf(visit, to);
  return visit.page({
    title: words.title,
    leaveFor: address,
    body: html`<p class="lead">${words.to(name(to.host))}</p>
<p><a class="button primary" href="${address}">${words.go}</a></p>`,
  });
}

function loopPage(visit: Visit, to: OpenedReturn): Reply {
  const { leave: words, signedIn } = visit.texts;
  return visit.page({
    status: 508,
    title: words.loopTitle,
    body: html`<p class="lead">${words.loop(name(to.host))}</p>
<p class="actions"><a class="button" href="${to.url}">${words.again}</a><a class="button" href="${visit.url('/logout')}">${signedIn.signOut}</a></p>`,
    headers: [sentCookie('', 0)],
  });
}
