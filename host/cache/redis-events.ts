import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { RedisSetup } from '../config/schema.ts';
import type { Logger } from '../log/logger.ts';
import type { Broadcast, Resume, StoreListener } from './cache.ts';
import { type Entry, entriesOf, text } from './event-entries.ts';
import { Hearing } from './hearing.ts';
import { COMMAND_MS, EVENTS_BLOCK_MS, MAX_EVENT } from './limits.ts';
import type { Names } from './names.ts';
import { type Argument, type LinkNews, RedisLink } from './redis-link.ts';
import { ACKNOWLEDGE, PROGRESS, PUBLISH, type Script } from './redis-scripts.ts';
import { reconnectAfter } from './redis-settings.ts';
import type { Sealer } from './seal.ts';
import { Topics } from './topics.ts';

/** Events read at once. */
const BATCH = 64;
/** One may be late; more are no accident. */
const BEATS_BEHIND = 3;
/** How often who waits for acknowledgements asks for them. */
const PROGRESS_MIN_MS = 5;
const PROGRESS_MAX_MS = 50;

export interface RedisEventsDeps {
  readonly settings: RedisSetup;
  readonly names: Names;
  readonly sealer: Sealer;
  readonly hostId: () => string;
  /** Asks the server, for what must not happen late. */
  readonly call: (script: Script, keys: readonly string[], args: readonly Argument[]) => Promise<unknown>;
  readonly link: RedisLink;
  readonly news: LinkNews;
  readonly serverNow: () => number;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
}

/**
 * What hosts tell each other, as a stream that keeps it for those who are away:
 * each event's id is its number, so that none is missed unnoticed. Read over a
 * connection of its own, since a reader blocks.
 */
export class RedisEvents {
  readonly #deps: RedisEventsDeps;
  readonly #topics: Topics;
  readonly #reader: RedisLink;
  readonly #hearing: Hearing;
  #listener: StoreListener | undefined;
  #marker = '';
  /** Number of the last event that was handled. */
  #cursor = 0;
  /** That of the last one that somebody told, as far as the beat knows. */
  #last = 0;
  /** Beats in a row that know of fewer events than were handled. */
  #behind = 0;
  #running = false;
  #closed = false;
  #waiting: (() => void)[] = [];

  constructor(deps: RedisEventsDeps) {
    this.#deps = deps;
    this.#topics = new Topics(deps.log);
    this.#reader = new RedisLink(deps.settings, deps.news, COMMAND_MS + EVENTS_BLOCK_MS);
    this.#hearing = new Hearing(deps.log, deps.link.address);
  }

  subscribe(topic: string, handler: (payload: Uint8Array) => void | Promise<void>): () => void {
    return this.#topics.subscribe(topic, handler);
  }

  /** At each contact; begins to read at the first one. */
  start(marker: string, resume: Resume | undefined, listener: StoreListener): void {
    if (marker !== this.#marker) {
      this.#marker = marker;
      // Of another store the cursor was set by `skipTo`.
      if (resume?.marker === marker && this.#listener === undefined) this.#cursor = resume.event;
      this.#listener = listener;
      this.#keepProgress();
    }
    if (this.#running || this.#closed) return;
    this.#running = true;
    this.#reader.connect();
    void this.#read();
  }

  /** What was told until `event` is of no interest: everything was given up for it. */
  skipTo(event: number): void {
    this.#cursor = event;
    this.#last = event;
  }

  /** The beat's news: what this host must have handled soon. */
  catchUp(last: number): void {
    // What was told while the beat was under way may have been handled before its answer came.
    this.#last = Math.max(last, this.#cursor);
    this.#behind = last < this.#cursor ? this.#behind + 1 : 0;
    // The store counts anew, though its marker key is the same.
    if (this.#behind >= BEATS_BEHIND) {
      this.#behind = 0;
      this.#missed(last);
      this.#last = last;
    }
    if (this.#hearing.isDeaf(this.#cursor, this.#last)) this.#missed(this.#last);
    if (this.#cursor >= this.#last) this.#release();
  }

  /** Answers when everything that was told before the last beat has been handled. */
  async caughtUp(): Promise<void> {
    if (this.#cursor >= this.#last) return;
    await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  async broadcast(topic: string, payload: Uint8Array, timeoutMs: number): Promise<Broadcast> {
    if (payload.length > MAX_EVENT) {
      throw new TypeError(`an event has at most ${MAX_EVENT} bytes, got ${payload.length}`);
    }
    const { call, clock, names, random, sealer } = this.#deps;
    const end = clock.monotonic() + timeoutMs;
    const sealed = sealer.seal(names.event(topic), payload);
    const id = Buffer.from(random(12)).toString('base64url');
    await call(PUBLISH, [names.events, names.eventNumber], [topic, sealed, id]);
    let last: Broadcast | undefined;
    let problem: unknown;
    for (let pause = PROGRESS_MIN_MS; ; pause = Math.min(2 * pause, PROGRESS_MAX_MS)) {
      try {
        last = await this.#progress(id);
        if (last.missing.length === 0) return last;
      } catch (error) {
        problem = error;
      }
      if (clock.monotonic() + pause > end || this.#closed) break;
      await sleep(pause);
    }
    if (last === undefined) throw problem;
    return last;
  }

  close(): void {
    this.#closed = true;
    this.#release();
    this.#reader.close();
  }

  async #progress(id: string): Promise<Broadcast> {
    const { clock, link, names } = this.#deps;
    const answer = await link.call(PROGRESS, [names.acks(id), names.hosts], []);
    const [acks, hosts] = answer as [Uint8Array[], Uint8Array[]];
    const acknowledged = acks.map(text);
    const missing: { hostId: string; until: number }[] = [];
    const ahead = this.#serverAhead();
    for (let i = 0; i + 1 < hosts.length; i += 2) {
      const hostId = text(hosts[i]);
      if (!acknowledged.includes(hostId)) missing.push({ hostId, until: Number(text(hosts[i + 1])) - ahead });
    }
    // Not on the list is a host whose own beat has not come through yet.
    if (
      !acknowledged.includes(this.#deps.hostId()) &&
      !missing.some(host => host.hostId === this.#deps.hostId())
    )
      missing.push({ hostId: this.#deps.hostId(), until: clock.now() });
    return { acknowledged, missing };
  }

  #serverAhead(): number {
    return this.#deps.serverNow() - this.#deps.clock.now();
  }

  async #read(): Promise<void> {
    for (let failures = 0; !this.#closed; ) {
      try {
        const before = this.#last;
        const answer = await this.#reader.command('XREAD', [
          ...['COUNT', BATCH, 'BLOCK', EVENTS_BLOCK_MS],
          ...['STREAMS', this.#deps.names.events, `${this.#cursor}-0`],
        ]);
        failures = 0;
        this.#hearing.heard();
        const entries = entriesOf(answer);
        // The store says that something was told, and has it no more.
        if (entries.length === 0 && before > this.#cursor && before === this.#last) this.#missed(before);
        for (const entry of entries) await this.#handle(entry);
        if (this.#cursor >= this.#last) this.#release();
      } catch {
        if (this.#closed) return;
        failures++;
        if (!this.#deps.link.isOpen) this.#hearing.failed(failures, this.#reader.lastProblem);
        if (failures % 4 === 0) this.#reader.reconnect();
        await sleep(reconnectAfter(failures), undefined, { ref: false });
      }
    }
  }

  async #handle({ number, topic, sealed, id }: Entry): Promise<void> {
    if (this.#closed || number <= this.#cursor) return;
    if (number !== this.#cursor + 1) this.#missed(number - 1);
    const { call, hostId, names, sealer } = this.#deps;
    const payload = sealer.open(names.event(topic), sealed);
    // Of a host with another secret: what it says cannot be known, so nothing may be believed.
    if (payload === undefined) this.#missed(number);
    const handled = payload === undefined || (await this.#topics.tell(topic, payload));
    this.#cursor = number;
    this.#keepProgress();
    if (!handled) return;
    const acknowledge = () => call(ACKNOWLEDGE, [names.acks(id)], [hostId()]);
    await acknowledge()
      .catch(acknowledge)
      .catch(() => {});
  }

  #missed(cursor: number): void {
    this.#cursor = cursor;
    this.#deps.log.warn(
      'events of the other hosts were missed, or cannot be read: everybody signs in again',
      { address: this.#deps.link.address },
    );
    this.#listener?.lost('missed-events');
    this.#keepProgress();
  }

  #keepProgress(): void {
    this.#listener?.progress({ hostId: this.#deps.hostId(), marker: this.#marker, event: this.#cursor });
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
