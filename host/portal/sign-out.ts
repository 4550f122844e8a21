import type { Reply } from '../http/reply.ts';
import type { Logger } from '../log/logger.ts';
import { clearedCookie } from '../session/cookie.ts';
import type { Sessions } from '../session/sessions.ts';
import { html, name } from './html.ts';
import { primaryButton } from './parts.ts';
import type { PortalRoute, Visit } from './visit.ts';

export interface SignOutDeps {
  readonly sessions: Pick<Sessions, 'end' | 'endAll'>;
  readonly log: Logger;
}

/**
 * `/logout`: GET asks, POST acts, so that no picture on somebody's page signs
 * anybody out. Nobody is told that they are signed out before the store has it.
 */
export function createSignOut({ sessions, log }: SignOutDeps): PortalRoute {
  const finish = (visit: Visit, done: 'here' | 'everywhere', count: number): Reply => {
    const { live, site, client } = visit;
    log.info('signed out', { user: live?.session.username ?? '', client, host: site.cookie.domain, count });
    return visit.go(`/logout?done=${done}`, [['Set-Cookie', clearedCookie(site.cookie)]]);
  };
  return {
    path: '/logout',
    get: visit => (visit.live === undefined ? donePage(visit) : askPage(visit, visit.live)),
    post: {
      async 'sign-out'(visit) {
        const { live, site } = visit;
        if (live !== undefined) await sessions.end(site.cookie.domain, live.token);
        return finish(visit, 'here', live === undefined ? 0 : 1);
      },
      async 'sign-out-everywhere'(visit) {
        const { live } = visit;
        if (live === undefined) return visit.go('/logout');
        return finish(visit, 'everywhere', await sessions.endAll(live.session.username));
      },
    },
    // Signed out already, in another window or by the first of two clicks: the page says that nobody is signed in.
    outdated: ({ live, go }, form) =>
      live === undefined && form.get('form') === 'sign-out' ? go('/logout') : undefined,
  };
}

function askPage(visit: Visit, { user: { principal } }: NonNullable<Visit['live']>): Reply {
  const { signOut: words } = visit.texts;
  return visit.page({
    title: words.title,
    body: html`<p class="lead">${words.ask(name(principal.displayName || principal.username))}</p>
${visit.form('sign-out', '/logout', primaryButton(words.here))}
${visit.form('sign-out-everywhere', '/logout', [
  html`<button type="submit" aria-describedby="everywhere-hint">${words.everywhere}</button>`,
  html`<p class="hint" id="everywhere-hint">${words.everywhereHint}</p>`,
])}
<p class="actions"><a href="${visit.url('/')}">${words.stay}</a></p>`,
  });
}

function donePage(visit: Visit): Reply {
  const { texts, request, returnTo } = visit;
  const { signOut: words } = texts;
  const done = /(?:^|&)done=(here|everywhere)(?:&|$)/.exec(request.query)?.[1];
  const text = done === undefined ? words.nobody : done === 'here' ? words.done : words.doneEverywhere;
  const back = html`<p class="actions"><a class="button" href="${visit.url('/')}">${words.back}</a></p>`;
  if (returnTo === undefined) {
    return visit.page({ title: words.doneTitle, body: html`<p class="lead">${text}</p>${back}` });
  }
  const { url, host } = returnTo.address;
  return visit.page({
    title: words.doneTitle,
    leaveFor: url,
    body: html`<p class="lead">${text}</p>
<p>${texts.leave.to(name(host))}</p>
<p><a class="button primary" href="${url}">${texts.leave.go}</a></p>`,
  });
}
