import { hash } from 'node:crypto';
import { KEY_LENGTH } from '../../assembly/contract.ts';
import type { Clock } from '../clock.ts';
import type { Proof } from '../policy/engine.ts';
import type { Account } from '../users/directory.ts';
import type { TableSource, Verified } from './issuer.ts';
import { sameEpoch } from './same-epoch.ts';
import type { RecordHeader } from './seal.ts';
import type { TableWriter } from './table-writer.ts';

export interface KnownGrantsDeps {
  readonly tables: TableSource;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  /** How many are remembered: as many as the table has slots. */
  readonly limit: number;
}

/** A grant that this host has written. */
export interface WrittenGrant {
  readonly verified: Verified & { readonly find: () => Account | undefined };
  readonly account: Account;
  readonly header: RecordHeader;
  readonly writer: TableWriter;
}

/** A credential as it enters T, in text. */
export interface Credential {
  readonly kind: number;
  /** Domain of a cookie, else empty. */
  readonly scope: string;
  readonly text: string;
}

/** A grant without its credential, which must not stay readable in memory. */
interface Known extends Pick<Verified, 'epoch' | 'level' | 'mayAskFrom'> {
  readonly find: () => Account | undefined;
  readonly header: RecordHeader;
  readonly writer: TableWriter;
  /** MAC of the backend's `Authorization` in it, empty without one. */
  readonly backend: string;
  /** As it was read last. */
  account: Account;
  proof: Proof;
}

/**
 * The grants that this host has written itself, for proxies without a guest:
 * whoever was verified once is not verified again while the record lies in the
 * table. What revokes a record ends what is remembered of it, as nothing is
 * believed without looking for it there, and the account is compared with what
 * it is now. Records of an earlier run count for nothing here: nothing that a
 * guest key opens proves to the host who somebody is (RATIONALE.md).
 */
export class KnownGrants {
  readonly #deps: KnownGrantsDeps;
  /** By the credential's MAC under a key of this process: no credential stays readable, nor guessable from outside. */
  readonly #known = new Map<string, Known>();
  readonly #key: Buffer;
  /** The same in hexadecimal, in front of what is hashed. */
  readonly #prefix: string;

  constructor(deps: KnownGrantsDeps) {
    this.#deps = deps;
    this.#prefix = Buffer.from(deps.random(KEY_LENGTH)).toString('hex');
    this.#key = Buffer.from(this.#prefix, 'latin1');
  }

  get size(): number {
    return this.#known.size;
  }

  remember({ verified, account, header, writer }: WrittenGrant): void {
    const { epoch, level, mayAskFrom, find, authorization } = verified;
    const head = headOf(verified.kind, Buffer.from(verified.scope).toString('latin1'));
    const name = hash('sha256', Buffer.concat([this.#key, Buffer.from(head), verified.credential]), 'binary');
    // The newest last, so that the first to go is the one that was written first.
    this.#known.delete(name);
    const proof = proofOf(account, level);
    this.#known.set(name, {
      epoch,
      level,
      find,
      header,
      writer,
      backend: authorization === undefined ? '' : this.#macOf(authorization),
      account,
      proof,
      ...(mayAskFrom && { mayAskFrom }),
    });
    if (this.#known.size <= this.#deps.limit) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      break;
    }
  }

  /**
   * What a credential proves, undefined when it has to be verified.
   *
   * @param client the address it comes from in canonical text, empty when it cannot be told
   * @param isAway nobody can be asked: also past the time to ask anew
   */
  find({ kind, scope, text }: Credential, client: string, isAway = false): Proof | undefined {
    const known = this.#live(kind, scope, text, client);
    return known === undefined || (!isAway && this.#isToBeAsked(known)) ? undefined : known.proof;
  }

  /**
   * What `Issuer.issue` needs to write a grant anew, with the backend's
   * `Authorization` in it and no longer than it is good. Undefined when it has that
   * already, or has to be verified first. Parameters as of `find`.
   */
  withBackend(
    { kind, scope, text }: Credential,
    client: string,
    authorization: string,
  ): Verified | undefined {
    const known = this.#live(kind, scope, text, client);
    if (known === undefined || known.backend === this.#macOf(authorization)) return undefined;
    const { account, find, epoch, level, header, mayAskFrom } = known;
    const { refresh = 0, issued } = header;
    return {
      username: account.principal.username,
      find,
      epoch,
      level,
      kind,
      notAfter: header.expiry,
      scope: Buffer.from(scope, 'latin1'),
      credential: Buffer.from(text, 'utf8'),
      authorization,
      ...(mayAskFrom && { mayAskFrom }),
      // At the time that was meant.
      ...(refresh > 0 && { refreshAfter: () => issued + refresh - this.#deps.clock.now() }),
    };
  }

  #macOf(text: string): string {
    return hash('sha256', this.#prefix + text, 'binary');
  }

  #isToBeAsked({ header: { refresh = 0, issued } }: Known): boolean {
    return refresh > 0 && this.#deps.clock.now() >= issued + refresh;
  }

  #live(kind: number, scope: string, credential: string, client: string): Known | undefined {
    if (this.#known.size === 0) return undefined;
    const name = this.#macOf(headOf(kind, scope) + credential);
    const known = this.#known.get(name);
    if (known === undefined) return undefined;
    const account = this.#accountOf(known);
    if (account === undefined) {
      this.#known.delete(name);
      return undefined;
    }
    if (known.mayAskFrom?.(client) === false) return undefined;
    if (account !== known.account) {
      // Read anew, with the same content.
      known.account = account;
      known.proof = proofOf(account, known.level);
    }
    return known;
  }

  /** The account as it is now, undefined when the grant is no good any more. */
  #accountOf({ find, epoch, account, header, writer }: Known): Account | undefined {
    const { tables, clock } = this.#deps;
    if (tables.current()?.writer !== writer || !writer.isLive(header, clock.now())) return undefined;
    const now = find();
    if (now === undefined || now.disabled) return undefined;
    return now === account || sameEpoch(now.epoch, epoch) ? now : undefined;
  }
}

function proofOf({ principal }: Account, level: 1 | 2): Proof {
  return { kind: 'proved', principal, level };
}

/** With the scope's length, so that nothing of it runs into the credential. */
function headOf(kind: number, scope: string): string {
  return String.fromCharCode(kind, scope.length) + scope;
}
