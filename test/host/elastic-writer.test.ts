import { randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { CacheError } from '../../host/cache/cache.ts';
import { MemoryCache, MemorySpace } from '../../host/cache/memory-cache.ts';
import { systemClock } from '../../host/clock.ts';
import type { ElasticClient, StoredUser, UserToWrite } from '../../host/elastic/client.ts';
import { Fences } from '../../host/elastic/fences.ts';
import { ElasticPasswords } from '../../host/elastic/password.ts';
import { Provisioner } from '../../host/elastic/provisioner.ts';
import { userOf, wantedOf } from '../../host/elastic/wanted.ts';
import { UserWriter } from '../../host/elastic/writer.ts';
import { ELASTIC_SECRET, person } from '../support/elastic.ts';
import { FakeClock, fakeLogger } from '../support/host-fakes.ts';
import { waitUntil } from '../support/wait.ts';

describe('two hosts at one user, whose store cannot say whose turn it is', () => {
  const passwords = new ElasticPasswords(ELASTIC_SECRET);
  const wanted = wantedOf('alice', person('alice'), ['viewer'], 'directory');
  const signal = new AbortController().signal;
  const turn = { fence: 1, forget: async () => {}, check() {} };

  /** Elasticsearch with one user, written by a host whose clock says `since`. */
  function cluster(generation: number, since: string) {
    const writes: number[] = [];
    const of = (next: number, from: string): StoredUser & UserToWrite => {
      const key = passwords.mark('alice', next);
      const mark = { user: 'alice', source: 'directory', generation: next, key, since: from } as const;
      return { name: 'alice', ...userOf(wanted, undefined, mark, passwords) };
    };
    let user = of(generation, since);
    const client: Pick<ElasticClient, 'find' | 'write' | 'accepts'> = {
      find: async () => user,
      write: async (name, next) => {
        writes.push((next.metadata.postern as { generation: number }).generation);
        user = { name, ...next };
        return true;
      },
      accepts: async authorization =>
        authorization === `Basic ${Buffer.from(`alice:${user.password}`).toString('base64')}`,
    };
    const other = (next: number, from: string) => {
      user = of(next, from);
    };
    return { client: client as ElasticClient, writes, other };
  }

  function writer(client: ElasticClient, clock: FakeClock, raise: Fences['raise'], log = fakeLogger()) {
    const fences = { raise, drop() {} } as unknown as Fences;
    return new UserWriter({ client, passwords, passwordSeconds: 3_600, fences, clock, log });
  }

  const OLD = '2020-01-01T00:00:00.000Z';

  it('does not write the password before over the next one', async () => {
    const clock = new FakeClock();
    const now = new Date(clock.now()).toISOString();
    const { client, writes, other } = cluster(1, now);
    const log = fakeLogger();
    const accepts = vi.fn(async (...args: Parameters<ElasticClient['accepts']>) => {
      // Between what was read and the look at the password.
      if (accepts.mock.calls.length === 1) other(2, now);
      return client.accepts(...args);
    });
    const one = writer({ ...client, accepts }, clock, async () => true, log);
    expect(await one.write(wanted, signal, turn)).toMatchObject({ generation: 2 });
    expect(writes).toEqual([]);
    expect(log.lines).toEqual([]);
  });

  it('sets our password again when somebody else took it', async () => {
    const clock = new FakeClock();
    const { client, writes } = cluster(3, new Date(clock.now()).toISOString());
    let isTaken = true;
    const accepts = async () => !isTaken;
    const log = fakeLogger();
    const one = writer({ ...client, accepts }, clock, async () => true, log);
    expect(await one.write(wanted, signal, turn)).toMatchObject({ generation: 3 });
    expect(writes).toEqual([3]);
    expect(log.text()).toContain('not ours any more');
    isTaken = false;
    expect(await one.write(wanted, signal, turn)).toMatchObject({ generation: 3 });
    expect(writes).toEqual([3]);
  });

  it.each([true, false])(
    'takes the password that changed while it waited (told all hosts: %s)',
    async told => {
      const clock = new FakeClock();
      const { client, writes, other } = cluster(1, OLD);
      const raise = async () => {
        other(2, new Date(clock.now()).toISOString());
        return told;
      };
      expect(await writer(client, clock, raise).write(wanted, signal, turn)).toMatchObject({ generation: 2 });
      expect(writes).toEqual([]);
    },
  );

  it('keeps the old one, and says so, while a host cannot be told', async () => {
    const { client, writes } = cluster(1, OLD);
    const log = fakeLogger();
    const one = writer(client, new FakeClock(), async () => false, log);
    expect(await one.write(wanted, signal, turn)).toMatchObject({ generation: 1 });
    expect(writes).toEqual([]);
    expect(log.lines).toMatchObject([{ level: 'warn', fields: { user: 'alice' } }]);
  });

  /** Who cannot tell the others anything just now, and hears them all the same. */
  class Mute extends MemoryCache {
    override async broadcast(): Promise<never> {
      throw new CacheError('ERR_CACHE_UNAVAILABLE', 'mute');
    }
  }

  it.each([
    ['', new Date().toISOString(), 0],
    [', though it would write that itself and cannot tell so', OLD, 0],
    [', though a store that was emptied says that it is its own turn', new Date().toISOString(), 7],
  ])('waits for the password that another host is about to write%s', async (_name, since, fence) => {
    const now = new Date().toISOString();
    const { client, writes, other } = cluster(1, since);
    const log = fakeLogger();
    const deps = { clock: systemClock, random: randomBytes, log, space: new MemorySpace() };
    const [here, there] = [new Mute(deps), new MemoryCache(deps)];
    const provisioner = new Provisioner({
      ...{ hosts: [], client, passwords, roles: () => ['viewer'], cache: here, clock: systemClock, log },
      // As where the store is away: nobody says whose turn it is.
      flights: {
        run: async (_name, work) => ({ status: 'done', value: await work({ signal, fence }), ran: true }),
      },
      ...{ cacheSeconds: 3_600, extendCache: false, passwordSeconds: 3_600 },
    });
    const fences = new Fences(there, systemClock, () => {});
    try {
      const given = async () => {
        const answer = await provisioner.provision(person('alice'), 'directory');
        return answer.status === 'ready' ? answer.authorization : answer.status;
      };
      expect(await given()).toBe(passwords.authorization('alice', 1));
      await there.delete({ kind: 'elastic-known', name: 'alice' });
      const raised = fences.raise('alice', signal, 2);
      await waitUntil('the fence', () => fences.pending('alice') === 2);
      const waiting = given();
      expect(await raised).toBe(true);
      other(2, now);
      expect(await waiting).toBe(passwords.authorization('alice', 2));
      expect(writes).toEqual([]);
      // Whose turn it is not keeps what it has come to for itself.
      const known = await here.get({ kind: 'elastic-known', name: 'alice' });
      expect(known === undefined ? 0 : JSON.parse(Buffer.from(known).toString()).turn).toBe(fence);
    } finally {
      fences.close();
      provisioner.close();
    }
  });

  it('is told of users of any name', async () => {
    const deps = { clock: systemClock, random: randomBytes, log: fakeLogger(), space: new MemorySpace() };
    const fences = new Fences(new MemoryCache(deps), systemClock, () => {});
    try {
      const names = ['"'.repeat(255), '\\'.repeat(255), 'é'.repeat(84), 'a'.repeat(255)];
      const told = names.map(name => fences.raise(name, signal));
      expect(await Promise.all(told)).toEqual(names.map(() => true));
    } finally {
      fences.close();
    }
  });
});
