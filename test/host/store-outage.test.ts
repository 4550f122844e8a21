import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../../host/store/ask.ts';
import { openDatabase } from '../../host/store/database.ts';
import { openStoreInTime } from '../../host/store/late.ts';
import { openStore } from '../../host/store/open.ts';
import type { Store, StoreError } from '../../host/store/store.ts';
import type { Tables } from '../../host/store/tables.ts';
import { type Forwarder, startForwarder } from '../support/forwarder.ts';
import { describePostgres, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { between, moment } from '../support/stopwatch.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { sleep, waitUntil } from '../support/wait.ts';

/** A connection that has to be made, a statement and a machine with other things to do. */
const IN_TIME_MS = 9_000;
const BAN = { kind: 'user', until: null, reason: 'r', created_at: 1, source: 'operator' } as const;

/** Every way in which PostgreSQL can fail, at every moment: a `StoreError` each time, and never the process. */
describePostgres('PostgreSQL', binaries => {
  let server: PostgresServer;
  let way: Forwarder;
  let database: string;
  let store: Store;
  let db: Kysely<Tables>;
  const uncaught: unknown[] = [];
  const note = (error: unknown) => void uncaught.push(error);

  beforeAll(async () => {
    server = await startPostgres(binaries);
    process.on('uncaughtExceptionMonitor', note);
  });
  beforeEach(async () => {
    uncaught.length = 0;
    const settings = server.createSettings();
    database = settings.database;
    way = await startForwarder(server.port);
    // Once more where a busy machine lets the server answer too late.
    store = await waitUntil('the store', () =>
      openStore({ ...settings, port: way.port }, { secret: Buffer.alloc(32, 3), random: randomBytes }),
    );
    db = await openDatabase({ ...settings, port: way.port });
    await waitUntil('a connection', () => ask(() => db.selectFrom('bans').selectAll().execute()));
  });
  afterEach(async () => {
    await way.set('open');
    await store.close();
    await db.destroy();
    await way.stop();
  });
  afterAll(async () => {
    process.off('uncaughtExceptionMonitor', note);
    await server?.stop();
    removeTempDirectories();
  });

  const terminate = () =>
    server.sql(
      database,
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
  const put = (in_: Kysely<Tables>, subject: string) =>
    in_
      .insertInto('bans')
      .values({ ...BAN, subject })
      .execute();
  /** Whether so many statements of this database sleep. */
  const sleeping = (count: number) => () =>
    server.sql(
      database,
      "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
    ) === String(count);
  const subjects = () => server.sql(database, 'select subject from bans order by 1');

  /** Rejects as it must, in time; nothing escapes it. */
  async function isAway(work: () => Promise<unknown>): Promise<void> {
    const began = moment();
    const error = await work().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toMatchObject({ name: 'StoreError', code: 'ERR_STORE_UNAVAILABLE' });
    expect((error as Error).message).toMatch(/cannot be asked \((?:E[A-Z]+|57P0[13])\)/);
    expect((error as Error).message).not.toMatch(/select|insert|first|second|horse/);
    expect(between(began)).toBeLessThan(IN_TIME_MS);
    // What comes with the connection's end, after the answer.
    await sleep(50);
    expect(uncaught).toEqual([]);
  }

  async function isBack(): Promise<void> {
    await waitUntil('the database', async () => {
      await store.ping().catch(() => {});
      await store.bans.put({ ...BAN, subject: 'later', until: undefined, createdAt: 1 });
      return true;
    });
    // Not within a transaction that somebody else left open: others see it.
    expect(subjects().split('\n')).toContain('later');
    const idle = `select count(*) from pg_stat_activity where datname = '${database}' and state like 'idle in transaction%'`;
    await waitUntil('no open transaction', () => server.sql('postgres', idle) === '0');
  }

  const FAULTS: Record<string, () => unknown> = {
    'ended by the administrator (57P01)': terminate,
    'closed on the way': () => way.cut('close'),
    'reset on the way': () => way.cut('reset'),
    'away: nobody listens': () => way.set('refuse'),
    'silent: nothing comes or goes': () => way.set('silent'),
  };

  describe.each(Object.entries(FAULTS))('%s', (name, fail) => {
    it('between two statements of a transaction', async () => {
      await isAway(() =>
        ask(() =>
          db.transaction().execute(async transaction => {
            await put(transaction, 'first');
            await fail();
            // As long as it takes until the news is there: without a statement nobody waits for it.
            if (!name.startsWith('silent')) await sleep(100);
            await put(transaction, 'second');
          }),
        ),
      );
      await way.set('open');
      await isBack();
      expect(subjects()).not.toMatch(/first|second/);
    });

    it('while statements run', async () => {
      const { sql } = await import('kysely');
      const running: Promise<void>[] = [];
      // One that a busy machine has ended is begun anew.
      let missing = 3;
      const begin = () =>
        isAway(() => ask(() => sql`select pg_sleep(20)`.execute(db))).finally(() => void missing++);
      await waitUntil('the statements to run', () => {
        for (; missing > 0; missing--) running.push(begin());
        return sleeping(3)();
      });
      await fail();
      await Promise.all(running);
      await way.set('open');
      await isBack();
    });

    it('before anybody asks', async () => {
      await fail();
      await sleep(100);
      const isStaying = name.startsWith('away') || name.startsWith('silent');
      for (let i = 0; isStaying && i < 2; i++) {
        await isAway(() => store.sessions.find('x'));
        await isAway(() => store.sessions.remove('x', 1));
      }
      expect(uncaught).toEqual([]);
      await way.set('open');
      await isBack();
    });
  });

  it('that hangs up on everybody who comes', async () => {
    await way.set('hang-up');
    way.cut('close');
    await sleep(50);
    await isAway(() => store.revocations.last());
    await way.set('open');
    await isBack();
  });

  describe('that is away when the service starts', () => {
    const told: string[] = [];
    const events = {
      onAway: ({ code, reason }: StoreError) => void told.push(`${code} ${reason}`.trim()),
      onOpened: () => void told.push('opened'),
    };
    const deps = { secret: Buffer.alloc(32, 3), random: randomBytes };
    const settings = () => ({ ...server.createSettings(), database, port: way.port });
    beforeEach(() => {
      told.length = 0;
    });

    it('is used as soon as it is there, and refuses until then', async () => {
      await way.set('refuse');
      const late = await openStoreInTime(settings(), deps, events);
      const calls = [
        () => late.sessions.find('x'),
        () => late.sessions.removeAll('alice', 1),
        () => late.factors.ofUser('alice'),
        () => late.bans.against('alice', '192.0.2.1', 1),
        () => late.revocations.last(),
        () => late.sweep(1),
        () => late.ping(),
      ];
      for (const call of calls) await isAway(call);
      expect(told).toEqual(['ERR_STORE_UNAVAILABLE ECONNREFUSED']);
      await way.set('open');
      await waitUntil('the database', () => told.includes('opened'));
      for (const call of calls) await call();
      expect(told).toHaveLength(2);
      await late.close();
    });

    it('and then has another root secret, opens nothing and says so', async () => {
      await way.set('refuse');
      const late = await openStoreInTime(settings(), { ...deps, secret: Buffer.alloc(32, 4) }, events);
      await way.set('open');
      await waitUntil('the reason', () => told.includes('ERR_STORE_SEALED'));
      await expect(late.sessions.find('x')).rejects.toMatchObject({
        code: 'ERR_STORE_UNAVAILABLE',
        message: expect.stringContaining('another root secret'),
      });
      await late.close();
      expect(told).not.toContain('opened');
    });

    it('ends with the service that waits for it', async () => {
      await way.set('silent');
      const late = await openStoreInTime(settings(), deps, events);
      await sleep(1_100);
      await late.close();
      await way.set('open');
      await sleep(1_500);
      expect(told).not.toContain('opened');
    });

    it('but not by a wrong password, name or secret: that is told at once', async () => {
      /** Once more where a busy machine lets the server answer too late: then it is away, and rightly so. */
      const problemOf = async (wrong: object, given = deps): Promise<unknown> => {
        for (;;) {
          told.splice(0);
          try {
            const late = await openStoreInTime({ ...settings(), ...wrong }, given, events);
            await late.close();
          } catch (error) {
            return error;
          }
        }
      };
      for (const wrong of [{ password: 'wrong horse' }, { database: 'no_such' }, { username: 'nobody' }]) {
        expect(await problemOf(wrong)).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
        expect(told).toEqual([]);
      }
      const other = { ...deps, secret: Buffer.alloc(32, 4) };
      expect(await problemOf({}, other)).toMatchObject({ code: 'ERR_STORE_SEALED' });
      expect(told).toEqual([]);
    });
  });

  it('with too many who wait', async () => {
    let begun = 0;
    let end = () => {};
    const ended = new Promise<void>(resolve => {
      end = resolve;
    });
    const busy: Promise<void>[] = [];
    for (let i = 1; i <= 10; i++) {
      busy.push(
        db.transaction().execute(() => {
          begun++;
          return ended;
        }),
      );
      await waitUntil('a connection', () => begun === i);
    }
    await isAway(() => ask(() => db.selectFrom('bans').selectAll().execute()));
    end();
    await Promise.all(busy);
    await isBack();
  });

  it('that starts and stops while many ask', async () => {
    let isOver = false;
    const codes = new Set<string>();
    const asking = Array.from({ length: 8 }, async (_, i) => {
      while (!isOver) {
        const failed = await store.sessions.removeAll(`user-${i}`, 1).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (failed !== undefined) codes.add((failed as { code?: string }).code ?? String(failed));
        await sleep(5);
      }
    });
    await server.stop();
    await sleep(300);
    await server.restart();
    await isBack();
    isOver = true;
    await Promise.all(asking);
    expect([...codes]).toEqual(['ERR_STORE_UNAVAILABLE']);
    expect(uncaught).toEqual([]);
  });
});
