import { GRANT_MAX_LIFETIME_MS, GRANT_TAG_LENGTH, RECORD_NONCE_LENGTH } from '../../assembly/contract.ts';
import type { Clock } from '../clock.ts';
import { fileError } from '../log/file-error.ts';
import type { Logger } from '../log/logger.ts';
import { rateLimited } from '../log/rate-limit.ts';
import { encodeClaims } from '../policy/claims.ts';
import type { Account, Directory } from '../users/directory.ts';
import { type GrantKeys, grantTag, userTag } from './keys.ts';
import type { WrittenGrant } from './known-grants.ts';
import { sameEpoch } from './same-epoch.ts';
import { claimsCapacity, sealRecord } from './seal.ts';
import type { TableWriter } from './table-writer.ts';

/** The table that is written to at the moment, undefined while there is none. */
export interface TableSource {
  current(): { readonly writer: TableWriter; readonly id: Uint8Array } | undefined;
}

export type IssueResult = 'written' | 'oversized' | 'no-table' | 'write-error';

export interface IssuerDeps {
  readonly keys: GrantKeys;
  readonly directory: Directory;
  readonly tables: TableSource;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  readonly onResult: (result: IssueResult) => void;
  readonly onWritten?: (grant: WrittenGrant) => void;
  /** What stands in a record for the account's epoch. Default: that itself. */
  readonly recordEpoch?: (account: Uint8Array) => Uint8Array;
  /** Read for each grant: it may change. */
  readonly lifetimeSeconds: number;
  readonly slotSize: number;
}

/** A credential that was just found good. */
export interface Verified {
  readonly username: string;
  /** Finds the account anew. Default: the directory's user. */
  readonly find?: () => Account | undefined;
  /** The account's epoch as it was read before the verification began. */
  readonly epoch: Uint8Array;
  /** When the credential ends by itself, milliseconds since 1970; undefined for never. */
  readonly notAfter?: number;
  readonly kind: number;
  readonly level: 1 | 2;
  /** Cookie's domain, else empty. */
  readonly scope: Uint8Array;
  readonly credential: Uint8Array;
  /**
   * After how much of its life, both in milliseconds, guests ask the host about the
   * credential although they know it. Default: never.
   */
  readonly refreshAfter?: (life: number) => number;
  /** The backend's own `Authorization`, where one is needed. */
  readonly authorization?: string;
  /** Whether it counts from this address, beside what the account says. Default: from any. */
  readonly mayAskFrom?: (client: string) => boolean;
}

/** The scope of everything but cookies. */
export const NO_SCOPE = new Uint8Array(0);

/** How many user names are remembered as warned about; beyond that the memory starts anew. */
const MAX_WARNED = 1_000;

/** Turns verified credentials into records of the grant table. */
export class Issuer {
  readonly #deps: IssuerDeps;
  readonly #warned = new Set<string>();
  /** For a full disk: each login would say it again. */
  readonly #limitedLog: Logger;

  constructor(deps: IssuerDeps) {
    this.#deps = deps;
    this.#limitedLog = rateLimited(deps.log, deps.clock);
  }

  /**
   * Compares the user with what it was before the verification and writes the
   * grant, in one synchronous step: a revocation lies before it, and is seen,
   * or behind it, and zeroes the record. Answers the account as it is now,
   * undefined when the credential is no good any more.
   */
  issue(verified: Verified): Account | undefined {
    const { directory, clock } = this.#deps;
    const { username } = verified;
    // Remembered with the grant, so it must not hold the credential.
    const find = verified.find ?? (() => directory.find(username));
    const user = find();
    if (user === undefined || user.disabled || !sameEpoch(user.epoch, verified.epoch)) return undefined;
    if (verified.notAfter !== undefined && verified.notAfter <= clock.now()) return undefined;
    this.#deps.onResult(this.#write(user, { ...verified, find }));
    return user;
  }

  #write(user: Account, verified: WrittenGrant['verified']): IssueResult {
    const { kind, level, scope, credential, notAfter, refreshAfter } = verified;
    const { keys, clock, random, slotSize, tables } = this.#deps;
    const table = tables.current();
    if (table === undefined) return 'no-table';
    const claims = encodeClaims(user.principal, verified.authorization ?? '', user.networks);
    if (claims === undefined || claims.length > claimsCapacity(slotSize)) {
      this.#warnOversized(user, claims?.length);
      return 'oversized';
    }
    const t = grantTag(keys, kind, scope, credential);
    const issued = clock.now();
    const lifetime = Math.min(this.#deps.lifetimeSeconds * 1_000, GRANT_MAX_LIFETIME_MS);
    const expiry = Math.min(issued + lifetime, notAfter ?? Number.POSITIVE_INFINITY);
    const header = {
      tag: t.subarray(0, GRANT_TAG_LENGTH),
      userTag: userTag(keys, user.principal.username),
      epoch: this.#deps.recordEpoch?.(user.epoch) ?? user.epoch,
      kind,
      level,
      issued,
      expiry,
      // 0 would be never.
      ...(refreshAfter && { refresh: Math.max(1, Math.floor(refreshAfter(expiry - issued))) }),
    };
    const record = sealRecord(keys.record, table.id, t, header, random(RECORD_NONCE_LENGTH), claims);
    try {
      table.writer.put(header, record, issued);
    } catch (error) {
      this.#limitedLog.error(
        'grants cannot be written: whoever has none yet is verified anew at each request',
        fileError(error),
      );
      return 'write-error';
    }
    this.#deps.onWritten?.({ verified, account: user, header, writer: table.writer });
    return 'written';
  }

  #warnOversized(user: Account, length: number | undefined): void {
    const { username } = user.principal;
    if (this.#warned.has(username)) return;
    if (this.#warned.size >= MAX_WARNED) this.#warned.clear();
    this.#warned.add(username);
    const { log, slotSize } = this.#deps;
    log.warn(
      'names and groups of this user do not fit a grant, so the host is asked for each of its requests: raise grants.slot_size',
      { user: username, limit: claimsCapacity(slotSize), ...(length === undefined ? {} : { bytes: length }) },
    );
  }
}
