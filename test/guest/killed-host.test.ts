import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, expect, it } from 'vitest';
import { deriveGuestKey } from '../../host/secret/derive.ts';
import { formatGuestKey } from '../../host/secret/secret.ts';
import { startGuest } from '../support/guest.ts';
import { FakeClock, FakeDirectory } from '../support/host-fakes.ts';
import { asks, imageOf, RULES, startSlice } from '../support/slice.ts';
import { tempDirectory } from '../support/temp.ts';
import { sleep } from '../support/wait.ts';

/** POSTERN_KILLS=1000 for the long form. */
const KILLS = Number(process.env.POSTERN_KILLS ?? 25);

const KEY = formatGuestKey(deriveGuestKey(Buffer.alloc(32, 7)));

const directory = mkdtempSync('/dev/shm/postern-kill-');
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it(`finds whole records or none after each of ${KILLS} kills at random points`, async () => {
  const home = tempDirectory();
  const [script, image] = [join(home, 'host.mjs'), join(home, 'image')];
  await build({
    entryPoints: [fileURLToPath(new URL('../support/restless-host.ts', import.meta.url))],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
  });
  writeFileSync(image, imageOf(RULES));
  const users = new FakeDirectory();
  const names = Array.from({ length: 20 }, (_, i) => `u${i}`);
  for (const name of names) users.put(name, `password-${name}`);
  const guestAt = (now: () => number) =>
    startGuest({ directory: '/guest' }, { key: KEY, mounts: { '/guest': directory }, now });
  let [allowed, asked, askedMeanwhile] = [0, 0, 0];
  for (let i = 0; i < KILLS; i++) {
    const child = spawn(process.execPath, [script, directory, image], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    // One that reads while all is being written; its clock goes backwards, so it reads the page each time.
    let back = 0;
    const reader = guestAt(() => new FakeClock().now() - Math.min(back++, 1_900));
    for (const end = performance.now() + Math.random() * 20; performance.now() < end; await sleep(0)) {
      const name = names[askedMeanwhile++ % names.length] ?? '';
      expect([`allow:${name}`, 'defer']).toContain(asks(reader, name));
      expect(asks(reader, undefined, 'public.test')).toBe('allow:');
    }
    child.kill('SIGKILL');
    await once(child, 'close');
    // A guest that begins with what was left, and one that does once a host has taken over.
    const orphan = guestAt(() => new FakeClock().now());
    expect(asks(orphan, undefined, 'public.test')).toBe('allow:');
    const slice = startSlice({ directory, users });
    for (const guest of [orphan, slice.guest()]) {
      for (const name of names) {
        const outcome = asks(guest, name);
        expect([`allow:${name}`, 'defer']).toContain(outcome);
        allowed += outcome === 'defer' ? 0 : 1;
        asked++;
      }
      expect(asks(guest, undefined, 'public.test')).toBe('allow:');
    }
    expect(slice.log.lines.map(line => line.message)).toEqual([]);
    slice.publisher.stop('silent');
  }
  // Otherwise nothing was written before the kills.
  expect(allowed).toBeGreaterThan(asked / 4);
  expect(askedMeanwhile).toBeGreaterThan(KILLS / 2);
}, 600_000);
