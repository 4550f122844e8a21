import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formOf, setCookies, startPortal, type TestPortal, Visitor } from '../../support/portal.ts';

const SESSION = '__Secure-postern_session';
const CLEARED =
  '__Secure-postern_session=; Domain=example.com; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax';

describe('signing out', () => {
  let portal: TestPortal;
  let here: Visitor;
  let there: Visitor;

  beforeEach(async () => {
    portal = await startPortal();
    portal.users.put('john', 'password');
    here = new Visitor(portal.port);
    there = new Visitor(portal.port);
    await here.signIn('john', 'password');
    await there.signIn('john', 'password');
  });

  afterEach(() => portal.stop());

  it('asks first: a GET ends nothing', async () => {
    const page = await here.get('/logout');
    expect(page.status).toBe(200);
    expect(page.body).toContain('You are signed in as <strong><bdi>john</bdi></strong>');
    expect(portal.sessions.live.size).toBe(2);
  });

  it('ends the session of this device', async () => {
    const answer = await here.submit(formOf(await here.get('/logout'), 'sign-out'));
    expect(answer).toMatchObject({ status: 303, headers: { location: '/logout?done=here' } });
    expect(setCookies(answer)).toEqual([CLEARED]);
    expect((await here.get('/logout?done=here')).body).toContain('You are signed out on this device.');
    expect((await here.get('/')).body).toContain('<form id="sign-in"');
    expect((await there.get('/')).body).toContain('You are signed in');
  });

  it('ends the sessions of all devices', async () => {
    const answer = await here.submit(formOf(await here.get('/logout'), 'sign-out-everywhere'));
    expect(answer).toMatchObject({ status: 303, headers: { location: '/logout?done=everywhere' } });
    expect((await here.get('/logout?done=everywhere')).body).toContain('signed out on all devices');
    expect((await there.get('/')).body).toContain('<form id="sign-in"');
    expect(portal.log.lines).toContainEqual({
      level: 'info',
      message: 'signed out',
      fields: { user: 'john', client: '198.51.100.7', host: 'example.com', count: 2 },
    });
  });

  it('leads back to a page of ours, and to no other', async () => {
    const page = await here.get('/logout?rd=https%3A%2F%2Fapp.example.com%2Fbye');
    const answer = await here.submit(formOf(page, 'sign-out'));
    expect(answer.headers.location).toMatch(/^\/logout\?done=here&return=/);
    const done = await here.get(String(answer.headers.location));
    expect(done.body).toContain('content="0; url=&#39;https://app.example.com/bye&#39;"');
    for (const rd of ['https://evil.example/', '//evil.example', 'https://example.com@evil.example/']) {
      const other = await there.get(`/logout?rd=${encodeURIComponent(rd)}`);
      expect(other.body).not.toContain('evil.example');
      expect(formOf(other, 'sign-out').fields).not.toHaveProperty('return');
    }
  });

  it('tells nobody that it is done while the database does not answer', async () => {
    const form = formOf(await here.get('/logout'), 'sign-out');
    portal.sessions.isDown = true;
    const answer = await here.submit(form);
    expect(answer.status).toBe(503);
    expect(setCookies(answer)).toEqual([]);
    portal.sessions.isDown = false;
    expect((await here.get('/')).body).toContain('You are signed in');
  });

  it('says so when nobody is signed in', async () => {
    const form = formOf(await here.get('/logout'), 'sign-out');
    here.jar.delete(SESSION);
    expect((await here.get('/logout')).body).toContain('Nobody is signed in here.');
    // The form is of a session that is gone: what was wanted is so, unless it was more.
    expect(await here.submit(form)).toMatchObject({ status: 303, headers: { location: '/logout' } });
    const everywhere = formOf(await there.get('/logout'), 'sign-out-everywhere');
    const answer = await here.submit(everywhere);
    expect(answer.status).toBe(400);
    expect(answer.body).toContain('This page is out of date');
    expect(portal.sessions.live.size).toBe(2);
  });
});
