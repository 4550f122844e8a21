import type { PolicyDocument } from '../policy/engine.ts';

/** Authelia's `authentication_backend.file.search`. */
export interface UserSearch {
  /** In any case of `A`-`Z`; user names are in lower case then. */
  readonly caseInsensitive: boolean;
  /** Also by mail address, in any case of `A`-`Z`. */
  readonly email: boolean;
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
  };
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
