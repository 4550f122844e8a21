import { HEADER_REQUEST, REQUEST_CLIENT_UNRESOLVED } from '../../assembly/contract.ts';
import type { Clock } from '../clock.ts';
import { headerValue, type Reply, statusReply } from '../http/reply.ts';
import type { Handler, Request } from '../http/router.ts';
import type { Logger } from '../log/logger.ts';
import type { Decision, Engine, Principal, Target } from '../policy/engine.ts';
import type { Authenticator } from './authenticator.ts';
import type { DeferralProblem, DeferralReader } from './deferral.ts';
import { readForwarded, resolveClient } from './forwarded.ts';
import type { IdentityHeaders } from './identity-headers.ts';

export const FORWARD_AUTH_PATH = '/api/authz/forward-auth';
/** Seconds after which a proxy may ask again when too many passwords are being verified. */
const RETRY_AFTER = '2';

export interface ForwardAuthDeps {
  readonly engine: Pick<Engine, 'decide' | 'isTrustedProxy' | 'clientAddress'>;
  readonly authenticator: Authenticator;
  readonly deferrals: DeferralReader;
  readonly identity: IdentityHeaders;
  /** What requests are judged by now; another object once that was replaced. */
  readonly inForce: () => { readonly realm: string };
  readonly clock: Clock;
  readonly log: Logger;
  readonly onDecision: (verdict: Decision['verdict'] | 'too-large' | 'busy') => void;
  readonly onDeferral: (reason: DeferralProblem | 'accepted') => void;
}

const DEFERRAL_TEXT: Record<DeferralProblem, string> = {
  repeated: 'deferral refused: more than one Postern-Request',
  malformed: 'deferral refused: Postern-Request is malformed',
  mac: "deferral refused: Postern-Request is not signed by this host's guest key; give Traefik the output of `postern secret guest`",
  expired: 'deferral refused: Postern-Request is too old; compare the clocks of Traefik and host',
  future: 'deferral refused: Postern-Request is from the future; compare the clocks of Traefik and host',
  policy:
    "deferral refused: the plugin's inline policy and postern.yml differ; make them equal, or remove access_control from the plugin's configuration so that it reads the host's",
};

/** Traefik's forwardAuth, by the guest's deferrals or by ordinary forwarding headers. */
export function createForwardAuth(deps: ForwardAuthDeps): Handler {
  const { engine, authenticator, identity, clock, onDecision } = deps;

  return async request => {
    const began = clock.monotonic();
    const arrived = clock.now();
    const policy = deps.inForce();
    let read = readTarget(request, deps, arrived);
    if ('status' in read) return read;
    // Before a password costs anything.
    const anonymous = engine.decide(read, { kind: 'none' });
    if (anonymous.verdict === 'bad-request' || !authenticator.hasCredential(request.headers)) {
      return answer(read, anonymous);
    }

    const isOpen = anonymous.verdict === 'allow';
    const outcome = await authenticator.authenticate(request.headers, began, read.client, isOpen);
    if (outcome.kind === 'too-large') {
      onDecision('too-large');
      return statusReply(431);
    }
    if (outcome.kind === 'busy') {
      onDecision('busy');
      return statusReply(503, [['Retry-After', RETRY_AFTER]]);
    }
    if (deps.inForce() !== policy) {
      // Replaced while the password was verified: the new one judges all of the request, also whose headers count.
      read = readTarget(request, { ...deps, onDeferral() {} }, arrived);
      if ('status' in read) return read;
    }
    const { proof } = outcome;
    return answer(read, engine.decide(read, proof), proof.kind === 'proved' ? proof.principal : undefined);
  };

  function answer(target: Target, decision: Decision, principal?: Principal): Reply {
    onDecision(decision.verdict);
    log(target, decision, principal);
    switch (decision.verdict) {
      case 'allow': {
        const headers = identity.of(principal);
        return headers === undefined ? statusReply(403) : statusReply(200, headers);
      }
      case 'challenge':
        return statusReply(401, [['WWW-Authenticate', wwwAuthenticate(deps.inForce().realm)]]);
      case 'bad-request':
        return statusReply(400);
      default:
        return statusReply(403);
    }
  }

  function log(target: Target, decision: Decision, principal: Principal | undefined): void {
    if (!deps.log.isEnabled('debug')) return;
    deps.log.debug('decided', {
      method: target.method,
      scheme: target.scheme,
      host: target.host,
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

/** What is asked for, or the answer to a request that does not say it properly. */
function readTarget(request: Request, deps: ForwardAuthDeps, arrived: number): Target | Reply {
  const { headers, peer } = request;
  const values = headers.values(HEADER_REQUEST.toLowerCase());
  if (values.length > 0) return readDeferral(request, values, deps, arrived);
  const forwarded = readForwarded(request, deps.engine);
  switch (forwarded.kind) {
    case 'target':
      return forwarded.target;
    case 'untrusted':
      return untrusted(request, deps.log);
    default:
      deps.log.warn('refused: a forwarding header is missing, empty or repeated', {
        peer,
        key: forwarded.header,
      });
      return statusReply(400);
  }
}

function readDeferral(
  request: Request,
  values: readonly string[],
  deps: ForwardAuthDeps,
  arrived: number,
): Target | Reply {
  const { deferrals, engine, log, onDeferral } = deps;
  const deferral = deferrals.read(values, arrived);
  onDeferral(deferral.ok ? 'accepted' : deferral.reason);
  if (!deferral.ok) {
    log.warn(DEFERRAL_TEXT[deferral.reason], { peer: request.peer, reason: deferral.reason });
    return statusReply(403);
  }
  if (deferral.target.client !== REQUEST_CLIENT_UNRESOLVED) return deferral.target;
  // The guest had no policy yet and did not know whose X-Forwarded-For counts.
  if (!engine.isTrustedProxy(request.peer)) return untrusted(request, log);
  return { ...deferral.target, client: resolveClient(request, engine) };
}

function untrusted({ peer }: Request, log: Logger): Reply {
  log.warn('refused: forwarding headers from a peer that is not in trusted_proxies', {
    peer,
    key: 'trusted_proxies',
  });
  return statusReply(403);
}

/** RFC 7617 section 2.1, RFC 9110 section 5.6.4. */
function wwwAuthenticate(realm: string): string {
  const quoted = headerValue(realm.replace(/["\\]/g, '\\$&'));
  return `Basic realm="${quoted}", charset="UTF-8"`;
}
