import { CacheError } from '../cache/cache.ts';
import type { Clock } from '../clock.ts';
import { Form } from '../http/form.ts';
import { type Reply, type ReplyHeaders, statusReply } from '../http/reply.ts';
import type { Handler, Request } from '../http/router.ts';
import type { Engine } from '../policy/engine.ts';
import { resolveClient } from '../routes/forwarded.ts';
import type { Sessions } from '../session/sessions.ts';
import { StoreError } from '../store/store.ts';
import { FORM_LIFETIME_MS, type FormTokens, formOrigin, portalCookie, setPortalCookie } from './csrf.ts';
import { type EntranceDeps, plainHttp, unknownProxy } from './entrance.ts';
import { html } from './html.ts';
import { messagePage } from './messages.ts';
import { page, redirect, staticFile } from './page.ts';
import { hidden } from './parts.ts';
import type { ReturnAddresses } from './return-address.ts';
import { returnOf } from './return-query.ts';
import { SentForms, twinKey } from './sent-forms.ts';
import { pathOf, type Sites } from './sites.ts';
import { chooseTexts } from './texts/choose.ts';
import type { Act, PortalRoute, Site, Visit } from './visit.ts';

/** Seconds until whoever met a store that does not answer may try again. */
const RETRY_AFTER = '5';

export interface DispatchDeps extends EntranceDeps {
  readonly sites: Sites;
  readonly sessions: Pick<Sessions, 'find'>;
  /** The session's cookie as guests read it; undefined for none. */
  readonly sessionToken: (request: Request, site: Site) => string | undefined;
  readonly returns: ReturnAddresses;
  readonly tokens: FormTokens;
  readonly engine: Pick<Engine, 'clientAddress' | 'isTrustedProxy'>;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** Form whose token is of no session: whoever sends it has none yet. */
export const SIGN_IN_FORM = 'sign-in';

/**
 * Answers everything below the portal's address. What a page may rely on is
 * checked here, once for all pages: the address, the scheme, where a form comes
 * from, its token, and the session.
 */
export function createDispatch(routes: readonly PortalRoute[], deps: DispatchDeps): Handler {
  const { sites } = deps;
  const byPath = new Map(routes.map(route => [route.path, route]));
  const sent = new SentForms(deps.clock.monotonic);

  return async request => {
    const site = sites.find(request);
    if (site === undefined) return statusReply(404);
    const foreign = unknownProxy(request, deps);
    if (foreign !== undefined) return foreign;
    const path = pathOf(request, site);
    const file = isRead(request) ? staticFile(path) : undefined;
    if (file !== undefined) return file;
    const refused = plainHttp(request, site, deps);
    if (refused !== undefined) return refused;
    // Pictures and scripts of an application that were sent here: a page is nothing to them, nor is a cookie.
    const dest = request.headers.one('sec-fetch-dest');
    if (dest !== undefined && dest !== 'document') return statusReply(403);
    const opened = new OpenVisit(request, site, deps, sent);
    const reply = await opened.answer(byPath.get(path));
    return opened.withCookie(reply);
  };
}

function isRead({ method }: Request): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** The client's address in canonical text, empty when a proxy does not tell it; without a proxy it is the peer. */
export function clientOf(request: Request, engine: DispatchDeps['engine']): string {
  return engine.isTrustedProxy(request.peer)
    ? resolveClient(request, engine)
    : engine.clientAddress(request.peer, undefined);
}

class OpenVisit {
  readonly #request: Request;
  readonly #site: Site;
  readonly #deps: DispatchDeps;
  readonly #sent: SentForms;
  readonly #began: number;
  readonly #texts: Visit['texts'];
  /** What the browser sent, else what it is sent as soon as a form needs it. */
  #cookie: string | undefined;
  #isNew = false;

  constructor(request: Request, site: Site, deps: DispatchDeps, sent: SentForms) {
    this.#request = request;
    this.#site = site;
    this.#deps = deps;
    this.#sent = sent;
    this.#began = deps.clock.monotonic();
    this.#texts = chooseTexts(request.headers);
    this.#cookie = portalCookie(request.headers);
  }

  withCookie(reply: Reply): Reply {
    if (!this.#isNew || this.#cookie === undefined) return reply;
    return { ...reply, headers: [...reply.headers, ['Set-Cookie', setPortalCookie(this.#cookie)]] };
  }

  async answer(route: PortalRoute | undefined): Promise<Reply> {
    const nobody = this.#visit(undefined, undefined);
    const { error } = this.#texts;
    if (route === undefined) return nobody.message(404, error.notFound);
    try {
      if (isRead(this.#request)) {
        const returnTo = returnOf(this.#request.query, this.#deps.returns);
        return await route.get(this.#visit(await this.#live(), returnTo));
      }
      if (this.#request.method !== 'POST' || route.post === undefined) {
        const allow = route.post === undefined ? 'GET, HEAD' : 'GET, HEAD, POST';
        return nobody.message(405, error.method, [['Allow', allow]]);
      }
      return await this.#act(route, nobody);
    } catch (failure) {
      if (!(failure instanceof StoreError || failure instanceof CacheError)) {
        this.#deps.log.error('a request failed', { path: this.#request.path, error: String(failure) });
        return nobody.message(500, error.failed);
      }
      this.#deps.log.error('the portal cannot ask what it needs to know', {
        code: failure.code,
        error: failure.message,
      });
      return nobody.message(503, error.unavailable, [['Retry-After', RETRY_AFTER]]);
    }
  }

  async #act(route: PortalRoute, nobody: Visit): Promise<Reply> {
    const { headers, peer } = this.#request;
    const { log } = this.#deps;
    const { error } = this.#texts;
    const origin = formOrigin(headers, this.#site);
    if (origin === 'foreign') {
      log.warn(
        'refused: a form of another origin; the address that people see must be that of `authelia_url`',
        { peer, address: this.#site.origin, key: 'origin' },
      );
      return nobody.message(403, error.foreign);
    }
    const form = (await this.#request.form?.()) ?? 400;
    if (!(form instanceof Form)) return nobody.message(form, error.badForm);
    const formName = form.get('form') ?? '';
    const act = Object.hasOwn(route.post ?? {}, formName) ? route.post?.[formName] : undefined;
    if (act === undefined) return nobody.message(400, error.badForm);
    const done = () => this.#do(route, act, form, origin);
    if (origin !== 'ours' || this.#cookie === undefined) return done();
    const whose = [nobody.client, this.#site.origin, nobody.url(route.path), this.#cookie];
    const twin = twinKey(headers, whose, form);
    return twin === undefined ? done() : this.#sent.once(twin, done);
  }

  async #do(route: PortalRoute, act: Act, form: Form, origin: 'ours' | 'untold'): Promise<Reply> {
    const { error } = this.#texts;
    const formName = form.get('form') ?? '';
    const live = await this.#live();
    const sealed = form.get('return');
    // Whoever leaves a page open for long still wants to go where it leads; its token says whose page it is.
    const returnTo = sealed === undefined ? undefined : this.#deps.returns.renew(sealed, FORM_LIFETIME_MS);
    const visit = this.#visit(live, returnTo);
    const token = form.get('token') ?? '';
    const outcome = this.#deps.tokens.judge(token, formName, this.#cookie, this.#bound(formName, live));
    // Pages that were opened at the same time have one cookie, the last one's: who says twice that the form
    // is from here need not show which of them it is from.
    const isSibling = outcome === 'other' && formName === SIGN_IN_FORM && origin === 'ours';
    if (outcome === 'good' || (isSibling && this.#cookie !== undefined)) return act(visit, form);
    if (outcome === 'bad') return visit.message(403, error.foreign);
    const why = this.#cookie === undefined ? 'cookie' : 'stale';
    const instead = route.outdated?.(visit, form, why);
    if (instead !== undefined) return instead;
    const again = this.#texts.leave.again;
    return visit.page(messagePage(error.outdated, 400, this.#texts, visit.url(route.path), again));
  }

  async #live(): Promise<Visit['live']> {
    const token = this.#deps.sessionToken(this.#request, this.#site);
    if (token === undefined) return undefined;
    const found = await this.#deps.sessions.find(this.#site.cookie.domain, token);
    return found === undefined ? undefined : { ...found, token };
  }

  #bound(form: string, live: Visit['live']): string {
    return form === SIGN_IN_FORM ? '' : (live?.session.id ?? '');
  }

  #visit(live: Visit['live'], returnTo: Visit['returnTo']): Visit {
    const request = this.#request;
    const site = this.#site;
    const texts = this.#texts;
    const agent = request.headers.one('user-agent');
    const isOnTheWay = returnTo !== undefined;
    const show: Visit['page'] = own =>
      page({ ...own, texts, base: site.base, brand: site.cookie.domain, isOnTheWay });
    const url = (path: string): string => {
      const query = returnTo === undefined ? '' : `return=${returnTo.sealed}`;
      return `${site.base}${path}${query && (path.includes('?') ? '&' : '?')}${query}`;
    };
    return {
      request,
      site,
      texts,
      began: this.#began,
      client: clientOf(request, this.#deps.engine),
      agent: typeof agent === 'string' ? agent : '',
      live,
      returnTo,
      page: show,
      message: (status, message, headers: ReplyHeaders = []) =>
        show({ ...messagePage(message, status, texts, url('/')), headers }),
      url,
      go: (path, headers) => redirect(url(path), headers),
      form: (form, path, content) => {
        const cookie = this.#formCookie();
        const token = this.#deps.tokens.make(form, cookie, this.#bound(form, live));
        return html`<form id="${form}" method="post" action="${site.base}${path}">
${hidden('form', form)}${hidden('token', token)}${hidden('return', returnTo?.sealed)}
${content}
</form>`;
      },
    };
  }

  #formCookie(): string {
    if (this.#cookie === undefined) {
      this.#cookie = this.#deps.tokens.newCookie();
      this.#isNew = true;
    }
    return this.#cookie;
  }
}
