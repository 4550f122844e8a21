import type { Clock } from '../clock.ts';
import type { Provisioned } from '../elastic/provisioned.ts';
import type { Credential } from '../grant/known-grants.ts';
import { exactReply, type Reply } from '../http/reply.ts';
import type { RequestHeaders } from '../http/request-headers.ts';
import type { Handler, Request } from '../http/router.ts';
import type { Decision, Engine, Principal, Proof, Target } from '../policy/engine.ts';
import { basicChallenge } from './answers.ts';
import { type Asked, type AskedDeps, createAskedReader, type OnDeferral } from './asked.ts';
import type { Authenticator } from './authenticator.ts';

import { type DeniedPage, isRead, modeOf, suitingReply } from './denial.ts';
import type { Admission, Dialect } from './dialects/dialect.ts';

import { withoutUserInfo } from './forwarded.ts';
import type { IdentityHeaders } from './identity-headers.ts';
import { COOKIE_SESSION, type HeaderStrategy, isNoToken, isPresent, type Strategy } from './strategies.ts';

/** Seconds after which a proxy may ask again when too many passwords are being verified, or the database is away. */
const RETRY_AFTER = '2';
const NOBODY: Proof = { kind: 'none' };
const FAILED: Proof = { kind: 'failed' };
const UNAVAILABLE = { status: 'unavailable', retryAfterSeconds: 5 } as const;
/** What took longer is looked at again: so soon a session that ended is over at the guests, too. */
const MEANWHILE_MS = 1_000;

/** Makes sure that a principal is known to the backend. */
export interface Backend {
  authorize(principal: Principal): Promise<Provisioned>;
}

export interface DecisionDeps extends AskedDeps {
  readonly engine: Pick<
    Engine,
    'decide' | 'deny' | 'isTrustedProxy' | 'clientAddress' | 'withoutSessionCookies'
  >;
  readonly authenticator: Pick<
    Authenticator,
    | 'hasCredential'
    | 'shown'
    | 'shownSession'
    | 'known'
    | 'authenticate'
    | 'authenticateSession'
    | 'addBackend'
  >;
  /** What Elasticsearch is told of a principal; undefined when none is configured. */
  readonly elastic?: Backend | undefined;
  /** What people who are signed in read at pages that are not for them; undefined without a portal. */
  readonly deniedPage?: DeniedPage | undefined;
  readonly identity: IdentityHeaders;
  /** What requests are judged by now; another object once that was replaced. */
  readonly inForce: () => { readonly realm: string };
  readonly clock: Clock;
  readonly onDecision: (verdict: Decision['verdict'] | 'too-large' | 'busy') => void;
  readonly onDeferral: OnDeferral;
}

/** What a request's credentials come to, and which strategy answers for them when they are not enough. */
interface Authenticated {
  readonly proof: Proof;
  readonly by: HeaderStrategy | undefined;
  /** The credential that counts; undefined without one. */
  readonly own?: Credential | undefined;
  /** It is a session's cookie. */
  readonly isSession?: boolean;
}

/** The one decision, asked and answered in a dialect. */
export function createDecision(dialect: Dialect, deps: DecisionDeps): Handler {
  const { engine, identity, clock, onDecision } = deps;
  const read = createAskedReader(dialect, deps);

  return request => {
    const arrived = clock.now();
    const asked = read(request, arrived, deps.onDeferral);
    if ('status' in asked) return asked;
    // A guest that defers needs a new grant, and so a new verification.
    const known = asked.isDeferred ? undefined : findKnown(request, asked.target);
    if (known !== undefined) return answer(request, asked, engine.decide(asked.target, known.proof), known);
    return decide(request, asked, arrived);
  };

  async function decide(request: Request, asked: Asked, arrived: number): Promise<Reply> {
    const began = clock.monotonic();
    const policy = deps.inForce();
    // Before a password costs anything.
    const anonymous = engine.decide(asked.target, NOBODY);
    if (anonymous.verdict === 'bad-request' || 'missing' in anonymous) {
      return answer(request, asked, anonymous, { proof: NOBODY, by: undefined });
    }
    const isOpen = anonymous.verdict === 'allow';
    const outcome = await authenticate(request, began, asked, isOpen);
    if ('status' in outcome) return outcome;
    if (outcome.proof === NOBODY) return answer(request, asked, anonymous, outcome);
    // Replaced while the password was verified: the new one judges all of the request, also whose headers count.
    const again = deps.inForce() === policy ? asked : read(request, arrived, () => {});
    if ('status' in again) return again;
    return answer(request, again, engine.decide(again.target, outcome.proof), outcome);
  }

  /** Of the strategy that finds a credential first, if that was verified before. */
  function findKnown(request: Request, { host, client }: Target): Authenticated | undefined {
    const { authenticator } = deps;
    for (const strategy of dialect.strategies(request)) {
      const isSession = strategy.kind === 'cookie';
      if (!isSession && !isTried(strategy, request)) continue;
      // What insists on a header is not content with a token in another one.
      if (!isSession && strategy.required === true && !isPresent(strategy, request.headers)) return undefined;
      const own = isSession
        ? authenticator.shownSession(host, request.headers)
        : authenticator.shown(headersOf(strategy, request));
      if (isSession && own === undefined) continue;
      const proof = own === undefined ? undefined : authenticator.known(own, client);
      const by = isSession ? undefined : strategy;
      return proof === undefined ? undefined : { proof, by, own, isSession };
    }
    return undefined;
  }

  function headersOf({ header }: HeaderStrategy, { headers }: Request): RequestHeaders {
    return header === 'authorization' ? headers : headers.authorizedBy(header);
  }

  /** `Authorization` includes the token header, which only the authenticator knows. */
  function isTried(strategy: Strategy, { headers }: Request): strategy is HeaderStrategy {
    if (strategy.kind !== 'header') return false;
    if (strategy.required === true || isPresent(strategy, headers)) return true;
    return (
      strategy.header === 'authorization' &&
      headers.values('authorization').length === 0 &&
      deps.authenticator.hasCredential(headers)
    );
  }

  /** Strategies in their order, until one finds a credential; good or bad, that one counts. */
  async function authenticate(
    request: Request,
    began: number,
    { target: { host, client }, isDeferred }: Asked,
    isOpen: boolean,
  ): Promise<Authenticated | Reply> {
    const { headers } = request;
    const { authenticator } = deps;
    let by: HeaderStrategy | undefined;
    let bad: HeaderStrategy | undefined;
    for (const strategy of dialect.strategies(request)) {
      by = strategy.kind === 'header' ? strategy : undefined;
      if (strategy.kind === 'cookie') {
        const outcome = await authenticator.authenticateSession(host, headers, client);
        if (outcome.kind !== 'proof') return refused(outcome.kind);
        const { proof, shown } = outcome;
        if (proof.kind === 'none') continue;
        return { proof, by, own: shown, isSession: true };
      }
      if (dialect.denial === 'authelia' && !isDeferred && isNoToken(strategy, headers)) bad ??= strategy;
      if (!isTried(strategy, request)) continue;
      if (strategy.required === true && !isPresent(strategy, headers)) return { proof: FAILED, by };
      const own = headersOf(strategy, request);
      const outcome = await authenticator.authenticate(own, began, client, isOpen);
      if (outcome.kind !== 'proof') return refused(outcome.kind);
      if (outcome.proof.kind !== 'none') return { proof: outcome.proof, by, own: authenticator.shown(own) };
      // What insists on a credential does not take one of a scheme that counts for nothing.
      if (strategy.required === true || strategy.insists === true) return { proof: FAILED, by };
    }
    // As in Authelia the last strategy answers for those that show nothing.
    return bad === undefined ? { proof: NOBODY, by } : { proof: FAILED, by: bad };
  }

  function refused(why: 'too-large' | 'busy'): Reply {
    onDecision(why);
    return why === 'busy' ? exactReply(503, [['Retry-After', RETRY_AFTER]]) : exactReply(431);
  }

  function answer(
    request: Request,
    asked: Asked,
    decision: Decision,
    { proof, by, own, isSession = false }: Authenticated,
  ): Reply | Promise<Reply> {
    const principal = proof.kind === 'proved' ? proof.principal : undefined;
    const admitted = decision.verdict === 'allow' ? (dialect.admits?.(request, principal) ?? 'yes') : 'no';
    const verdict =
      decision.verdict !== 'allow' || admitted === 'yes'
        ? decision.verdict
        : admitted === 'sign-in'
          ? 'challenge'
          : 'forbid';
    onDecision(verdict);
    logDecision(request, asked.target, decision, principal);
    switch (verdict) {
      case 'allow': {
        const headers = identity.of(asked.target.host, principal, dialect.identity);
        if (headers === undefined) return exactReply(403);
        const admission = { request, principal, identity: headers };
        return 'backend' in decision && decision.backend !== undefined
          ? toElastic(admission, asked, own, isSession)
          : allow(admission);
      }
      case 'challenge': {
        const { realm } = deps.inForce();
        const mode = modeOf(dialect, asked, decision);
        if (mode !== 'authelia' && (by === undefined || by.header === 'authorization')) {
          const presented = by !== undefined && proof.kind !== 'none';
          const takesSessions = asked.isDeferred || dialect.strategies(request).includes(COOKIE_SESSION);
          return suitingReply(engine, {
            ...{ request, verdict, mode, presented, realm },
            // Whoever came back with a session that does not count here would be sent away again.
            asked: takesSessions ? asked : { ...asked, signInUrl: undefined },
            session: isSession,
          });
        }
        if (by !== undefined) return basicChallenge(realm, by.refusal);
        const { target, url, signInUrl } = asked;
        return dialect.challenge({ request, asked: target, url, signInUrl, realm });
      }
      case 'bad-request':
        return exactReply(dialect.badRequest);
      default: {
        const page = isSession ? deniedPage(request, asked, decision, principal) : undefined;
        if (page !== undefined) return page;
        const mode = modeOf(dialect, asked, decision);
        if (mode === 'authelia') return exactReply(403);
        return suitingReply(engine, {
          ...{ request, asked, verdict, mode, presented: false, realm: '' },
          session: isSession,
        });
      }
    }
  }

  /**
   * For people at a browser, whatever dialect their proxy speaks: the status is
   * the same, and the body is for them. Undefined where the domain words its
   * refusals otherwise, or nobody can be sent to a portal.
   */
  function deniedPage(
    request: Request,
    asked: Asked,
    decision: Decision,
    principal: Principal | undefined,
  ): Reply | undefined {
    const { host, client } = asked.target;
    const cookie = deps.signIn.domainOf(host);
    if (decision.verdict === 'bad-request' || principal === undefined || cookie?.signInUrl === undefined) {
      return undefined;
    }
    const mode = decision.denial ?? 'adaptive';
    const refusing = { request, asked, verdict: 'forbid', mode, presented: false, realm: '' } as const;
    if (!isRead(engine, { ...refusing, session: true })) return undefined;
    return deps.deniedPage?.({
      request,
      cookie: { domain: cookie.domain, signInUrl: cookie.signInUrl },
      principal,
      host: asked.shownHost,
      url: asked.url,
      client,
      // What an endpoint asks for beyond the rules is no rule.
      position: decision.verdict === 'forbid' ? decision.position : 0,
    });
  }

  /** An answer without `Cookie` lets the service have none. */
  function allow(admission: Admission): Reply {
    const reply = dialect.allow(admission);
    const cookies = dialect.cleansCookies === true ? admission.request.headers.values('cookie') : [];
    if (cookies.length === 0) return reply;
    const left = engine.withoutSessionCookies(cookies);
    if (left.length === 0) return reply;
    return { ...reply, headers: [...reply.headers, ['Cookie', left.join('; ')]] };
  }

  /** Elasticsearch is told who asks by an `Authorization` of its own: the client's never gets there. */
  async function toElastic(
    admission: Admission,
    asked: Asked,
    own: Credential | undefined,
    isSession: boolean,
  ): Promise<Reply> {
    const { request, principal, identity: headers } = admission;
    const { client } = asked.target;
    const tell = (authorization: string) =>
      allow({ ...admission, identity: [...headers, ['Authorization', authorization]] });
    if (principal === undefined) return tell('');
    const policy = deps.inForce();
    const began = clock.monotonic();
    const answered = (await deps.elastic?.authorize(principal)) ?? UNAVAILABLE;
    if (answered.status === 'refused') return exactReply(403);
    if (answered.status === 'bad-request') return exactReply(dialect.badRequest);
    let isSame = true;
    if (isSession && answered.status === 'ready' && clock.monotonic() - began > MEANWHILE_MS) {
      const outcome = await deps.authenticator.authenticateSession(
        asked.target.host,
        request.headers,
        client,
      );
      if (outcome.kind !== 'proof') return refused(outcome.kind);
      const { proof } = outcome;
      if (proof.kind !== 'proved') {
        return answer(request, asked, engine.decide(asked.target, NOBODY), { proof: NOBODY, by: undefined });
      }
      // With other groups it is somebody else to Elasticsearch.
      isSame = JSON.stringify(proof.principal) === JSON.stringify(principal);
    }
    const isReady =
      isSame && answered.status === 'ready' && answered.isCurrent() && deps.inForce() === policy;
    if (!isReady) {
      const after = answered.status === 'unavailable' ? answered.retryAfterSeconds : 1;
      return exactReply(503, [['Retry-After', String(after)]]);
    }
    // In one step with looking whether it counts: a fence raised later finds the grant and clears it.
    if (own !== undefined) deps.authenticator.addBackend(own, client, answered.authorization);
    return tell(answered.authorization);
  }

  function logDecision(request: Request, target: Target, decision: Decision, principal?: Principal): void {
    const { log } = deps;
    const host = withoutUserInfo(target.host);
    if (decision.verdict === 'forbid' && decision.missing !== undefined) {
      log.warn(
        'refused: the proxy does not tell path or method, and rules of this host ask for them; `hint` is what its configuration must say',
        { host, path: request.path, reason: decision.missing, hint: dialect.hint },
      );
    }
    if (decision.verdict === 'bad-request') {
      log.info(
        'refused: what is asked for cannot be judged; `reason` says why. `plain http`: the proxy must tell the scheme of its client, https where TLS ends in front of it; `allow_http` names hosts that have none',
        { host, scheme: target.scheme, path: request.path, reason: decision.reason },
      );
    }
    if (!log.isEnabled('debug')) return;
    log.debug('decided', {
      method: target.method,
      scheme: target.scheme,
      host,
      // Applications put tokens into queries.
      path: target.uri.split('?', 1)[0] ?? '',
      client: target.client,
      verdict: decision.verdict,
      ...(decision.verdict === 'bad-request'
        ? { reason: decision.reason }
        : { policy: decision.policy, rule: decision.position }),
      ...(principal === undefined ? {} : { user: principal.username }),
    });
  }
}
