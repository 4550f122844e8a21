import type { PolicyDocument } from '../policy/engine.ts';
import type { IdentityProof } from './identity-proof.ts';
import type { NotifierSetup } from './notifier.ts';
import type { PasswordPolicy } from './password-policy.ts';
import type { RegulationSetup } from './regulation.ts';
import type { TotpSetup } from './totp.ts';

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
  /** Whether refusals are Authelia's or suit the client; undefined for what its name asks for. */
  readonly denial?: 'authelia' | 'adaptive';
  /** Undefined for those of the implementation. */
  readonly strategies?: readonly {
    readonly name: StrategyName;
    /** In lower case; undefined for every scheme. */
    readonly schemes?: readonly string[];
  }[];
}

/** How long people stay signed in, and by which cookie. */
export interface SessionConfig {
  /** With `__Secure-` in front. */
  readonly cookieName: string;
  readonly sameSite: 'lax' | 'strict' | 'none';
  /** From its beginning to its end, without "remember me". */
  readonly expirationSeconds: number;
  /** Without a request for so long it ends; 0 is never. Not for sessions that are remembered. */
  readonly inactivitySeconds: number;
  /** From its beginning to its end, with "remember me"; 0 when that is not offered. */
  readonly rememberMeSeconds: number;
}

/** One of `session.cookies`. */
export interface CookieConfig {
  /** Lower case, without a dot in front. */
  readonly domain: string;
  /** `authelia_url`: where people sign in. */
  readonly signInUrl?: string | undefined;
  /** Where they land who came from nowhere. */
  readonly defaultRedirectionUrl?: string | undefined;
  /** The portal lies below another domain of `session.cookies`, whose cookie does not reach this one. */
  readonly isHandoff?: boolean;
  /** Means something only together with `Setup.storage`. */
  readonly session: SessionConfig;
}

export interface TokensSetup {
  /** Written by `postern token`. */
  readonly file: string;
  /** When each token was used last; written by the host. */
  readonly usageFile: string;
}

/** How Elasticsearch is reached, and as whom. */
export interface ElasticAccess {
  /** Addresses without credentials, at least one. */
  readonly hosts: readonly string[];
  readonly credentials:
    | { readonly apiKey: string }
    | { readonly username: string; readonly password: string };
  /** In PEM, read. */
  readonly tls: { readonly ca?: Uint8Array; readonly cert?: Uint8Array; readonly key?: Uint8Array };
}

/** Who is given which roles. */
export interface ElasticRoles {
  readonly groupMappings: readonly (readonly [group: string, roles: readonly string[]])[];
  readonly defaultRoles: readonly string[];
}

/** The endpoint that takes elastauth's place. */
export interface DropInSetup {
  readonly host: string;
  readonly port: number;
  /** Addresses and networks that may say who somebody is. */
  readonly peers: readonly string[];
  /** The same for who may read `/config`. */
  readonly configPeers: readonly string[];
  /** Names of the headers that say it. */
  readonly headers: {
    readonly username: string;
    readonly groups: string;
    readonly email: string;
    readonly name: string;
  };
}

/** The section `elasticsearch`, with `default_roles` and `group_mappings`. */
export interface ElasticSetup {
  /** Undefined only in a dry run. */
  readonly access: ElasticAccess | undefined;
  readonly dryRun: boolean;
  readonly roles: ElasticRoles;
  /** Groups that users may have; undefined for any. */
  readonly groupWhitelist: readonly string[] | undefined;
  /** How old a derived password becomes; undefined for any age. */
  readonly passwordSeconds: number | undefined;
  readonly syncSeconds: number;
  /** Undefined until its peers are named. */
  readonly dropIn: DropInSetup | undefined;
}

/** A server like Redis, and how to reach it. */
export interface RedisSetup {
  readonly mode: 'single' | 'sentinel' | 'cluster';
  /** The server, the sentinels, or some of the cluster's nodes; none with a socket. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** Path of a Unix socket. */
  readonly socket?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** 0 in a cluster. */
  readonly database: number;
  /** PEM, read. Certificates are always checked. */
  readonly tls?:
    | {
        /** Name in the server's certificate; default is the host. */
        readonly serverName?: string | undefined;
        /** Default are the system's authorities. */
        readonly ca?: Uint8Array | undefined;
        readonly certificate?: string | undefined;
        readonly key?: string | undefined;
        readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
      }
    | undefined;
  readonly sentinel?:
    | {
        readonly name: string;
        readonly username?: string | undefined;
        readonly password?: string | undefined;
      }
    | undefined;
}

/** The section `cache`: what hosts share, and where. */
export interface CacheSetup {
  /** How long it is remembered that a user of Elasticsearch is as it should be. */
  readonly expirationSeconds: number;
  /** That time begins anew with each use. */
  readonly extend: boolean;
  /** Begins every name in Redis. */
  readonly prefix: string;
  /** Undefined: in this host's memory. */
  readonly redis: RedisSetup | undefined;
}

/** Where what must last is kept. */
export type StorageSetup =
  | {
      readonly kind: 'sqlite';
      /** Its file; what SQLite puts beside it has the same name with `-wal` and `-shm` behind. */
      readonly path: string;
    }
  | {
      readonly kind: 'postgres';
      readonly host: string;
      readonly port: number;
      readonly database: string;
      readonly schema: string;
      readonly username: string;
      readonly password: string | undefined;
      /** For a connection; undefined for the store's own limit. Authelia's `storage.postgres.timeout`. */
      readonly connectSeconds?: number | undefined;
      /** PEM, read. Certificates are always checked. */
      readonly tls?:
        | {
            readonly ca?: Uint8Array | undefined;
            readonly serverName?: string | undefined;
            readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
            readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
          }
        | undefined;
    };

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
  /** Where sessions are kept; without it there are none here, and the portal is somebody else's. */
  readonly storage?: StorageSetup | undefined;
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
  /** Users of Elasticsearch; undefined without `elasticsearch.hosts`. */
  readonly elasticsearch?: ElasticSetup | undefined;
  /** Undefined is memory, with what is said nothing about. */
  readonly cache?: CacheSetup | undefined;
  /** Time-based codes; undefined when they are switched off. */
  readonly totp?: TotpSetup | undefined;
  /** Undefined: nobody is banned for failed attempts. */
  readonly regulation?: RegulationSetup | undefined;
  /** How people are sent one-time codes; undefined without `notifier`. */
  readonly notifier?: NotifierSetup | undefined;
  readonly identityProof?: IdentityProof | undefined;
  /** Undefined where any password may be set. */
  readonly passwordPolicy?: PasswordPolicy | undefined;
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
