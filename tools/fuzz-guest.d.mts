import type * as grantKeys from '../host/grant/keys.ts';
import type * as seal from '../host/grant/seal.ts';
import type * as claims from '../host/policy/claims.ts';
import type * as loadEngine from '../host/policy/load-engine.ts';
import type * as guestPool from '../host/proxy/guest-pool.ts';
import type * as derive from '../host/secret/derive.ts';
import type * as secret from '../host/secret/secret.ts';
import type * as snapshotFile from '../host/snapshot/snapshot-file.ts';
import type * as statePage from '../host/snapshot/state-page.ts';

/** The host's own writers and the pool. */
export type HostModules = Pick<typeof guestPool, 'createGuestPool'> &
  Pick<typeof grantKeys, 'deriveGrantKeys' | 'grantTag' | 'userTag'> &
  Pick<typeof seal, 'sealRecord'> &
  Pick<typeof claims, 'encodeClaims'> &
  Pick<typeof loadEngine, 'loadEngine'> &
  Pick<typeof derive, 'deriveGuestKey' | 'deriveKey' | 'verdictTag'> &
  Pick<typeof secret, 'formatGuestKey'> &
  Pick<typeof snapshotFile, 'encodeSnapshot'> &
  Pick<typeof statePage, 'encodeStatePage'>;

export interface GuestFuzzOptions {
  readonly host: HostModules;
  /** Bytes of `dist/plugin.wasm`. */
  readonly wasm: Uint8Array;
  /** Path of `dist/embed.wasm`, which compiles the policy. */
  readonly engineFile: string;
  /** Ends at whichever comes first; without both it never ends. */
  readonly seconds?: number;
  readonly inputs?: number;
  /** Of the first world; the next have the following numbers. */
  readonly seed: number;
  /** Called with each finding, seed and request included. */
  readonly report: (line: string) => void;
}

export interface GuestFuzzResult {
  requests: number;
  configurations: number;
  worlds: number;
  findings: number;
  /** How often each came: `allow`, `defer` and the statuses. */
  outcomes: Record<string, number>;
}

export declare const WORLD_REQUESTS: number;
export declare function fuzzGuest(options: GuestFuzzOptions): GuestFuzzResult;
export declare function describeGuestRun(result: GuestFuzzResult): string;
