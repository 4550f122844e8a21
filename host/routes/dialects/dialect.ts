import type { IdentityPreset } from '../../config/identity-presets.ts';
import type { Reply, ReplyHeaders } from '../../http/reply.ts';
import type { Request } from '../../http/router.ts';
import type { DenialMode, Principal, Target } from '../../policy/engine.ts';
import type { CookieDomain } from '../sign-in.ts';
import type { Strategy } from '../strategies.ts';

/** What a proxy tells about the request it asks about. */
export type Told =
  | {
      readonly kind: 'target';
      /** Raw values. An empty method or URI was not told; rules that ask for one then forbid. */
      readonly asked: Omit<Target, 'client'>;
      /** Where to return to after signing in. */
      readonly url: string;
      /** The proxy sets no header about the client either: what stands there is the client's own word. */
      readonly unknownClient?: true;
    }
  /** `header` is missing, empty, repeated or contradicts another. */
  | { readonly kind: 'bad'; readonly header: string };

/** Somebody has to sign in, or to show better credentials. */
export interface Denial {
  readonly request: Request;
  readonly asked: Omit<Target, 'client'>;
  readonly url: string;
  /** The portal's address for this domain, undefined or empty when there is none. */
  readonly signInUrl: string | undefined;
  /** The realm in force. */
  readonly realm: string;
}

/** Who comes in, and with which headers. */
export interface Admission {
  readonly request: Request;
  /** Undefined for an anonymous visitor on a bypass rule. */
  readonly principal: Principal | undefined;
  readonly identity: ReplyHeaders;
}

/**
 * How one kind of proxy asks and is answered. A dialect decides nothing: it
 * reads the target, and words the answer. Every answer but `allow` is an error
 * or a redirection; the decision sees to it that `allow` is called for nobody
 * else.
 */
export interface Dialect {
  readonly name: string;
  /** GET and HEAD only, unless this is true. */
  readonly anyMethod?: boolean;
  /** What cannot be judged is answered with this. */
  readonly badRequest: 400 | 401;
  /** Takes the guest's deferrals (`Postern-Request`); the others answer 403. */
  readonly deferrals?: boolean;
  /** Hands the client whatever it is answered, so that refusals can suit it. nginx does not. */
  readonly adapts?: boolean;
  /**
   * The proxy can put headers of the answer in the place of the request's: then
   * `Cookie` comes back without our sessions, which are none of a service's business.
   */
  readonly cleansCookies?: boolean;
  /** How it refuses where the domain does not say (`denial`); default: in words of its own. */
  readonly denial?: DenialMode;
  /** Authelia's rule: hosts outside every cookie domain are bad requests. */
  readonly cookieDomainsOnly?: boolean;
  /** `Host` is the application's wherever it is not ours, and contradicts other claims. */
  readonly knowsHost?: boolean;
  /** What to write into the proxy's configuration when it tells no target. */
  readonly hint: string;
  /** What it sends where `domains` do not say otherwise; undefined for what is configured for every host. */
  readonly identity?: IdentityPreset;
  readTarget(request: Request): Told;
  /** Which credentials count, in order. */
  strategies(request: Request): readonly Strategy[];
  /**
   * A sign-in address that the request brings along: undefined for none, empty
   * for none and not the configured one either, `bad` for one that cannot be used.
   */
  signInUrl?(request: Request, cookies: CookieDomain | undefined): string | undefined | 'bad';
  /** A further condition on a request that the rules allow. */
  admits?(request: Request, principal: Principal | undefined): 'yes' | 'sign-in' | 'no';
  /** Status 200 (202 in oauth2-proxy's) and the identity headers. */
  allow(admission: Admission): Reply;
  challenge(denial: Denial): Reply;
}
