import { createHash } from 'node:crypto';
import type { Principal } from '../policy/engine.ts';
import type { Account } from '../users/directory.ts';

/** The one in use and the one that takes its place: more would be keys that nobody looks after. */
export const MAX_SECRETS = 2;

/** One secret of a token, as its file keeps it. */
export interface TokenSecret {
  /** Tells the secrets of one token apart; no part of the secret. */
  readonly id: string;
  /** As `TokenDigests` writes it. */
  readonly digest: string;
  /** Milliseconds since 1970, undefined when the file does not say. */
  readonly created: number | undefined;
  /** The end of a rotation's overlap; undefined for as long as the token. */
  readonly expires: number | undefined;
}

/** A service account: a principal that is no person, proved by an API token. */
export interface ServiceAccount extends Account {
  /** Who answers for it. */
  readonly owner: string;
  readonly description: string;
  readonly created: number | undefined;
  /** Milliseconds since 1970, undefined for never. */
  readonly expires: number | undefined;
  /** As written; `networks` is what the engine made of them. Empty for anywhere. */
  readonly networkNames: readonly string[];
  readonly secrets: readonly TokenSecret[];
}

const EPOCH_LENGTH = 16;

/**
 * 16 bytes of SHA-256 over everything that decides what a grant of this account
 * says and how long it may live, each part behind its length. Another label
 * than a user's, so that no user's grant is ever taken for a token's.
 */
export function tokenEpoch(account: {
  readonly principal: Principal;
  readonly disabled: boolean;
  readonly expires: number | undefined;
  readonly networks: Uint8Array | undefined;
  readonly secrets: readonly TokenSecret[];
}): Uint8Array {
  const hash = createHash('sha256');
  const part = (value: string | Uint8Array) => {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    hash.update(length).update(bytes);
  };
  const { principal, disabled, expires, networks, secrets } = account;
  part('postern/1/token-epoch');
  part(principal.username);
  part(principal.displayName);
  part(principal.email);
  part(disabled ? 'disabled' : 'enabled');
  part(String(expires ?? 'never'));
  part(networks === undefined ? 'anywhere' : 'networks');
  part(networks ?? new Uint8Array(0));
  part(String(secrets.length));
  for (const secret of secrets) {
    part(secret.digest);
    part(String(secret.expires ?? 'never'));
  }
  // Order is part of what a backend is told.
  for (const group of principal.groups) part(group);
  return new Uint8Array(hash.digest().subarray(0, EPOCH_LENGTH));
}

/** When this secret ends: with its overlap or with the token, undefined for never. */
export function endOf(account: ServiceAccount, secret: TokenSecret): number | undefined {
  if (account.expires === undefined) return secret.expires;
  return secret.expires === undefined ? account.expires : Math.min(account.expires, secret.expires);
}

export type TokenState = 'active' | 'disabled' | 'expired';

/** Whether any of its secrets is accepted at `now`. */
export function stateOf(account: ServiceAccount, now: number): TokenState {
  if (account.disabled) return 'disabled';
  const alive = account.secrets.some(secret => (endOf(account, secret) ?? Number.POSITIVE_INFINITY) > now);
  return alive ? 'active' : 'expired';
}
