import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import type { Resume } from './cache.ts';
import { BEAT_MS, BEATS_TO_RECONNECT } from './limits.ts';
import type { Names } from './names.ts';
import { hintFor } from './redis-hints.ts';
import type { RedisLink } from './redis-link.ts';
import { BEAT, LEAVE_HOSTS } from './redis-scripts.ts';

export interface HostBeatDeps {
  readonly names: Names;
  readonly link: RedisLink;
  readonly hostId: () => string;
  readonly leaseMs: () => number;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  /** After each beat that was answered; why the store takes nothing new, empty when it does. */
  readonly onContact: (problem: string) => void;
  /** The number of the last event that somebody told. */
  readonly onBehind: (event: number) => void;
}

export interface BeatListener {
  /** `event` is the number of the last one so far. */
  lost(why: 'flushed' | 'first-contact', event: number): void;
  /** The store's marker, at each change and before anything else is done with it. */
  known(marker: string): void;
}

/**
 * Once a second: shows the others that this host is there, and looks for the
 * marker key. Without it, or with another one, the store is not the one it was.
 */
export class HostBeat {
  readonly #deps: HostBeatDeps;
  /** Undefined until the store was reached, when nothing is remembered of it. */
  #marker: string | undefined;
  #listener: BeatListener | undefined;
  /** Server's clock minus the monotonic one here. */
  #offset: number | undefined;
  #silent = 0;
  #problem: string | undefined;
  #told: 'up' | 'down' | 'full' = 'up';
  #cancel: (() => void) | undefined;
  #closed = false;
  #isLookedAt = false;

  constructor(deps: HostBeatDeps) {
    this.#deps = deps;
  }

  /** Why the store is not up. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** The server's clock, as far as it is known. */
  serverNow(): number {
    const { clock } = this.#deps;
    return this.#offset === undefined ? clock.now() : clock.monotonic() + this.#offset;
  }

  /** Answers after the first beat that was answered. */
  async start(resume: Resume | undefined, listener: BeatListener): Promise<void> {
    this.#marker = resume?.marker;
    this.#listener = listener;
    return new Promise(resolve => this.#next(0, resolve));
  }

  /** Its guests go on with what they have: the others count it until that is void. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    const { link, names, hostId } = this.#deps;
    if (link.isOpen) return;
    await link
      .call(LEAVE_HOSTS, [names.hosts], [this.serverNow() + BEAT_MS, hostId(), this.#deps.leaseMs()])
      .catch(() => {});
  }

  #next(ms: number, done: () => void): void {
    this.#cancel = this.#deps.clock.after(ms, async () => {
      const answered = await this.#beat();
      if (this.#closed) return;
      if (answered) done();
      // A store that is just being connected to is asked again soon.
      const soon = !answered && this.#offset === undefined && this.#silent < BEATS_TO_RECONNECT * 10;
      this.#next(soon ? BEAT_MS / 20 : BEAT_MS, done);
    });
  }

  async #beat(): Promise<boolean> {
    const { names, link, hostId, clock, random } = this.#deps;
    const before = clock.monotonic();
    let answer: readonly Uint8Array[];
    try {
      const made = Buffer.from(random(16)).toString('base64url');
      const keys = [names.marker, names.hosts, names.eventNumber];
      answer = (await link.probe(BEAT, keys, [made, hostId(), this.#deps.leaseMs()])) as Uint8Array[];
    } catch (error) {
      this.#missed(error);
      return false;
    }
    if (this.#closed) return false;
    const [marker = '', now = '', event = '', problem = ''] = answer.map(part =>
      Buffer.from(part).toString('utf8'),
    );
    this.#offset = Number(now) - (before + clock.monotonic()) / 2;
    this.#silent = 0;
    if (!this.#isLookedAt) void this.#lookAtServer();
    this.#tell(problem);
    this.#deps.onContact(problem);
    this.#look(marker, Number(event));
    return true;
  }

  #look(marker: string, event: number): void {
    if (marker !== this.#marker) {
      const why = this.#marker === undefined ? 'first-contact' : 'flushed';
      this.#marker = marker;
      if (why === 'flushed') {
        this.#deps.log.warn(
          'the shared store lost its marker key: it was flushed, restarted without its data, or is another one; everybody signs in again',
          { address: this.#deps.link.address },
        );
      }
      this.#listener?.lost(why, event);
    }
    this.#listener?.known(marker);
    this.#deps.onBehind(event);
  }

  /** Once, what would not show at once. */
  async #lookAtServer(): Promise<void> {
    this.#isLookedAt = true;
    const { link, log } = this.#deps;
    // Who may not ask that is not told.
    const info = await link.command('INFO', []).catch(() => undefined);
    if (!(info instanceof Uint8Array)) return;
    const text = Buffer.from(info).toString('utf8');
    const policy = /^maxmemory_policy:(\S+)/m.exec(text)?.[1] ?? 'noeviction';
    // A server that evicts what it likes would now and then make everybody sign in again.
    if (policy !== 'noeviction' && !/^maxmemory:0\s*$/m.test(text)) {
      log.warn(
        'the shared store may evict what hosts rely on, and everybody would sign in again: set its maxmemory-policy to noeviction',
        { address: link.address, policy },
      );
    }
    // It answers what it has itself and refuses the rest, so that nothing seems to be wrong with it.
    if (/^redis_mode:cluster\s*$/m.test(text) && !link.isOfCluster) {
      log.warn('the shared store is one node of a cluster: most of what hosts share is refused there', {
        address: link.address,
        hint: hintFor('MOVED'),
      });
    }
  }

  #missed(error: unknown): void {
    const { link, log } = this.#deps;
    this.#silent++;
    this.#problem = error instanceof Error ? error.message : String(error);
    // The first attempts only wait for the connection.
    if (this.#told !== 'down' && (this.#offset !== undefined || this.#silent * BEAT_MS >= 10 * BEAT_MS)) {
      this.#told = 'down';
      log.warn('the shared store cannot be asked: hosts work on their own until it can, and are slower', {
        address: link.address,
        reason: link.lastProblem,
        hint: hintFor(link.lastProblem),
      });
    }
    if (this.#offset !== undefined && this.#silent % BEATS_TO_RECONNECT === 0) link.reconnect();
  }

  #tell(problem: string): void {
    const state = problem === '' ? 'up' : 'full';
    this.#problem = problem === '' ? undefined : problem;
    if (state === this.#told) return;
    const { link, log } = this.#deps;
    if (state === 'full') {
      log.warn('the shared store takes nothing new: hosts work on their own until it does, and are slower', {
        address: link.address,
        reason: problem,
        hint: hintFor(problem),
      });
    } else log.info('the shared store is used again', { address: link.address });
    this.#told = state;
  }
}
