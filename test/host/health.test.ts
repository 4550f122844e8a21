import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';

describe.each(['/health', '/api/health'])('%s', path => {
  let test: TestApp;
  beforeEach(async () => {
    test = await startTestApp();
  });
  afterEach(async () => {
    await test.stop();
    test.clean();
  });
  const health = async () => {
    const answer = await test.get(path);
    expect(answer.status).toBe(200);
    return JSON.parse(answer.body);
  };

  it('says OK with details', async () => {
    await test.clock.advance(900);
    expect(await health()).toEqual({
      status: 'OK',
      heartbeat: { status: 'ok', age_ms: 900 },
      users: { status: 'ok' },
      grants: { status: 'ok' },
    });
    expect((await test.get(path)).headers['content-type']).toBe('application/json; charset=utf-8');
    expect(await test.get(path, [], 'HEAD')).toMatchObject({ status: 200, body: '' });
    expect((await test.get(path, [], 'POST')).status).toBe(405);
  });

  it('shows a broken users file', async () => {
    test.usersOk = false;
    expect(await health()).toMatchObject({ status: 'DEGRADED', users: { status: 'broken' } });
  });

  it('shows a heartbeat that fails', async () => {
    const away = `${test.guestDirectory}-away`;
    renameSync(test.guestDirectory, away);
    // In the way of the directory that the host would make anew.
    writeFileSync(test.guestDirectory, '');
    await test.clock.advance(6_000);
    const shown = await health();
    rmSync(test.guestDirectory);
    renameSync(away, test.guestDirectory);
    expect(shown).toMatchObject({ status: 'DEGRADED', heartbeat: { status: 'stale' } });
  });

  it('is not for proxies', async () => {
    expect((await test.get(path, [['X-Forwarded-Uri', '/']])).status).toBe(403);
  });
});
