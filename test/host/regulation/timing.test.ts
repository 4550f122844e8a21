import { hash } from '@node-rs/argon2';
import { afterAll, expect, it } from 'vitest';
import { startService } from '../../support/service.ts';
import { removeTempDirectories } from '../../support/temp.ts';
import type { Answer } from '../../support/test-app.ts';

/** Authelia's delay, and how far medians may lie apart. */
const HELD_MS = 2_000;
const APART_MS = 250;
const EACH = 5;
/** What tells them apart does so in every round; a machine that stands still for a moment in some. */
const ROUNDS = 4;

afterAll(removeTempDirectories);

it('nobody sees by bytes or by time whether a user is banned, unknown, disabled, or the password wrong', async () => {
  const digest = await hash('pw', { memoryCost: 8_192, timeCost: 1, parallelism: 1 });
  const names = Array.from({ length: EACH * ROUNDS }, (_, i) => [`known-${i}`, `disabled-${i}`]).flat();
  const users = Object.fromEntries(
    ['banned', ...names].map(name => [name, { password: digest, disabled: name.startsWith('disabled') }]),
  );
  const regulation = { max_retries: 3, find_time: '10m', ban_time: '30m' };
  const service = await startService(JSON.stringify({ users }), {}, { regulation });
  try {
    await Promise.all(['1', '2', '3'].map(wrong => service.login(`banned:${wrong}`)));
    const kinds: Record<string, (i: number) => string> = {
      banned: () => 'banned:pw',
      wrong: i => `known-${i}:wrong`,
      unknown: i => `nobody-${i}:pw`,
      disabled: i => `disabled-${i}:pw`,
    };
    const said = new Set<string>();
    /** How far the medians lie apart. */
    const round = async (first: number): Promise<number> => {
      const took: Record<string, number[]> = {};
      // All at once, so that the machine is as busy for each.
      const tries = Array.from({ length: EACH }, (_, i) =>
        Object.entries(kinds).map(async ([kind, credential]) => {
          const began = performance.now();
          const answer = await service.login(credential(first + i));
          took[kind] = [...(took[kind] ?? []), performance.now() - began];
          said.add(bytesOf(answer));
        }),
      );
      await Promise.all(tries.flat());
      expect(Math.min(...Object.values(took).flat())).toBeGreaterThanOrEqual(HELD_MS);
      const medians = Object.values(took).map(
        times => times.sort((a, b) => a - b)[Math.floor(EACH / 2)] ?? 0,
      );
      expect(medians).toHaveLength(4);
      return Math.max(...medians) - Math.min(...medians);
    };
    const apart: number[] = [];
    do apart.push(await round(apart.length * EACH));
    while (Math.min(...apart) >= APART_MS && apart.length < ROUNDS);
    expect(said.size).toBe(1);
    expect(Math.min(...apart), apart.join(' ')).toBeLessThan(APART_MS);
    // A banned attempt costs no hash.
    const metrics = await service.get('/metrics');
    const counted = (line: string) => Number(new RegExp(`^${line} (\\d+)$`, 'm').exec(metrics)?.[1]);
    expect(counted('postern_authentication_attempts_total\\{result="banned"\\}')).toBe(EACH * apart.length);
    const hashes =
      counted('postern_password_verifications_total\\{result="failure"\\}') +
      counted('postern_password_verifications_total\\{result="success"\\}');
    expect(hashes).toBe(3 + 3 * EACH * apart.length);
    expect((await service.login('known-0:pw')).status).toBe(200);
  } finally {
    await service.stop();
  }
}, 60_000);

function bytesOf({ status, headers, body }: Answer): string {
  const { date: _, ...rest } = headers;
  return JSON.stringify([status, rest, body]);
}
