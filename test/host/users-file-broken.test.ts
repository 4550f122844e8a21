import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { hash } from '@node-rs/argon2';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { header } from '../support/guest.ts';
import { basic, type Service, startService } from '../support/service.ts';
import { between, moment } from '../support/stopwatch.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { waitUntil } from '../support/wait.ts';

/** A change counts within two seconds. */
const PROMISED_MS = 2_000;

const users = async (passwords: Readonly<Record<string, string>>) => {
  const lines = await Promise.all(
    Object.entries(passwords).map(async ([name, password]) => {
      const digest = await hash(password, { memoryCost: 64, timeCost: 1, parallelism: 1 });
      return `  ${name}:\n    password: '${digest}'\n`;
    }),
  );
  return `users:\n${lines.join('')}`;
};

describe('the real service when its users file changes', () => {
  let service: Service;
  beforeEach(async () => {
    service = await startService(await users({ alice: 'pw-alice', bob: 'pw-bob' }));
  });
  afterEach(() => service.stop());
  afterAll(removeTempDirectories);

  const health = async () => JSON.parse(await service.get('/health'));
  const metric = async (name: string) =>
    new RegExp(`^${name} (\\d+)$`, 'm').exec(await service.get('/metrics'))?.[1];
  const write = (text: string) => {
    writeFileSync(`${service.usersFile}.new`, text);
    renameSync(`${service.usersFile}.new`, service.usersFile);
  };

  it.each([
    [
      'cut in the middle',
      () => writeFileSync(service.usersFile, "users:\n  alice:\n    password: '$argon2id$v=1"),
    ],
    ['emptied', () => writeFileSync(service.usersFile, '')],
    ['removed', () => rmSync(service.usersFile)],
    [
      'with one digest of a kind that is not verified',
      () => write("users:\n  alice:\n    password: '$y$j9T$x$y'\n"),
    ],
  ])('keeps the old users while it is %s, says so, and goes on when it is mended', async (_name, damage) => {
    expect((await service.login('alice:pw-alice')).status).toBe(200);
    const guest = service.guest();
    const verdict = (credential: string) =>
      header(
        guest.ask({ host: 'app.example.com', headers: [['Authorization', basic(credential)]] }),
        'Postern-Verdict',
      )?.slice(0, 5);
    expect(verdict('alice:pw-alice')).toBe('allow');

    damage();
    const damaged = moment();
    await waitUntil('the log line', () =>
      service.child.stderr.includes('the users file cannot be used, the users read before stay in force'),
    );
    expect(between(damaged)).toBeLessThan(PROMISED_MS);
    expect(await health()).toMatchObject({ status: 'DEGRADED', users: { status: 'broken' } });
    expect([await metric('postern_users_file_ok'), await metric('postern_users_file_errors_total')]).toEqual([
      '0',
      '1',
    ]);
    // The old users, with a grant and without.
    expect(verdict('alice:pw-alice')).toBe('allow');
    expect((await service.login('bob:pw-bob')).status).toBe(200);
    expect(verdict('bob:pw-bob')).toBe('allow');

    write(await users({ alice: 'new-alice', bob: 'pw-bob' }));
    const mended = moment();
    await waitUntil('the new users', async () => (await health()).status === 'OK');
    await waitUntil('the revocation', () => verdict('alice:pw-alice') === 'defer');
    expect(between(mended)).toBeLessThan(PROMISED_MS);
    expect(await metric('postern_users_file_ok')).toBe('1');
    expect((await service.login('alice:new-alice')).status).toBe(200);
    expect((await service.login('alice:pw-alice')).status).toBe(401);
    expect(service.child.stderr).not.toMatch(/pw-alice|\$argon2id\$|j9T/);
  });

  it('says a thing once while the file stays broken', async () => {
    rmSync(service.usersFile);
    await waitUntil('the log line', () => service.child.stderr.includes('the users file cannot be used'));
    await new Promise(resolve => setTimeout(resolve, 1_500));
    expect(await metric('postern_users_file_errors_total')).toBe('1');
    expect(service.child.stderr.match(/the users file cannot be used/g)).toHaveLength(1);
  });
});
