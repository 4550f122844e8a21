import type { PolicyDocument } from '../policy/engine.ts';

/** Authelia's `authentication_backend.file.search`. */
export interface UserSearch {
  /** In any case of `A`-`Z`; user names are in lower case then. */
  readonly caseInsensitive: boolean;
  /** Also by mail address, in any case of `A`-`Z`. */
  readonly email: boolean;
}

/** Authelia's names (`server.endpoints.authz.*.authn_strategies[].name`). */
export type StrategyName =
  | 'CookieSession'
  | 'HeaderAuthorization'
  | 'HeaderProxyAuthorization'
  | 'HeaderAuthRequestProxyAuthorization'
  | 'HeaderLegacy';

/** One of `server.endpoints.authz`. */
export interface EndpointConfig {
  readonly name: string;
  /** Below `server.address`'s path; `/api/authz/` and the name unless configured. */
  readonly path: string;
  readonly implementation: 'ForwardAuth' | 'AuthRequest' | 'ExtAuthz' | 'Legacy';
  /** Undefined for those of the implementation. */
  readonly strategies?: readonly {
    readonly name: StrategyName;
    /** In lower case; undefined for every scheme. */
    readonly schemes?: readonly string[];
  }[];
}

/** One of `session.cookies`. */
export interface CookieConfig {
  /** Lower case, without a dot in front. */
  readonly domain: string;
  /** `authelia_url`: where people sign in. */
  readonly signInUrl?: string | undefined;
  /** Where they land who came from nowhere. */
  readonly defaultRedirectionUrl?: string | undefined;
}

export interface TokensSetup {
  /** Written by `postern token`. */
  readonly file: string;
  /** When each token was used last; written by the host. */
  readonly usageFile: string;
}

/** What commands beside `serve` need to know: everything but the users. */
export interface Setup {
  /** The YAML file it came from, undefined when everything came from the environment. */
  readonly file: string | undefined;
  readonly server: {
    /** `tcp://:9091` in Authelia's form, taken apart. Default 127.0.0.1:9091; an empty host is every interface. */
    readonly host: string;
    readonly port: number;
    /** Instead of host and port: `unix:///run/postern.sock?umask=0007`. */
    readonly socket?: { readonly path: string; readonly umask?: number | undefined } | undefined;
    /** Everything is served below this path, too: `/authelia`. Empty without one. */
    readonly prefix?: string;
    /** Files in PEM; undefined for plain HTTP. */
    readonly tls?: { readonly certificate: string; readonly key: string } | undefined;
    /** Undefined for the default endpoints. */
    readonly endpoints?: readonly EndpointConfig[] | undefined;
  };
  /** Domains whose visitors can be sent to a portal; none without `session`. */
  readonly cookies?: readonly CookieConfig[];
  readonly log: { readonly level: 'error' | 'warn' | 'info' | 'debug'; readonly format: 'text' | 'json' };
  readonly guest: {
    /** Guest directory, best on tmpfs. Default /run/postern. */
    readonly directory: string;
    readonly offlineGraceSeconds: number;
  };
  readonly grants: {
    readonly lifetimeSeconds: number;
    readonly slotSize: number;
    /** A multiple of GRANT_WAYS. */
    readonly slots: number;
  };
  /** API tokens of service accounts; undefined without `tokens.file`. */
  readonly tokens?: TokensSetup | undefined;
  /** What the engine compiles: rules, networks, trusted proxies. */
  readonly policy: PolicyDocument;
  /** Root secret, 32 bytes. */
  readonly secret: Uint8Array;
  /** Opens and verifies, never seals. */
  readonly previousSecret: Uint8Array | undefined;
}

/** The configuration after parsing: complete, checked, in the program's own units. */
export interface Config extends Setup {
  readonly file: string;
  readonly usersFile: string;
  /** How users are found by what they type. */
  readonly usersSearch: UserSearch;
  /** Follow changes of the users file (Authelia's `watch`; here the default is to follow). */
  readonly usersWatch: boolean;
}
