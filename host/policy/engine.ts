import type { Problem } from '../config/problem.ts';

/** What a rule demands of whoever asks (Authelia's key `policy`). */
export type Policy = 'deny' | 'one_factor' | 'two_factor' | 'bypass';

/** Proven identity, without network: what a directory knows of a user. */
export interface Principal {
  readonly username: string;
  readonly displayName: string;
  readonly email: string;
  readonly groups: readonly string[];
}

/**
 * What is asked for. Raw values as the proxy routed them; the engine makes them
 * canonical and refuses what it cannot. Strings hold one byte a character
 * (latin1), as node gives headers.
 */
export interface Target {
  /** Empty when the proxy did not tell it. */
  readonly method: string;
  /** `https`, `wss`, `http` or `ws`. */
  readonly scheme: string;
  readonly host: string;
  /** Escaped path and raw query; empty when the proxy did not tell it. */
  readonly uri: string;
  /** Client address in text, empty when it is not known (it then lies in no network). */
  readonly client: string;
}

/**
 * What the client proved: nothing, a principal at a level, or `failed` when it
 * sent a credential that is no good.
 */
export type Proof =
  | { readonly kind: 'none' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'proved'; readonly principal: Principal; readonly level: 1 | 2 };

export type Decision =
  | { readonly verdict: 'bad-request'; readonly reason: string }
  | {
      readonly verdict: 'allow' | 'challenge' | 'forbid';
      readonly policy: Policy;
      /** Position of the rule from 1, 0 for the default policy. */
      readonly position: number;
      /** Whether the matched rule names subjects. */
      readonly hasSubjects: boolean;
      /** What `denial` says for the domain; undefined when it says nothing. */
      readonly denial?: DenialMode | undefined;
      /** Forbidden because rules of the domain ask for what the proxy did not tell. */
      readonly missing?: 'path' | 'method';
      /** Of what is allowed: the backend is told who asks in its own `Authorization`. */
      readonly backend?: 'elasticsearch';
    };

/** What a rule asks about, in the order of CRITERION_… in `assembly/policy/rule.ts`. */
export const CRITERIA = ['domain', 'methods', 'networks', 'subject', 'resources', 'query'] as const;
export type Criterion = (typeof CRITERIA)[number];

/** Whether each criterion that a rule has holds; one that it has not is absent and holds. */
export type RuleMatch = Readonly<Partial<Record<Criterion, boolean>>>;

/** A decision with what it was made from. */
export interface Explanation {
  readonly decision: Decision;
  /** Canonical host, empty for a bad request. */
  readonly host: string;
  /** What `resources` match: clean path, `?` and the query; empty for a bad request. */
  readonly object: string;
  /** Every rule in its order, those behind the deciding one too; empty for a bad request. */
  readonly rules: readonly RuleMatch[];
}

/** Outcome of reading `Authorization` (RFC 9110 section 11.6.2, RFC 7617). */
export type Authorization =
  /** No header, or a scheme that is known and not enabled. */
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed' }
  /** Over a named limit: 431. */
  | { readonly kind: 'too-large' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** `Bearer`, where the policy enables it. */
  | { readonly kind: 'token'; readonly token: string };

/** Outcome of reading the token header. */
export type TokenHeader =
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'token'; readonly token: string };

/** The session that a request's cookies carry. */
export type SessionCookie =
  /** None, two of one name, or nothing that could be one. */
  | { readonly kind: 'none' }
  /** Over a named limit: 431. */
  | { readonly kind: 'too-large' }
  /** `domain`: of `session.cookies`, on whose hosts the cookie counts. */
  | { readonly kind: 'session'; readonly domain: string; readonly token: string };

/** How a refusal is worded (`denial`): as Authelia does, as suits the client, or in one form for everybody. */
export const DENIALS = ['authelia', 'adaptive', 'redirect', 'json', 'basic', 'status'] as const;
export type DenialMode = (typeof DENIALS)[number];

/** A request that is refused, and what the answer may say. Strings hold one byte a character, as node gives headers. */
export interface Refusal {
  readonly verdict: 'challenge' | 'forbid';
  readonly mode: DenialMode;
  /** As the proxy routed it, the host with its port. An empty method is not known. */
  readonly method: string;
  readonly scheme: string;
  readonly host: string;
  readonly uri: string;
  /** A credential came in a header and was not enough. */
  readonly presented: boolean;
  /** It came in a session's cookie: a password would not be more, and is not asked for. */
  readonly session?: boolean;
  readonly realm: string;
  /** The sign-in address with NUL where the return address and the method go; empty for none. */
  readonly signIn: string;
  /** The client's headers. */
  readonly headers: Iterable<readonly [name: string, value: string]>;
}

/** Kinds of answers, in the order of FORM_… in `assembly/gate/denial.ts`. */
export const FORMS = ['status', 'basic', 'json', 'redirect', 'page'] as const;

export interface Refused {
  readonly status: number;
  /** `page`: a person looks at it, and a better one may stand in its place. */
  readonly form: (typeof FORMS)[number];
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** The policy document: what `postern.yml` says about access, as JSON, before it is compiled. */
export interface PolicyDocument {
  readonly access_control?: unknown;
  readonly definitions?: unknown;
  readonly trusted_proxies?: readonly string[];
  readonly allow_http?: readonly string[];
  readonly ambiguous_paths?: 'refuse' | 'clean' | { readonly clean: readonly string[] };
  readonly realm?: string;
  /** Names of headers with their templates; default Authelia's. */
  readonly identity_headers?: Readonly<Record<string, string>>;
  /** What refusals look like; default what suits whoever answers. */
  readonly denial?: DenialMode;
  /** What of this some hosts have for themselves. */
  readonly domains?: unknown;
  /** The case of `A`-`Z` in the user names of credentials counts for nothing; from `search.case_insensitive`. */
  readonly fold_names?: boolean;
  /** In which ways API tokens are taken besides Basic passwords. */
  readonly tokens?: { readonly bearer?: boolean; readonly header?: string };
  /** Where people sign in, the longest domain first; from `session.cookies`. No part of what a policy is known by. */
  readonly sign_in?: readonly SignIn[];
}

/** One of the domains whose hosts share a cookie. */
export interface SignIn {
  readonly domain: string;
  /** `signInAddress`; empty for nowhere. */
  readonly address: string;
  /** Name of the cookie that carries sessions, with `__Secure-` in front; none where there are no sessions. */
  readonly cookie?: string;
}

export type Compiled =
  | { readonly ok: true; readonly image: Uint8Array; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * The decision engine, the same code as the guest's. There is no second
 * implementation of any of this in TypeScript.
 */
/** Headers that tell a backend who asks. */
export interface Identity {
  /** Values hold one byte a character (latin1), as node writes them. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** What of the principal cannot be told in a header and is left out. */
  readonly leftOut: readonly ('group' | 'display name' | 'mail address')[];
}

export interface Engine {
  compile(document: PolicyDocument): Compiled;
  /** Makes a compiled policy the one that decides. */
  load(image: Uint8Array): void;
  decide(target: Target, proof: Proof): Decision;
  /** `values`: each value of the header as received, bytes as latin1 (node's `rawHeaders`). The name is folded where the policy says so. */
  parseAuthorization(values: readonly string[]): Authorization;
  /**
   * What the backend of a host (as received) is told of a principal: all of the
   * host's headers, empty for nobody. Undefined where the principal's name cannot
   * be told, for another name would be another user. `own`: what the endpoint that
   * is asked sends (`compileIdentity`) where `domains` do not say otherwise.
   */
  identity(host: string, principal: Principal | undefined, own?: Uint8Array): Identity | undefined;
  /** Names and templates for `identity`. */
  compileIdentity(templates: Readonly<Record<string, string>>): Uint8Array;
  /** Name of the header that carries API tokens, in lower case; undefined where the policy names none. */
  tokenHeader(): string | undefined;
  /** `values`: each value of that header, bytes as latin1. */
  parseToken(values: readonly string[]): TokenHeader;
  /** `lines`: each value of `Cookie` as received, bytes as latin1; `host` as received. */
  sessionCookie(host: string, lines: readonly string[]): SessionCookie;
  /** The same lines without any session's cookie, of whichever domain; empty lines are gone. */
  withoutSessionCookies(lines: readonly string[]): readonly string[];
  /** Addresses and CIDRs as a grant's claims carry them; undefined when one of them is none. */
  compileNetworks(networks: readonly string[]): Uint8Array | undefined;
  /** Whether the address lies in networks that `compileNetworks` gave; one that cannot be told lies in none. */
  inNetworks(networks: Uint8Array, client: string): boolean;
  /** The words for a refusal, the guest's own. */
  deny(refusal: Refusal): Refused;
  /** Whether forwarding headers from this socket address count (`trusted_proxies`). */
  isTrustedProxy(address: string): boolean;
  /** Client address from the socket peer or, behind trusted proxies, from the right of `X-Forwarded-For`; empty when it cannot be told. */
  clientAddress(peer: string, forwardedFor: string | undefined): string;
}

/** For people who ask why; beside `Engine`, as the service never does. */
export interface Explainer {
  /** What `decide` answers, and which criteria of every rule hold. */
  explain(target: Target, proof: Proof): Explanation;
}
