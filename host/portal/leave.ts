import { cookieValue } from '../http/cookies.ts';
import type { Reply } from '../http/reply.ts';
import { type Destinations, locationOf } from './destination.ts';
import { html, name } from './html.ts';
import { redirect } from './page.ts';
import type { OpenedReturn } from './return-address.ts';
import type { Visit } from './visit.ts';

/** Counts how often somebody was sent on within a few seconds. */
const SENT_COOKIE = '__Host-postern_sent';
const SENT_SECONDS = 10;
/** Several pages that were opened at once are sent on several times; a browser gives up after twenty. */
const MAX_SENT = 8;

/**
 * Sends somebody on who was sent here though nothing is missing: signed in
 * meanwhile, in another window. Where that does not end, the site and the portal
 * disagree, and a page says so.
 */
export function leave(visit: Visit, destinations: Destinations): Reply {
  const to = destinations.of(visit);
  if (to === undefined) return visit.go('/');
  const sent = Number(/^\d$/.exec(cookieValue(visit.request.headers, SENT_COOKIE) ?? '')?.[0] ?? '0');
  const next = sent >= MAX_SENT ? 0 : sent + 1;
  const count = `${SENT_COOKIE}=${next}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${next === 0 ? 0 : SENT_SECONDS}`;
  if (next === 0) return loopPage(visit, to, count);
  return redirect(locationOf(visit, to), [['Set-Cookie', count]]);
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

function loopPage(visit: Visit, to: OpenedReturn, count: string): Reply {
  const { leave: words, signedIn } = visit.texts;
  return visit.page({
    status: 508,
    title: words.loopTitle,
    body: html`<p class="lead">${words.loop(name(to.host))}</p>
<p class="actions"><a class="button" href="${to.url}">${words.again}</a><a class="button" href="${visit.url('/logout')}">${signedIn.signOut}</a></p>`,
    headers: [['Set-Cookie', count]],
  });
}
