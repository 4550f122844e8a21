import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  isHeld,
  type Lock,
  type Resume,
  type SharedStore,
  type StoreListener,
} from '../../host/cache/cache.ts';
import { SharedFlight } from '../../host/cache/flight.ts';
import { MAX_EVENT, MAX_VALUE } from '../../host/cache/limits.ts';
import { systemClock } from '../../host/clock.ts';
import { sleep, waitUntil } from '../support/wait.ts';

/** A store that several hosts share. */
export interface StoreUnderTest {
  /** A host of its own; `start` is the suite's to call. */
  host(): SharedStore;
  stop(): Promise<void>;
}

export interface Heard extends StoreListener {
  readonly losses: string[];
  last: Resume | undefined;
}

export function listener(): Heard {
  const heard: Heard = {
    losses: [],
    last: undefined,
    lost: why => void heard.losses.push(why),
    progress: resume => {
      heard.last = resume;
    },
  };
  return heard;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

let names = 0;
/** Of its own in each test: the store is one for all of them. */
const key = (kind = 'test') => ({ kind, name: `name ${++names} ü\0{}` });

/** What has to be done before something ends in `ms`: done again when the machine took longer than that. */
async function inTime<T>(ms: number, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const began = performance.now();
    const answer = await work();
    if (performance.now() - began < ms) return answer;
  }
}

/** What every store must do, whoever keeps it. */
export function describeCache(title: string, create: () => Promise<StoreUnderTest>): void {
  describe(`${title}: a shared store`, () => {
    let store: StoreUnderTest;
    const open: SharedStore[] = [];

    beforeAll(async () => {
      store = await create();
    });
    afterEach(async () => {
      for (const host of open.splice(0)) await host.close();
    });
    afterAll(async () => {
      await store?.stop();
    });

    async function host(prepare?: (host: SharedStore) => void): Promise<SharedStore> {
      const made = store.host();
      open.push(made);
      prepare?.(made);
      await made.start(undefined, listener());
      await waitUntil('the store', () => made.status().state === 'up');
      // A cluster's nodes are connected to one by one, when each is asked for the first time: on a
      // busy machine that may take longer than a call.
      await waitUntil('all of its nodes', async () => {
        for (let i = 0; i < 12; i++) await made.get({ kind: 'warm', name: String(i) });
        return true;
      });
      return made;
    }

    async function lockOf(cache: SharedStore, name: ReturnType<typeof key>, ttlMs: number): Promise<Lock> {
      const answer = await cache.acquire(name, ttlMs);
      if (isHeld(answer)) throw new Error('the lock is taken');
      return answer;
    }

    it('keeps a value for all hosts, until it is replaced or deleted', async () => {
      const [a, b] = [await host(), await host()];
      const name = key();
      expect(await a.get(name)).toBeUndefined();
      await a.set(name, bytes('one'), 60);
      expect(text(await b.get(name))).toBe('one');
      await b.set(name, bytes('two'), 60);
      expect(text(await a.get(name))).toBe('two');
      expect(await a.delete(name)).toBe(true);
      expect(await b.get(name)).toBeUndefined();
      expect(await b.delete(name)).toBe(false);
    });

    it('keeps bytes as they are, the empty value too, and answers a copy', async () => {
      const a = await host();
      for (const value of [Buffer.alloc(0), Buffer.from([0, 255, 10, 13, 0]), Buffer.alloc(MAX_VALUE, 7)]) {
        const name = key();
        await a.set(name, value, 60);
        const found = (await a.get(name)) as Uint8Array;
        expect(Buffer.compare(found, value)).toBe(0);
        found.fill(1);
        expect(Buffer.compare((await a.get(name)) as Uint8Array, value)).toBe(0);
      }
      await expect(a.set(key(), Buffer.alloc(MAX_VALUE + 1), 60)).rejects.toThrow('at most');
    });

    it('tells kinds and names apart', async () => {
      const a = await host();
      await a.set({ kind: 'one', name: 'x' }, bytes('1'), 60);
      expect(await a.get({ kind: 'two', name: 'x' })).toBeUndefined();
      expect(await a.get({ kind: 'one', name: 'X' })).toBeUndefined();
      await expect(a.set({ kind: 'No Kind', name: 'x' }, bytes('1'), 60)).rejects.toThrow('kind of key');
    });

    it('forgets a value when its time is over, and touch starts that anew', async () => {
      const a = await host();
      const [short, touched] = [key(), key()];
      const isTouched = await inTime(300, async () => {
        await a.set(touched, bytes('y'), 0.3);
        return a.touch(touched, 60);
      });
      expect(isTouched).toBe(true);
      await a.set(short, bytes('x'), 0.3);
      await waitUntil('the end of a value', async () => (await a.get(short)) === undefined);
      expect(text(await a.get(touched))).toBe('y');
      expect(await a.touch(short, 60)).toBe(false);
    });

    it('counts for all hosts, in a window that the first addition starts', async () => {
      const [a, b] = [await host(), await host()];
      const name = key();
      const sums = await Promise.all([...Array(20).keys()].map(i => (i % 2 ? a : b).increment(name, 60)));
      expect(sums.toSorted((x, y) => x - y)).toEqual([...Array(20).keys()].map(i => i + 1));
      expect(await a.increment(name, 60, 5)).toBe(25);
      const window = key();
      await a.increment(window, 0.4);
      await waitUntil('the end of the window', async () => (await a.increment(window, 0.4, 0)) === 0, 5_000);
      // A counter and a value of one name are two things.
      await a.set(name, bytes('v'), 60);
      expect(await a.increment(name, 60)).toBe(26);
    });

    it('answers how often something happened lately, whoever notes it', async () => {
      const [a, b] = [await host(), await host()];
      const name = key();
      const counts = await Promise.all([...Array(50).keys()].map(i => (i % 2 ? a : b).note(name, 60, 1_000)));
      expect(counts.toSorted((x, y) => x - y)).toEqual([...Array(50).keys()].map(i => i + 1));
      // Some, of whoever they were noted by, and the last of them alone.
      expect(await a.note(name, 60, 3, 'alice')).toBe(3);
      expect(await b.note(name, 60, 4, 'bob')).toBe(4);
      await b.forget(name, 'alice');
      expect(await a.note(name, 60, 9, 'bob')).toBe(4);
      await a.forget(name, 'nobody');
      await a.forget(name);
      await a.forget(name);
      await b.forget(name, 'bob');
      expect(await b.note(name, 60, 9)).toBe(1);
      // Each time counts for the window behind it, not for one that began with the first.
      const { window, count } = await inTime(1_200, async () => {
        const window = key();
        await a.note(window, 1.2, 9);
        await sleep(700);
        return { window, count: await b.note(window, 1.2, 9) };
      });
      expect(count).toBe(2);
      await sleep(1_300);
      expect(await a.note(window, 1.2, 9)).toBe(1);
      await expect(a.note(name, 60, 9, 'a b')).rejects.toThrow('a label is');
      // A counter of the same name is another thing.
      expect(await a.increment(name, 60)).toBe(1);
    });

    it('gives a lock to one at a time, with a number that grows', async () => {
      const [a, b] = [await host(), await host()];
      const name = key();
      const answers = await Promise.all([...Array(20).keys()].map(i => (i % 2 ? a : b).acquire(name, 5_000)));
      const locks = answers.filter(answer => !isHeld(answer));
      expect(locks).toHaveLength(1);
      const lock = locks[0] as Lock;
      for (const answer of answers) if (isHeld(answer)) expect(answer.heldBy).toBe(lock.fence);
      expect(await lock.release()).toBe(true);
      expect(await lock.release()).toBe(false);
      const next = await lockOf(b, name, 5_000);
      expect(next.fence).toBeGreaterThan(lock.fence);
      await next.release();
    });

    it('lets nobody act with a lock that was lost', async () => {
      const [a, b] = [await host(), await host()];
      const name = key();
      const lost = await lockOf(a, name, 150);
      const now = await waitUntil('the lock to fall', async () => {
        const answer = await b.acquire(name, 5_000);
        return isHeld(answer) ? undefined : answer;
      });
      expect(now.fence).toBeGreaterThan(lost.fence);
      expect(await lost.extend(5_000)).toBe(false);
      expect(await lost.set('test', bytes('old'), 60)).toBe(false);
      expect(await lost.leave(bytes('old'), 5_000)).toBe(false);
      expect(await lost.release()).toBe(false);
      expect(await a.get(name)).toBeUndefined();
      expect(await a.outcome(name, lost.fence)).toEqual({ state: 'gone' });
      expect(await now.set('test', bytes('new'), 60)).toBe(true);
      expect(text(await a.get({ kind: 'test', name: name.name }))).toBe('new');
      expect(await now.extend(5_000)).toBe(true);
      expect(await a.outcome(name, now.fence)).toEqual({ state: 'working' });
      expect(await now.leave(bytes('result'), 5_000)).toBe(true);
      const outcome = await a.outcome(name, now.fence);
      expect(outcome.state === 'left' && text(outcome.result)).toBe('result');
      expect(isHeld(await lockOf(a, name, 1_000))).toBe(false);
    });

    it('tells every host, in order, and waits until each has done it', async () => {
      const heard: string[][] = [[], []];
      const hosts = await Promise.all(
        heard.map(list =>
          host(it =>
            it.subscribe('order', async payload => {
              await sleep(1);
              list.push(text(payload) ?? '');
            }),
          ),
        ),
      );
      const [a, b] = hosts as [SharedStore, SharedStore];
      await waitUntil(
        'both hosts',
        async () => (await a.broadcast('hello', bytes(''), 500)).acknowledged.length >= 2,
      );
      const sent = [...Array(10).keys()].map(i => `event ${i}`);
      for (const word of sent) {
        const answer = await (word.endsWith('3') ? b : a).broadcast('order', bytes(word), 5_000);
        expect(answer.acknowledged).toEqual(expect.arrayContaining([a.hostId, b.hostId]));
        expect(answer.missing.filter(({ hostId }) => [a.hostId, b.hostId].includes(hostId))).toEqual([]);
      }
      expect(heard).toEqual([sent, sent]);
      await expect(a.broadcast('order', Buffer.alloc(MAX_EVENT + 1), 100)).rejects.toThrow('at most');
    });

    it('does not count a host as told that could not do it', async () => {
      const a = await host();
      const b = await host(it =>
        it.subscribe('bad', () => {
          throw new Error('no');
        }),
      );
      const answer = await waitUntil('the host that could', async () => {
        const told = await a.broadcast('bad', bytes('x'), 300);
        return told.acknowledged.includes(a.hostId) && told;
      });
      expect(answer.acknowledged).not.toContain(b.hostId);
      expect(answer.missing.map(({ hostId }) => hostId)).toContain(b.hostId);
    });

    it('stops telling who does not listen any more', async () => {
      let heard = 0;
      let stop = () => {};
      const a = await host(it => {
        stop = it.subscribe('stop', () => void heard++);
      });
      await a.broadcast('stop', bytes(''), 2_000);
      stop();
      await a.broadcast('stop', bytes(''), 2_000);
      expect(heard).toBe(1);
    });

    it('runs what a hundred ask for on two hosts once, and all get that result', async () => {
      const flights = await Promise.all([host(), host()]).then(hosts =>
        hosts.map(it => new SharedFlight(it, systemClock)),
      );
      const name = key('flight');
      let runs = 0;
      const work = async () => {
        await sleep(100);
        return bytes(`result ${++runs}`);
      };
      const options = { waitMs: 5_000, runMs: 3_000, whenDown: 'refuse' } as const;
      const answers = await Promise.all(
        [...Array(100).keys()].map(i => (flights[i % 2] as SharedFlight).run(name, work, options)),
      );
      expect(runs).toBe(1);
      expect(answers.filter(answer => answer.status === 'done' && answer.ran)).toHaveLength(1);
      for (const answer of answers) {
        expect(answer.status === 'done' && text(answer.value)).toBe('result 1');
      }
    });

    it('tells those who wait that it failed, and lets the next ones try', async () => {
      const [a, b] = [await host(), await host()];
      const [one, two] = [new SharedFlight(a, systemClock), new SharedFlight(b, systemClock)];
      const name = key('flight');
      let fail = () => {};
      const failed = new Promise<void>(resolve => {
        fail = resolve;
      });
      const options = {
        waitMs: 20_000,
        runMs: 20_000,
        whenDown: 'refuse',
        describe: () => 'engine down',
      } as const;
      let running = false;
      const failing = one.run(
        name,
        async () => {
          running = true;
          await failed;
          throw new Error('secret detail');
        },
        options,
      );
      const rejected = expect(failing).rejects.toThrow('secret detail');
      await waitUntil('the run', () => running);
      const other = two.run(name, async () => bytes('never'), options);
      // On the same connection, so that its question was answered before.
      await b.get(name);
      await sleep(100);
      fail();
      expect(await other).toEqual({ status: 'failed', reason: 'engine down' });
      await rejected;
      expect(await two.run(name, async () => bytes('next'), options)).toMatchObject({
        status: 'done',
        ran: true,
      });
    });

    it('makes nobody wait longer than asked for, and takes over from a holder that is gone', async () => {
      const [a, b] = [await host(), await host()];
      const name = key('flight');
      const held = await lockOf(a, name, 30_000);
      const flight = new SharedFlight(b, systemClock);
      const options = { waitMs: 200, runMs: 1_000, whenDown: 'refuse' } as const;
      const work = async () => bytes('mine');
      expect(await flight.run(name, work, options)).toEqual({ status: 'busy' });
      expect(await held.extend(300)).toBe(true);
      expect(await flight.run(name, work, { ...options, waitMs: 10_000 })).toMatchObject({
        status: 'done',
        ran: true,
      });
    });

    it('uses no result whose lock was lost on the way', async () => {
      const [a, b] = [await host(), await host()];
      const name = key('flight');
      const flight = new SharedFlight(a, systemClock, 200);
      const answer = await flight.run(
        name,
        async () => {
          // As if this host had stood still until its lock fell to somebody else.
          await waitUntil('the lock to fall', async () => !isHeld(await b.acquire(name, 10_000)));
          return bytes('late');
        },
        { waitMs: 100, runMs: 1, whenDown: 'alone' },
      );
      expect(answer).toEqual({ status: 'busy' });
    });

    it('says how it is', async () => {
      const a = await host();
      const status = a.status();
      expect(status).toMatchObject({ kind: a.kind, state: 'up' });
      expect(status.reason).toBeUndefined();
      expect(Date.now() - (status.lastContact ?? 0)).toBeLessThan(10_000);
    });
  });
}
