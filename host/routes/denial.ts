import type { Reply } from '../http/reply.ts';
import type { Request } from '../http/router.ts';
import { signInAddress } from '../http/sign-in-address.ts';
import type { Decision, DenialMode, Engine, Principal, Refusal, Refused } from '../policy/engine.ts';
import type { Asked } from './asked.ts';
import type { Dialect } from './dialects/dialect.ts';

/** How to word a refusal: as the domain says, else as the guest that deferred would have, else as the dialect does. */
export function modeOf(dialect: Dialect, asked: Asked, decision: Decision): DenialMode {
  if (dialect.adapts !== true) return 'authelia';
  const said = decision.verdict === 'bad-request' ? undefined : decision.denial;
  return said ?? (asked.isDeferred ? 'adaptive' : (dialect.denial ?? 'authelia'));
}

/** Somebody who is signed in, and a page that is not for them. */
export interface Denied {
  readonly request: Pick<Request, 'headers'>;
  /** Of the closest domain; its portal is where another account can be used. */
  readonly cookie: { readonly domain: string; readonly signInUrl: string };
  readonly principal: Principal;
  /** As the client wrote it. */
  readonly host: string;
  /** The page's address, for coming back. */
  readonly url: string;
  /** For the log. */
  readonly client: string;
  /** Position of the rule from 1, 0 for the default policy. */
  readonly position: number;
}

/** The portal's words for it. */
export type DeniedPage = (denied: Denied) => Reply;

export interface Refusing extends Pick<Refusal, 'verdict' | 'mode' | 'presented' | 'session' | 'realm'> {
  readonly request: Request;
  readonly asked: Asked;
}

/** Whether a person will read the refusal: the client takes a page. */
export function isRead(engine: Pick<Engine, 'deny'>, refusing: Refusing): boolean {
  return wordsOf(engine, refusing).form === 'page';
}

/** A refusal in the guest's words. The client's headers are those that the proxy passed on. */
export function suitingReply(engine: Pick<Engine, 'deny'>, refusing: Refusing): Reply {
  const { status, headers, body } = wordsOf(engine, refusing);
  const type = headers.find(([name]) => name === 'Content-Type')?.[1] ?? '';
  return { status, headers: headers.filter(([name]) => name !== 'Content-Type'), type, body, exact: true };
}

function wordsOf(engine: Pick<Engine, 'deny'>, refusing: Refusing): Refused {
  const { request, asked, verdict, mode, presented, session = false, realm } = refusing;
  const { method, scheme, uri } = asked.target;
  return engine.deny({
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
}
