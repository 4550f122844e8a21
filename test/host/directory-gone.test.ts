import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeDirectory } from '../support/host-fakes.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { waitUntil } from '../support/wait.ts';

let base: string;
let directory: string;
let test: TestApp;
beforeEach(async () => {
  base = mkdtempSync('/dev/shm/postern-gone-');
  directory = join(base, 'guest');
  const users = new FakeDirectory();
  users.put('alice', 'password-alice');
  test = await startTestApp({ guestDirectory: directory, users });
});
afterEach(async () => {
  await test.stop();
  rmSync(base, { recursive: true, force: true });
});

const login = () =>
  test.get('/api/authz/forward-auth', [
    ['X-Forwarded-Method', 'GET'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'app.example.com'],
    ['X-Forwarded-Uri', '/'],
    ['Authorization', `Basic ${Buffer.from('alice:password-alice').toString('base64')}`],
  ]);
const messages = () => test.log.lines.map(({ message }) => message);
const written = () =>
  waitUntil('the directory to be written again', () =>
    messages().includes('the guest directory is written again'),
  );

describe('the guest directory, removed under the running host', () => {
  it('is made again with its mode, and told once', async () => {
    rmSync(directory, { recursive: true });
    await test.clock.advance(1_000);
    await written();
    expect(statSync(directory).mode & 0o777).toBe(0o750);
    expect(readdirSync(directory).map(name => name.split('-')[0])).toEqual(
      expect.arrayContaining(['grants', 'lock', 'policy', 'state']),
    );
    await test.clock.advance(3_000);
    expect((await login()).status).toBe(200);
    expect(messages().filter(message => message.startsWith('the guest directory was removed'))).toEqual([
      'the guest directory was removed: it is made anew; restart what has the old one mounted, such as a container',
    ]);
  });

  it('is waited for while something else stands there, and each reason told once', async () => {
    rmSync(directory, { recursive: true });
    writeFileSync(directory, '');
    await test.clock.advance(1_000);
    const why = () => test.log.lines.filter(({ fields }) => /is not a directory/.test(String(fields.error)));
    await waitUntil('a reason', () => why().length > 0);
    // It goes on answering, without a place for grants.
    expect((await login()).status).toBe(200);
    // Long enough for another try.
    await new Promise(resolve => setTimeout(resolve, 1_300));
    expect(why()).toHaveLength(1);
    rmSync(directory);
    await written();
    expect(existsSync(join(directory, 'state'))).toBe(true);
  });

  it('the host can be stopped while it waits', async () => {
    rmSync(base, { recursive: true });
    await test.clock.advance(1_000);
    const why = () =>
      test.log.lines.filter(({ fields }) => /cannot be made \(ENOENT\)/.test(String(fields.error)));
    await waitUntil('a reason', () => why().length > 0);
    await test.stop();
    expect(existsSync(base)).toBe(false);
  });
});
