import type { Form } from '../http/form.ts';
import type { Reply } from '../http/reply.ts';
import { sessionCookie } from '../session/cookie.ts';
import type { Sessions } from '../session/sessions.ts';
import { type Destinations, elsewhere } from './destination.ts';
import { SIGN_IN_FORM } from './dispatch.ts';
import type { FirstFactor } from './first-factor.ts';
import { html, name } from './html.ts';
import { arrive, leave } from './leave.ts';
import type { Proved } from './need.ts';
import { redirect } from './page.ts';
import { checkbox, facts, field, notice, primaryButton } from './parts.ts';
import type { PortalRoute, Visit } from './visit.ts';

/** Seconds after which somebody may try again when too many passwords are being verified. */
const RETRY_AFTER = '2';

export interface SignInDeps {
  readonly firstFactor: Pick<FirstFactor, 'judge' | 'deviceCookie'>;
  readonly sessions: Pick<Sessions, 'begin'>;
  readonly destinations: Destinations;
}

/** `/`: sign in, or who is signed in, or on to where somebody wanted to go. */
export function createSignIn(deps: SignInDeps): PortalRoute {
  const { destinations } = deps;
  return {
    path: '/',
    get(visit) {
      const { live, returnTo } = visit;
      const other = returnTo === undefined ? undefined : elsewhere(visit, returnTo.address);
      if (other !== undefined) return redirect(other);
      if (live === undefined) return signInPage(visit, {});
      if (returnTo === undefined) return signedInPage(visit);
      const missing = destinations.missing(visit, returnTo.address, provedBy(live));
      return missing === undefined ? leave(visit, destinations) : visit.go(missing);
    },
    post: { [SIGN_IN_FORM]: (visit, form) => signIn(visit, form, deps) },
    outdated: (visit, form, why) => {
      const text = why === 'cookie' ? visit.texts.signIn.noCookie : visit.texts.signIn.stale;
      return signInPage(visit, { status: 400, problem: text, username: form.get('username') ?? '' });
    },
  };
}

/** `/continue`, where forms lead: Chromium lets no form lead to another address, not even by redirections. */
export function createContinue(destinations: Destinations): PortalRoute {
  return {
    path: '/continue',
    get(visit) {
      const { live } = visit;
      // It was given a cookie right before.
      if (live === undefined) return signInPage(visit, { problem: visit.texts.signIn.noCookie });
      const to = destinations.of(visit);
      if (to === undefined) return visit.go('/');
      const missing = destinations.missing(visit, to, provedBy(live));
      return missing === undefined ? arrive(visit, to) : visit.go(missing);
    },
  };
}

async function signIn(visit: Visit, form: Form, deps: SignInDeps): Promise<Reply> {
  const { firstFactor, sessions, destinations } = deps;
  const { texts, site, client, agent, began, live, request } = visit;
  // No name begins or ends with a space; telephones put one behind what they complete.
  const username = (form.get('username') ?? '').trim();
  const outcome = await firstFactor.judge({
    username,
    password: form.get('password') ?? '',
    headers: request.headers,
    client,
    began,
  });
  if (outcome === 'busy') return visit.message(503, texts.error.unavailable, [['Retry-After', RETRY_AFTER]]);
  const remember = form.get('remember') === 'on' && site.cookie.session.rememberMeSeconds > 0;
  const begun =
    outcome === 'failed'
      ? undefined
      : await sessions.begin({
          username: outcome.principal.username,
          domain: site.cookie.domain,
          level: 1,
          remember,
          details: { address: client, agent },
          replaces: live?.token,
        });
  if (outcome === 'failed' || begun === undefined) {
    return signInPage(visit, {
      status: 401,
      problem: texts.signIn.failed,
      isWrong: true,
      username,
      remember,
    });
  }
  const { principal } = outcome;
  const missing = destinations.missing(visit, destinations.of(visit), { principal, level: 1 });
  return visit.go(missing ?? '/continue', [
    ['Set-Cookie', sessionCookie(site.cookie, begun.token, begun.session)],
    ['Set-Cookie', firstFactor.deviceCookie(request.headers, principal.username)],
  ]);
}

function provedBy({ user, session }: NonNullable<Visit['live']>): Proved {
  return { principal: user.principal, level: session.level };
}

interface SignInView {
  readonly status?: number;
  readonly problem?: string;
  /** What was typed is the problem. */
  readonly isWrong?: boolean;
  readonly username?: string;
  readonly remember?: boolean;
}

function signInPage(visit: Visit, view: SignInView): Reply {
  const { texts, site, returnTo } = visit;
  const { signIn: words } = texts;
  const { status = 200, problem, isWrong = false, username = '', remember = false } = view;
  const { rememberMeSeconds } = site.cookie.session;
  const isRetry = problem !== undefined;
  const described = isRetry ? { describedBy: 'problem', invalid: isWrong } : {};
  const lead = returnTo === undefined ? words.lead : words.goingTo(name(returnTo.address.host));
  return visit.page({
    status,
    title: words.title,
    isMistake: isRetry,
    body: html`<p class="lead">${lead}</p>
${isRetry && notice('bad', 'problem', problem)}
${visit.form(SIGN_IN_FORM, '/', [
  field({
    name: 'username',
    label: words.username,
    autocomplete: 'username',
    value: username,
    autofocus: username === '',
    ...described,
  }),
  field({
    name: 'password',
    label: words.password,
    type: 'password',
    autocomplete: 'current-password',
    autofocus: username !== '',
    ...described,
  }),
  rememberMeSeconds > 0 && checkbox('remember', words.remember(texts.duration(rememberMeSeconds)), remember),
  primaryButton(words.submit),
])}`,
  });
}

/** Who was signed in when a page was opened, and is not any more; where they wanted to go is kept. */
export function endedPage(visit: Visit): Reply {
  return signInPage(visit, { status: 401, problem: visit.texts.signIn.ended });
}

function signedInPage(visit: Visit): Reply {
  const { texts, live } = visit;
  if (live === undefined) return visit.go('/');
  const { signedIn: words } = texts;
  const { principal } = live.user;
  return visit.page({
    title: words.title,
    body: html`<p class="lead">${words.as(name(principal.displayName || principal.username))}</p>
${facts([
  [texts.denied.account, name(principal.username)],
  [words.groups, principal.groups.length === 0 ? texts.denied.noGroups : listed(principal.groups)],
  [words.factors, live.session.level >= 2 ? words.two : words.one],
  [words.until, texts.moment(live.session.expiresAt)],
])}
<p class="quiet">${words.noReturn}</p>
<p class="actions"><a class="button" href="${visit.url('/second-factor/devices')}">${words.secondFactors}</a><a class="button" href="${visit.url('/logout')}">${words.signOut}</a></p>`,
  });
}

/** Names with a comma of the reader's language between them would need one; a comma is understood everywhere. */
export function listed(names: readonly string[]) {
  return names.map((text, i) => html`${i > 0 && ', '}${name(text)}`);
}
