import type { PolicyDocument } from '../policy/engine.ts';

/** The configuration after parsing: complete, checked, in the program's own units. */
export interface Config {
  /** The YAML file it came from. */
  readonly file: string;
  readonly server: {
    /** `tcp://:9091` in Authelia's form, taken apart. Default 127.0.0.1:9091. */
    readonly host: string;
    readonly port: number;
  };
  readonly log: { readonly level: 'error' | 'warn' | 'info' | 'debug'; readonly format: 'text' | 'json' };
  readonly usersFile: string;
  readonly guest: {
    /** Guest directory, best on tmpfs. Default /run/postern. */
    readonly directory: string;
    readonly offlineGraceSeconds: number;
  };
  readonly grants: {
    readonly lifetimeSeconds: number;
    readonly slotSize: number;
    readonly slots: number;
  };
  /** What the engine compiles: rules, networks, trusted proxies. */
  readonly policy: PolicyDocument;
  /** Root secret, 32 bytes. */
  readonly secret: Uint8Array;
  /** Opens and verifies, never seals. */
  readonly previousSecret: Uint8Array | undefined;
}
