import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  GRANTS_FILE_PREFIX,
  HEARTBEAT_MS,
  ID_LENGTH,
  POLICY_FILE_PREFIX,
  STATE_FILE,
} from '../../assembly/contract.ts';
import type { Clock } from '../clock.ts';
import type { RecordHeader } from '../grant/seal.ts';
import { type Geometry, TableWriter } from '../grant/table-writer.ts';
import type { Logger } from '../log/logger.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { removeLater, removeStrangers } from './leftovers.ts';
import { encodeSnapshot } from './snapshot-file.ts';
import { decodeStatePage, encodeStatePage, type StatePage } from './state-page.ts';

/** Each beat sweeps this part of the table: expired slots are zeroed within a minute. */
const SWEEP_BEATS = 60;

export interface PublisherDeps {
  readonly directory: string;
  readonly keys: { readonly state: Uint8Array; readonly snapshot: Uint8Array };
  readonly geometry: Geometry;
  readonly offlineGraceSeconds: number;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  /** Whether the directory's lock is still ours; asked before each beat. */
  readonly mayWrite: () => boolean;
}

export interface CurrentTable {
  readonly writer: TableWriter;
  readonly id: Uint8Array;
}

/**
 * Writes the guest directory: policy snapshots, the grant table's file and the
 * state page that names both. All of it is synchronous, so a revocation is
 * out when the call returns. Whoever calls holds the directory's lock.
 */
export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #bootId: Uint8Array;
  #table: CurrentTable | undefined;
  #tableId: Uint8Array;
  #snapshotId: Uint8Array | undefined;
  #sequence = 1;
  #notBefore = 0;
  #writtenAt: number | undefined;
  /** Between `start` and `stop`; only then the page is written. */
  #running = false;
  #failing = false;
  #cancelBeat: (() => void) | undefined;
  #cancelRemovals: (() => void)[] = [];

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
    this.#bootId = deps.random(ID_LENGTH);
    this.#tableId = deps.random(ID_LENGTH);
  }

  /**
   * Takes over what an earlier host left, as far as it is ours, and writes the
   * policy; nothing is published yet. `keep` says which of the old records are
   * still good.
   */
  open(image: Uint8Array, keep: (header: RecordHeader) => boolean): void {
    const page = this.#readPage();
    if (page !== undefined) {
      this.#sequence = page.sequence + 1;
      this.#notBefore = page.notBefore;
      this.#reuseTable(page, keep);
    }
    if (this.#table === undefined) this.#createTable();
    this.#writePolicy(image);
  }

  /** Publishes, and from now on every second. */
  start(): void {
    this.#running = true;
    this.#publish();
    this.#cancelRemovals.push(removeStrangers(this.#deps, this.#named()));
    this.#scheduleBeat();
  }

  /** The table that takes grants, undefined while there is none. */
  current(): CurrentTable | undefined {
    return this.#table;
  }

  /** When the page was last written, undefined before that. */
  writtenAt(): number | undefined {
    return this.#writtenAt;
  }

  publishPolicy(image: Uint8Array): void {
    const old = this.#snapshotId;
    this.#writePolicy(image);
    // An older page, brought back, would name an older policy: guests know it by this.
    this.#sequence++;
    this.#publish();
    if (old !== undefined) this.#removeLater(POLICY_FILE_PREFIX, old);
  }

  /** Zeroes the users' records and says so to every instance; answers how many there were. */
  revoke(userTags: readonly Uint8Array[]): number {
    if (!this.#deps.mayWrite()) return 0;
    let count = 0;
    this.#checkTable();
    try {
      for (const tag of userTags) count += this.#table?.writer.revokeUser(tag) ?? 0;
    } catch (error) {
      this.#deps.log.error('grants could not be zeroed: all of them are void now', { error: String(error) });
      this.#replaceTable();
    }
    this.#sequence++;
    if (!this.#publish()) this.#withdraw();
    return count;
  }

  /** Stops writing. `stopped`: the last page says so; otherwise (the lock is lost) nothing is touched any more. */
  stop(last: 'stopped' | 'silent'): void {
    this.#cancelBeat?.();
    this.#cancelBeat = undefined;
    for (const cancel of this.#cancelRemovals.splice(0)) cancel();
    if (last === 'stopped') this.#publish(true);
    this.#running = false;
    this.#table?.writer.close();
    this.#table = undefined;
  }

  #scheduleBeat(): void {
    this.#cancelBeat = this.#deps.clock.after(HEARTBEAT_MS, () => {
      if (!this.#deps.mayWrite()) return;
      this.#scheduleBeat();
      if (this.#table === undefined) this.#createTable();
      // While not even the page can be written there is no use in another table.
      if (this.#publish() && !this.#checkTable()) this.#publish();
      this.#sweep();
    });
  }

  #sweep(): void {
    const { clock, geometry, log } = this.#deps;
    try {
      this.#table?.writer.sweep(clock.now(), Math.ceil(geometry.slots / SWEEP_BEATS));
    } catch (error) {
      log.error('expired grants could not be zeroed', { error: String(error) });
    }
  }

  /** False when it failed. One failure is told once; the next beat tries again. */
  #publish(stopped = false): boolean {
    if (!this.#running) return true;
    const { clock, geometry, keys, offlineGraceSeconds, random, log, directory } = this.#deps;
    const now = clock.now();
    const page: StatePage = {
      bootId: this.#bootId,
      wallTime: now,
      sequence: this.#sequence,
      notBefore: this.#notBefore,
      // There is no shared store: what this host knows is as fresh as its page.
      storeContact: now,
      tableId: this.#tableId,
      snapshotId: this.#snapshotId ?? new Uint8Array(ID_LENGTH),
      slotSize: geometry.slotSize,
      slotCount: geometry.slots,
      stopped,
      offlineGraceSeconds,
    };
    try {
      writeFileAtomically(join(directory, STATE_FILE), encodeStatePage(page, keys.state), hex(random(8)));
      this.#writtenAt = now;
      if (this.#failing) log.info('state page written again');
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) {
        log.error('state page cannot be written, trying again: guests take the host for gone', {
          directory,
          error: String(error),
        });
      }
      this.#failing = true;
    }
    return !this.#failing;
  }

  /**
   * For a revocation that cannot be published: without a page guests believe no
   * grant, so none that an instance remembers outlives it. The space that the
   * old page gives back may do for a new one.
   */
  #withdraw(): void {
    try {
      rmSync(join(this.#deps.directory, STATE_FILE), { force: true });
    } catch (error) {
      this.#deps.log.error('a revocation could not be published: guests may use a revoked grant', {
        error: String(error),
      });
      return;
    }
    this.#publish();
  }

  /** What somebody else did to the table's file must not stand between a revocation and the guests: false when a new table took its place. */
  #checkTable(): boolean {
    if (this.#table?.writer.isIntact(this.#path(GRANTS_FILE_PREFIX, this.#tableId)) !== false) return true;
    this.#deps.log.warn('the grant table was removed, replaced or cut: everybody is verified anew', {
      directory: this.#deps.directory,
    });
    this.#replaceTable();
    return false;
  }

  #readPage(): StatePage | undefined {
    try {
      const bytes = readFileSync(join(this.#deps.directory, STATE_FILE));
      return decodeStatePage(bytes, this.#deps.keys.state);
    } catch {
      return undefined;
    }
  }

  #reuseTable(page: StatePage, keep: (header: RecordHeader) => boolean): void {
    const { geometry, log } = this.#deps;
    if (page.slotSize !== geometry.slotSize || page.slotCount !== geometry.slots) return;
    try {
      const path = this.#path(GRANTS_FILE_PREFIX, page.tableId);
      this.#table = { writer: TableWriter.reuse(path, geometry, keep), id: page.tableId };
      this.#tableId = page.tableId;
    } catch (error) {
      log.warn('the grants of the last run cannot be taken over: everybody is verified anew', {
        error: String(error),
      });
    }
  }

  #createTable(): void {
    const { geometry, log } = this.#deps;
    try {
      const path = this.#path(GRANTS_FILE_PREFIX, this.#tableId);
      this.#table = { writer: TableWriter.create(path, geometry), id: this.#tableId };
    } catch (error) {
      log.error('grant table cannot be made, trying again: every request is verified', {
        error: String(error),
      });
    }
  }

  /** The page names a new table at once, even if that cannot be made: no grant of the old one is good any more. */
  #replaceTable(): void {
    const old = this.#tableId;
    this.#table?.writer.close();
    this.#table = undefined;
    this.#tableId = this.#deps.random(ID_LENGTH);
    this.#createTable();
    this.#removeLater(GRANTS_FILE_PREFIX, old);
  }

  #writePolicy(image: Uint8Array): void {
    const id = this.#deps.random(ID_LENGTH);
    const bytes = encodeSnapshot(id, image, this.#deps.keys.snapshot);
    writeFileAtomically(this.#path(POLICY_FILE_PREFIX, id), bytes, hex(this.#deps.random(8)));
    this.#snapshotId = id;
  }

  #removeLater(prefix: string, id: Uint8Array): void {
    this.#cancelRemovals.push(removeLater(this.#deps, [`${prefix}${hex(id)}`]));
  }

  #named(): ReadonlySet<string> {
    return new Set([
      `${GRANTS_FILE_PREFIX}${hex(this.#tableId)}`,
      `${POLICY_FILE_PREFIX}${hex(this.#snapshotId ?? new Uint8Array(0))}`,
    ]);
  }

  #path(prefix: string, id: Uint8Array): string {
    return join(this.#deps.directory, `${prefix}${hex(id)}`);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
