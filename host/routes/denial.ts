import type { Reply } from '../http/reply.ts';
import type { Request } from '../http/router.ts';
import { signInAddress } from '../http/sign-in-address.ts';
import type { Decision, DenialMode, Engine, Refusal } from '../policy/engine.ts';
import type { Asked } from './asked.ts';
import type { Dialect } from './dialects/dialect.ts';

/** How to word a refusal: as the domain says, else as the guest that deferred would have, else as the dialect does. */
export function modeOf(dialect: Dialect, asked: Asked, decision: Decision): DenialMode {
  if (dialect.adapts !== true) return 'authelia';
  const said = decision.verdict === 'bad-request' ? undefined : decision.denial;
  return said ?? (asked.isDeferred ? 'adaptive' : (dialect.denial ?? 'authelia'));
}

export interface Refusing extends Pick<Refusal, 'verdict' | 'mode' | 'presented' | 'session' | 'realm'> {
  readonly request: Request;
  readonly asked: Asked;
}

/** A refusal in the guest's words. The client's headers are those that the proxy passed on. */
export function suitingReply(engine: Pick<Engine, 'deny'>, refusing: Refusing): Reply {
  const { request, asked, verdict, mode, presented, session = false, realm } = refusing;
  const { method, scheme, uri } = asked.target;
  const { status, headers, body } = engine.deny({
    verdict,
    mode,
    method,
    scheme,
    host: asked.shownHost,
    uri,
    presented,
    session,
    realm,
    signIn: asked.signInUrl ? signInAddress(asked.signInUrl) : '',
    headers: request.headers.plain(),
  });
  const type = headers.find(([name]) => name === 'Content-Type')?.[1] ?? '';
  return { status, headers: headers.filter(([name]) => name !== 'Content-Type'), type, body, exact: true };
}
