import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { HEARTBEAT_MS, HEARTBEAT_STALE_MS, ID_LENGTH, STATE_FILE } from '../../assembly/contract.ts';
import type { Clock } from '../clock.ts';
import type { RecordHeader } from '../grant/seal.ts';
import type { Geometry } from '../grant/table-writer.ts';
import { fileError } from '../log/file-error.ts';
import type { Logger } from '../log/logger.ts';
import { removeLater, removeStrangers } from './leftovers.ts';
import { writePage } from './page-file.ts';
import { PolicyFile } from './policy-file.ts';
import { decodeStatePage, encodeStatePage, type StatePage } from './state-page.ts';
import { type CurrentTable, TableFile } from './table-file.ts';

export interface PublisherDeps {
  readonly directory: string;
  readonly keys: { readonly state: Uint8Array; readonly snapshot: Uint8Array };
  readonly geometry: Geometry;
  readonly offlineGraceSeconds: number;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  /**
   * When the shared store answered last since the start of this host, milliseconds
   * since 1970. Absent where hosts share nothing.
   */
  readonly storeContact?: () => number | undefined;
  /** Whether the directory's lock is still ours; asked before each beat. */
  readonly mayWrite: () => boolean;
}

/** So much before guests would answer 503 to everything, the host takes the decisions over. */
const CUT_OFF_MARGIN_MS = 2_000;

/**
 * Writes the guest directory: policy snapshots, the grant table's file and the
 * state page that names both. All of it is synchronous, so a revocation is
 * out when the call returns. Whoever calls holds the directory's lock.
 */
export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #bootId: Uint8Array;
  readonly #policy: PolicyFile;
  readonly #table: TableFile;
  #sequence = 1;
  #notBefore = 0;
  #writtenAt: number | undefined;
  /** Last contact of the host before this one, or when this one began. */
  #contactBefore = 0;
  /** The shared store has been silent for too long: no grant is good, none is written. */
  #isCutOff = false;
  /** Between `start` and `stop`; only then the page is written. */
  #running = false;
  /** How the last writing of the page went. */
  #disk: 'good' | 'full' | 'failing' = 'good';
  #cancelBeat: (() => void) | undefined;
  #cancelRemovals: (() => void)[] = [];

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
    this.#bootId = deps.random(ID_LENGTH);
    const { directory, geometry, keys, random, log } = deps;
    this.#table = new TableFile({ directory, geometry, random, log });
    this.#policy = new PolicyFile({ directory, snapshotKey: keys.snapshot, random, log });
  }

  /**
   * Takes over what an earlier host left, as far as it is ours, and writes the
   * policy; nothing is published yet. `keep` says which of the old records are
   * still good.
   */
  open(image: Uint8Array, keep: (header: RecordHeader) => boolean): void {
    const page = this.#readPage();
    this.#contactBefore = page?.storeContact ?? this.#deps.clock.now();
    if (page !== undefined) {
      this.#sequence = page.sequence + 1;
      this.#notBefore = page.notBefore;
      const { slotSize, slots } = this.#deps.geometry;
      if (page.slotSize === slotSize && page.slotCount === slots) this.#table.reuse(page.tableId, keep);
    }
    this.#table.make();
    this.#policy.put(image);
  }

  /** Publishes, and from now on every second. */
  start(): void {
    this.#running = true;
    this.#judgeStore();
    this.#publish();
    this.#cancelRemovals.push(removeStrangers(this.#deps, this.#named()));
    this.#scheduleBeat();
  }

  /** The table that takes grants, undefined while there is none. */
  current(): CurrentTable | undefined {
    return this.#isCutOff ? undefined : this.#table.current;
  }

  /** When the page was last written, undefined before that. */
  writtenAt(): number | undefined {
    return this.#writtenAt;
  }

  publishPolicy(image: Uint8Array): void {
    const old = this.#policy.name;
    this.#policy.put(image);
    // An older page, brought back, would name an older policy: guests know it by this.
    this.#sequence++;
    this.#publish();
    this.#removeLater(old);
  }

  /** Zeroes the users' records and says so to every instance; answers how many there were. */
  revoke(userTags: readonly Uint8Array[]): number {
    if (!this.#deps.mayWrite()) return 0;
    let count = 0;
    const table = this.#table.name;
    this.#table.checkFile();
    try {
      for (const tag of userTags) count += this.#table.current?.writer.revokeUser(tag) ?? 0;
    } catch (error) {
      this.#deps.log.error('grants could not be zeroed: all of them are void now', fileError(error));
      this.#table.replace();
    }
    if (this.#table.name !== table) this.#leaveTable(table);
    this.#sequence++;
    if (!this.#publish()) this.#withdraw();
    return count;
  }

  /** No grant written until now is good any more, whoever remembers it; and no session that began before. */
  voidAll(): void {
    if (!this.#deps.mayWrite()) return;
    const old = this.#table.name;
    this.#notBefore = Math.max(this.#notBefore, this.#deps.clock.now() + 1);
    this.#table.replace();
    this.#leaveTable(old);
    if (!this.#publish()) this.#withdraw();
  }

  /** What was issued before, milliseconds since 1970, is void. */
  get notBefore(): number {
    return this.#notBefore;
  }

  /** Stops writing. `stopped`: the last page says so; otherwise (the lock is lost) nothing is touched any more. */
  stop(last: 'stopped' | 'silent'): void {
    this.#cancelBeat?.();
    this.#cancelBeat = undefined;
    for (const cancel of this.#cancelRemovals.splice(0)) cancel();
    if (last === 'stopped') this.#publish(true);
    this.#running = false;
    this.#table.close();
  }

  #scheduleBeat(): void {
    this.#cancelBeat = this.#deps.clock.after(HEARTBEAT_MS, () => {
      if (!this.#deps.mayWrite()) return;
      this.#scheduleBeat();
      this.#table.make();
      this.#judgeStore();
      // While not even the page can be written there is no use in another table.
      if (this.#publish() && this.#check()) this.#publish();
    });
  }

  /** Looks for what others did to the files; true when the page must name other ones. */
  #check(): boolean {
    const [policy, table] = [this.#policy.name, this.#table.name];
    const newPolicy = this.#policy.check();
    if (newPolicy) this.#removeLater(policy);
    const newTable = !this.#table.check(this.#deps.clock.now());
    if (newTable) this.#leaveTable(table);
    return newPolicy || newTable;
  }

  /**
   * Without the store nobody here learns what others revoke. Guests that are told
   * so would refuse everything after `offline_grace`; the host can do better: it
   * gives up all grants just before, and verifies each request itself.
   */
  #judgeStore(): void {
    const { clock, log, offlineGraceSeconds, storeContact } = this.#deps;
    if (storeContact === undefined) return;
    const silent = clock.now() - (storeContact() ?? this.#contactBefore);
    const isCutOff = silent >= Math.max(offlineGraceSeconds * 1_000 - CUT_OFF_MARGIN_MS, HEARTBEAT_STALE_MS);
    if (isCutOff === this.#isCutOff) return;
    this.#isCutOff = isCutOff;
    if (!isCutOff) {
      log.info('the shared store answers again: grants are written again');
      return;
    }
    log.error(
      'the shared store has been silent for guest.offline_grace: every request is verified by the host until it answers',
    );
    const old = this.#table.name;
    this.#table.replace();
    this.#leaveTable(old);
  }

  /** For the page: what is younger than a heartbeat is as good as now. */
  #storeContact(now: number): number {
    const { storeContact } = this.#deps;
    if (storeContact === undefined || this.#isCutOff) return now;
    const contact = storeContact() ?? this.#contactBefore;
    return now - contact <= HEARTBEAT_STALE_MS ? now : contact;
  }

  /** A page that is brought back would name the old table: guests know it by the sequence. */
  #leaveTable(old: string): void {
    this.#sequence++;
    this.#removeLater(old);
  }

  /** False when it failed. One failure is told once; the next beat tries again. */
  #publish(stopped = false): boolean {
    if (!this.#running) return true;
    const { clock, geometry, keys, offlineGraceSeconds, random, directory } = this.#deps;
    const now = clock.now();
    const page: StatePage = {
      bootId: this.#bootId,
      wallTime: now,
      sequence: this.#sequence,
      notBefore: this.#notBefore,
      storeContact: this.#storeContact(now),
      tableId: this.#table.id,
      snapshotId: this.#policy.id,
      slotSize: geometry.slotSize,
      slotCount: geometry.slots,
      stopped,
      offlineGraceSeconds,
    };
    try {
      const path = join(directory, STATE_FILE);
      const full = writePage(path, encodeStatePage(page, keys.state), hex(random(8)));
      this.#writtenAt = now;
      this.#tellDisk(full === undefined ? 'good' : 'full', full);
    } catch (error) {
      this.#tellDisk('failing', error);
    }
    return this.#disk !== 'failing';
  }

  /** Each change once. */
  #tellDisk(disk: 'good' | 'full' | 'failing', error?: unknown): void {
    const before = this.#disk;
    this.#disk = disk;
    if (disk === before) return;
    const { directory, log } = this.#deps;
    if (disk === 'failing') {
      log.error(
        'state page cannot be written, trying again: guests that find an older one take the host for gone, others ask it about every request',
        {
          directory,
          ...fileError(error),
        },
      );
    } else if (disk === 'full') {
      log.error(
        'the guest directory is full: grants that are there still count, new ones are not kept, so whoever has none is verified at each request',
        { directory, ...fileError(error) },
      );
    } else log.info(before === 'full' ? 'the guest directory has room again' : 'state page written again');
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

  #readPage(): StatePage | undefined {
    try {
      const bytes = readFileSync(join(this.#deps.directory, STATE_FILE));
      return decodeStatePage(bytes, this.#deps.keys.state);
    } catch {
      return undefined;
    }
  }

  #removeLater(name: string): void {
    this.#cancelRemovals.push(removeLater(this.#deps, [name]));
  }

  #named(): ReadonlySet<string> {
    return new Set([this.#table.name, this.#policy.name]);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
