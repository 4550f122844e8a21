import { HEADER_REQUEST, REQUEST_CLIENT_UNRESOLVED } from '../../assembly/contract.ts';
import { urlText } from '../http/go-url.ts';
import { exactReply, type Reply } from '../http/reply.ts';
import type { Request } from '../http/router.ts';
import type { Logger } from '../log/logger.ts';
import type { Engine, Target } from '../policy/engine.ts';
import { DEFERRAL_TEXT, type DeferralProblem, type DeferralReader } from './deferral.ts';
import { addressedBy } from './dialects/authelia-sign-in.ts';
import type { Dialect } from './dialects/dialect.ts';
import { resolveAgreedClient, resolveClient, withoutUserInfo } from './forwarded.ts';
import { contradictsHost } from './own-address.ts';
import { bareHost, type SignIn } from './sign-in.ts';

const REQUEST_NAME = HEADER_REQUEST.toLowerCase();

export interface AskedDeps {
  readonly engine: Pick<Engine, 'isTrustedProxy' | 'clientAddress'>;
  readonly deferrals: Pick<DeferralReader, 'read'>;
  readonly signIn: SignIn;
  readonly log: Logger;
}

/** A target that can be judged, and what its answers need. */
export interface Asked {
  readonly target: Target;
  readonly url: string;
  readonly signInUrl: string | undefined;
  /** A guest asks, which has no grant for the credential. */
  readonly isDeferred: boolean;
  /** The host as the client wrote it, with its port: for the way back. */
  readonly shownHost: string;
}

export type OnDeferral = (reason: DeferralProblem | 'accepted') => void;

/** Reads what is asked for, or gives the answer to a request that does not say it properly. */
export type AskedReader = (request: Request, arrived: number, onDeferral: OnDeferral) => Asked | Reply;

export function createAskedReader(dialect: Dialect, deps: AskedDeps): AskedReader {
  const { engine } = deps;

  return (request, arrived, onDeferral) => {
    const values = request.headers.values(REQUEST_NAME);
    if (values.length > 0) return readDeferral(request, values, arrived, onDeferral);
    if (!engine.isTrustedProxy(request.peer)) return untrusted(request);
    const told = dialect.readTarget(request);
    if (told.kind === 'bad') return unclear(request, told.header);
    if (dialect.knowsHost === true && contradictsHost(request, told.asked.host, deps.signIn)) {
      return unclear(request, 'host');
    }
    const resolve = dialect.knowsHost === true ? resolveAgreedClient : resolveClient;
    const client = told.unknownClient === true ? '' : resolve(request, engine);
    const { method, scheme, host, uri } = told.asked;
    const target = { method, scheme, host, uri, client };
    const cookies = deps.signIn.domainOf(target.host);
    if (dialect.cookieDomainsOnly === true && deps.signIn.isConfigured && cookies === undefined) {
      deps.log.info('refused: the host lies in no domain of session.cookies', {
        host: withoutUserInfo(target.host),
      });
      return exactReply(dialect.badRequest);
    }
    const named = dialect.signInUrl?.(withoutClients(request, uri), cookies);
    // The portal's own address has no guard: there a link says where people are sent, and no proxy.
    const isOwn = Boolean(named) && deps.signIn.isPortalHost(target.host);
    const brought = isOwn ? addressedBy(named, cookies) : named;
    if (brought === 'bad') {
      deps.log.warn('refused: a sign-in address in the request cannot be used', {
        peer: request.peer,
        path: request.path,
      });
      return exactReply(dialect.badRequest);
    }
    const signInUrl = brought ?? cookies?.signInUrl;
    return { target, url: told.url, signInUrl, isDeferred: false, shownHost: target.host };
  };

  function readDeferral(
    request: Request,
    values: readonly string[],
    arrived: number,
    onDeferral: OnDeferral,
  ): Asked | Reply {
    if (dialect.deferrals !== true) {
      deps.log.warn(
        'deferral refused: this endpoint takes none; forwardAuth must ask /api/authz/forward-auth',
        {
          peer: request.peer,
          path: request.path,
        },
      );
      return exactReply(403);
    }
    const deferral = deps.deferrals.read(values, arrived);
    onDeferral(deferral.ok ? 'accepted' : deferral.reason);
    if (!deferral.ok) {
      deps.log.warn(DEFERRAL_TEXT[deferral.reason], { peer: request.peer, reason: deferral.reason });
      return exactReply(403);
    }
    let { target } = deferral;
    if (target.client === REQUEST_CLIENT_UNRESOLVED) {
      // The guest had no policy yet and did not know whose X-Forwarded-For counts.
      if (!engine.isTrustedProxy(request.peer)) return untrusted(request);
      target = { ...target, client: resolveClient(request, engine) };
    }
    const { scheme, host, uri } = target;
    const signInUrl = deps.signIn.domainOf(host)?.signInUrl;
    // The port, which the guest tells in this one, decides nothing.
    const forwarded = request.headers.one('x-forwarded-host');
    const shownHost = typeof forwarded === 'string' && bareHost(forwarded) === host ? forwarded : host;
    return { target, url: urlText(scheme, shownHost, uri), signInUrl, isDeferred: true, shownHost };
  }

  function unclear({ peer, path }: Request, key: string): Reply {
    deps.log.warn(
      'refused: the proxy does not say properly what is asked for; `key` is missing, empty, repeated or contradicted, `hint` is what its configuration must say',
      { peer, path, key, hint: dialect.hint },
    );
    return exactReply(dialect.badRequest);
  }

  function untrusted({ peer }: Request): Reply {
    deps.log.warn('refused: forwarding headers from a peer that is not in trusted_proxies', {
      peer,
      key: 'trusted_proxies',
    });
    return exactReply(403);
  }
}

/**
 * The request without a query that is the client's own: Caddy's `forward_auth`
 * hands that on wherever its `uri` has none, and a link would say where people
 * sign in.
 */
function withoutClients(request: Request, uri: string): Request {
  const { query } = request;
  return query !== '' && uri.endsWith(`?${query}`) ? { ...request, query: '' } : request;
}
