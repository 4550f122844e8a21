import { CacheError } from '../cache/cache.ts';
import type { IdentityProof } from '../config/identity-proof.ts';
import { headerText, type Mailbox, mailAddress } from '../config/mailbox.ts';
import type { Reply } from '../http/reply.ts';
import type { Logger } from '../log/logger.ts';
import { type Notifier, NotifierError } from '../notifier/notifier.ts';
import { type ChangeMessage, messageTexts } from '../notifier/texts.ts';
import type { IdentityProofs } from '../second-factor/identity-proofs.ts';
import type { OneTimeCodes } from '../second-factor/one-time-codes.ts';
import type { SecondFactors, Who } from '../second-factor/second-factors.ts';
import { sessionCookie } from '../session/cookie.ts';
import type { Sessions } from '../session/sessions.ts';
import { endedPage } from './sign-in.ts';
import { secondFactorTexts } from './texts/second-factor.ts';
import type { Act, PortalRoute, Show, Visit } from './visit.ts';

export interface SecondFactorDeps {
  /** Undefined when they are switched off. */
  readonly factors: SecondFactors | undefined;
  /** Undefined without a notifier. */
  readonly codes: OneTimeCodes | undefined;
  readonly notifier: Pick<Notifier, 'send'> | undefined;
  readonly proofs: IdentityProofs;
  readonly settings: IdentityProof;
  readonly sessions: Pick<Sessions, 'begin'>;
  readonly log: Logger;
}

/** A visit of somebody who is signed in, where there are second factors. */
export interface FactorVisit {
  readonly visit: Visit;
  readonly live: NonNullable<Visit['live']>;
  readonly factors: SecondFactors;
  readonly who: Who;
}

type Page = (at: FactorVisit, form?: Parameters<Act>[1]) => Reply | Promise<Reply>;

/** A route whose pages are for those who are signed in; nothing else answers without. */
export function factorRoute(
  deps: SecondFactorDeps,
  path: string,
  get: Page,
  post: Readonly<Record<string, Page>>,
): PortalRoute {
  const guarded =
    (page: Page): Act =>
    async (visit, form) => {
      const { live } = visit;
      if (live === undefined) return visit.go('/');
      if (deps.factors === undefined) {
        return visit.message(403, secondFactorTexts(visit.texts.lang).error.disabled);
      }
      const { username, id } = live.session;
      try {
        return await page({ visit, live, factors: deps.factors, who: { username, sessionId: id } }, form);
      } catch (error) {
        if (!(error instanceof CacheError)) throw error;
        deps.log.error('second factors need the shared store', { code: error.code, error: error.message });
        return visit.message(503, visit.texts.error.unavailable, [['Retry-After', '5']]);
      }
    };
  const show = guarded(get) as (visit: Visit) => ReturnType<Show>;
  const acts = Object.entries(post).map(([form, page]) => [form, guarded(page)] as const);
  return {
    path,
    get: show,
    post: Object.fromEntries(acts),
    // The page once more, with a token of now, unless nobody is signed in any more.
    outdated: visit => (visit.live === undefined ? endedPage(visit) : visit.go(path)),
  };
}

/** What somebody has to do before anything about second factors may be changed. */
export type Missing = 'proof' | 'second-factor';

/** @param what registering wants a proof of identity; for the rest the second factor itself will do */
export async function missingFor(
  what: 'register' | 'change',
  { live, factors, who }: FactorVisit,
  { proofs, settings }: SecondFactorDeps,
): Promise<Missing | undefined> {
  const hasShown = live.session.level >= 2;
  if (settings.requireSecondFactor && !hasShown && (await factors.devices(who.username)).length > 0) {
    return 'second-factor';
  }
  if (hasShown && (what === 'change' || settings.skipSecondFactor)) return undefined;
  return (await proofs.has(who)) ? undefined : 'proof';
}

/** Where codes are sent; undefined for an account without a usable address. */
export function mailboxOf({ user: { principal } }: FactorVisit['live']): Mailbox | undefined {
  const address = mailAddress(principal.email);
  return address === undefined
    ? undefined
    : { name: headerText(principal.displayName || principal.username), address };
}

/** `j…@example.com`: enough for its owner. */
export function maskedAddress({ address }: Mailbox): string {
  const at = address.lastIndexOf('@');
  return `${address.slice(0, 1)}…${address.slice(at)}`;
}

/**
 * Tells the owner of an account, by a way that the browser has no part in, what
 * was done. Nobody waits for it, and what is done stays done when it fails.
 */
export function tellOwner(
  { visit, live, who }: FactorVisit,
  what: ChangeMessage['what'],
  { notifier, log }: SecondFactorDeps,
): void {
  const to = mailboxOf(live);
  if (notifier === undefined || to === undefined) return;
  const message = messageTexts(visit.texts.lang).changed({
    name: to.name,
    what,
    site: siteOf(visit),
    address: visit.client,
  });
  notifier.send({ to, ...message }).catch((error: unknown) => {
    const told = error instanceof NotifierError ? error.message : 'unknown';
    log.error('a message about a changed second factor could not be sent', {
      user: who.username,
      error: told,
    });
  });
}

/** As people know the portal. */
export function siteOf({ site }: Visit): string {
  return new URL(site.origin).host;
}

/** The cookie of a session of two factors in this one's place; undefined when the account has gone meanwhile. */
export async function raised(
  { visit, live }: FactorVisit,
  { sessions }: SecondFactorDeps,
): Promise<string | undefined> {
  const { cookie } = visit.site;
  const begun = await sessions.begin({
    username: live.session.username,
    domain: cookie.domain,
    level: 2,
    remember: live.session.remember,
    details: { address: visit.client, agent: visit.agent },
    replaces: live.token,
  });
  return begun === undefined ? undefined : sessionCookie(cookie, begun.token, begun.session);
}
