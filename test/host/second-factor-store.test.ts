import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { TOTP, URI } from 'otpauth';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MemoryCache, MemorySpace } from '../../host/cache/memory-cache.ts';
import { systemClock } from '../../host/clock.ts';
import { TOTP_DEFAULTS } from '../../host/config/totp.ts';
import { silentLogger } from '../../host/log/logger.ts';
import { StoredFactors } from '../../host/second-factor/stored-factors.ts';
import type { StoreSettings } from '../../host/store/database.ts';
import { openStore } from '../../host/store/open.ts';
import type { Store } from '../../host/store/store.ts';
import { describePostgres, PATIENT, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/** Two hosts with one database, each with a connection of its own. */
function describeTwoHosts(title: string, place: () => StoreSettings): void {
  describe(`two hosts and ${title}`, () => {
    const JOHN = { username: 'john', sessionId: 'session-1' };
    const PERIOD = TOTP_DEFAULTS.period * 1_000;
    let settings: StoreSettings;
    let stores: Store[];
    let now: number;
    let space: MemorySpace;

    const open = async () => {
      const store = await openStore(settings, { secret: Buffer.alloc(32, 3), random: randomBytes });
      stores.push(store);
      const clock = { ...systemClock, now: () => now };
      const cache = new MemoryCache({ clock, random: randomBytes, log: silentLogger, space });
      return new StoredFactors({
        setup: TOTP_DEFAULTS,
        store: store.factors,
        cache,
        clock,
        random: randomBytes,
      });
    };
    const register = async (factors: StoredFactors) => {
      const totp = URI.parse((await factors.beginRegistration(JOHN)).uri);
      if (!(totp instanceof TOTP)) throw new TypeError('no time-based key');
      const code = () => totp.generate({ timestamp: now });
      const finished = await factors.finishRegistration(JOHN, { code: code(), name: 'Telephone' });
      now += PERIOD;
      return { code, codes: finished.state === 'good' ? (finished.recoveryCodes ?? []) : [] };
    };

    beforeEach(() => {
      settings = place();
      stores = [];
      now = 1_900_000_005_000;
      space = new MemorySpace();
    });
    afterEach(async () => {
      for (const store of stores) await store.close();
    });

    it('take a code once, however often both are asked at the same time', async () => {
      const [one, two] = [await open(), await open()];
      const { code } = await register(one);
      for (let round = 0; round < 5; round++) {
        const answers = await Promise.all([one, two, one, two].map(host => host.verifyCode('john', code())));
        expect(answers.filter(answer => answer === 'good')).toHaveLength(1);
        // Three failures a round would be too many after two.
        space.entries.clear();
        now += PERIOD;
      }
    });

    it('take a recovery code once, and know the new ones of the other', async () => {
      const [one, two] = [await open(), await open()];
      const { codes } = await register(one);
      const [first = '', second = ''] = codes;
      const answers = await Promise.all([one, two].map(host => host.verifyRecoveryCode('john', first)));
      expect(answers.sort()).toEqual(['bad', 'good']);
      const [fresh = ''] = await two.newRecoveryCodes('john');
      expect(await one.verifyRecoveryCode('john', second)).toBe('bad');
      expect(await one.verifyRecoveryCode('john', fresh)).toBe('good');
      expect(await two.recoveryCodesLeft('john')).toBe(9);
    });

    it('finish a registration that the other one began, and go on after a restart', async () => {
      const [one, two] = [await open(), await open()];
      const totp = URI.parse((await one.beginRegistration(JOHN)).uri) as TOTP;
      const code = () => totp.generate({ timestamp: now });
      expect(await two.finishRegistration(JOHN, { code: code(), name: '' })).toMatchObject({ state: 'good' });
      const used = code();
      for (const store of stores.splice(0)) await store.close();
      space = new MemorySpace();
      const later = await open();
      expect(await later.verifyCode('john', used)).toBe('bad');
      now += PERIOD;
      expect(await later.verifyCode('john', code())).toBe('good');
      expect((await later.devices('john')).map(({ name }) => name)).toEqual(['Authenticator 1']);
    });
  });
}

afterAll(removeTempDirectories);

describeTwoHosts('SQLite', () => ({ kind: 'sqlite', path: join(tempDirectory(), 'postern.sqlite3') }));

describePostgres('second factors with PostgreSQL', binaries => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres(binaries);
  });
  afterAll(() => server?.stop());

  describeTwoHosts('PostgreSQL', () => ({ ...server.createSettings(), ...PATIENT }));
});
