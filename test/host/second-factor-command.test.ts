import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { formatSecret } from '../../host/secret/secret.ts';
import { openStore } from '../../host/store/open.ts';
import type { FactorStore } from '../../host/store/store.ts';
import { runCli } from '../support/run-cli.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

const SECRET = randomBytes(32);
const env = { POSTERN_SECRET: formatSecret(SECRET) };
const CREATED = Date.UTC(2026, 10, 21, 12);

let home: string;

async function withFactors<T>(act: (factors: FactorStore) => Promise<T>): Promise<T> {
  const path = join(home, 'postern.sqlite3');
  const store = await openStore({ kind: 'sqlite', path }, { secret: SECRET, random: randomBytes });
  try {
    return await act(store.factors);
  } finally {
    await store.close();
  }
}

const factor = (args: readonly string[], terminal = false) =>
  runCli(['second-factor', ...args, '--config', join(home, 'postern.yml')], { env, terminal });

beforeEach(async () => {
  home = tempDirectory();
  writeFileSync(join(home, 'postern.yml'), 'storage: { local: { path: postern.sqlite3 } }\n');
  await withFactors(async factors => {
    for (const [id, name] of [
      ['3f9c-one', 'Telephone'],
      ['3f9c-two', 'Tablet \u001b[31m'],
      ['77b0', 'Key'],
    ] as const) {
      await factors.add({
        ...{ id, name, username: 'alice', algorithm: 'SHA1', digits: 6, period: 30, lastStep: 1 },
        secret: Buffer.from('the very secret seed'),
        createdAt: CREATED,
      });
    }
    await factors.setRecoveryCodes('alice', ['ONE', 'TWO']);
  });
});
afterAll(removeTempDirectories);

describe('postern second-factor', () => {
  it('lists devices without their secrets, for people and programs', async () => {
    const piped = await factor(['list', 'alice']);
    expect([piped.code, piped.out.split('\n')[2]]).toEqual([
      0,
      '77b0\tKey\tSHA1, 6 digits, 30 s\t2026-11-21T12:00:00Z',
    ]);
    const { out, err } = await factor(['list', 'alice'], true);
    expect(out).toMatch(/^ID +NAME +KIND +SINCE\n/);
    expect(out).not.toContain('\u001b');
    expect(err).toContain('recovery codes left: 2');
    const json = await factor(['list', 'alice', '--json']);
    expect(JSON.parse(json.out)).toMatchObject({ recovery_codes: 2, devices: { length: 3 } });
    for (const text of [piped.out, out, json.out]) expect(text).not.toMatch(/secret|seed/);
    expect((await factor(['list', 'bob'], true)).err).toContain('there is no second factor');
  });

  it('removes one of them by the beginning of its id', async () => {
    expect(await factor(['remove', 'alice', '--device', '77'])).toEqual({
      code: 0,
      out: '',
      err: 'removed: 1 device\n',
    });
    for (const id of ['3f9c', 'x']) {
      const answer = await factor(['remove', 'alice', '--device', id]);
      expect([answer.code, answer.err.startsWith('error: ')]).toEqual([1, true]);
    }
    expect(await factor(['remove', 'alice', '--device', ''])).toEqual({
      code: 2,
      out: '',
      err: 'error: --device must not be empty\n',
    });
    expect(await withFactors(async factors => (await factors.ofUser('alice')).length)).toBe(2);
    expect(await withFactors(factors => factors.recoveryCodesLeft('alice'))).toBe(2);
  });

  it('removes all of them with the recovery codes, and nobody else’s', async () => {
    expect((await factor(['remove', 'bob'])).err).toBe('removed: 0 devices\n');
    expect((await factor(['remove', 'alice'])).err).toBe('removed: 3 devices\n');
    expect(await withFactors(factors => factors.ofUser('alice'))).toEqual([]);
    expect(await withFactors(factors => factors.recoveryCodesLeft('alice'))).toBe(0);
  });

  it('tells programs what was removed, and how many recovery codes are left', async () => {
    const told = async (...args: string[]) => {
      const { code, out, err } = await factor(['remove', ...args, '--json']);
      expect([code, err]).toEqual([0, '']);
      expect(out).not.toMatch(/secret|seed/);
      return JSON.parse(out);
    };
    expect(await told('alice', '--device', '77')).toEqual({
      user: 'alice',
      removed: [
        {
          ...{ id: '77b0', name: 'Key', algorithm: 'SHA1', digits: 6, period: 30 },
          since: '2026-11-21T12:00:00Z',
        },
      ],
      recovery_codes: 2,
    });
    expect(await told('alice')).toMatchObject({ removed: { length: 2 }, recovery_codes: 0 });
    expect(await told('bob')).toEqual({ user: 'bob', removed: [], recovery_codes: 0 });
  });

  it('shows and removes, too, what does not open any more', async () => {
    const database = new Database(join(home, 'postern.sqlite3'));
    database.exec("update totp_devices set secret = x'00', algorithm = 'MD5' where id = '77b0'");
    database.close();
    await expect(withFactors(factors => factors.ofUser('alice'))).rejects.toThrow('restore a backup');
    expect((await factor(['list', 'alice'])).out).toContain('77b0\tKey\tMD5, 6 digits, 30 s\t');
    expect((await factor(['remove', 'alice', '--device', '77b0'])).err).toBe('removed: 1 device\n');
    expect(await withFactors(factors => factors.ofUser('alice'))).toHaveLength(2);
  });

  it('says what is missing', async () => {
    writeFileSync(join(home, 'postern.yml'), '');
    const answer = await factor(['list', 'alice']);
    expect([answer.code, answer.err]).toEqual([1, expect.stringContaining('has no `storage`')]);
    expect((await factor(['list'])).code).toBe(2);
  });
});
