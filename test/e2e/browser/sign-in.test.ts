import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_SESSION } from '../../../host/config/session.ts';
import { FormTokens, PORTAL_COOKIE } from '../../../host/portal/csrf.ts';
import { ReturnAddresses } from '../../../host/portal/return-address.ts';
import { parseSecret } from '../../../host/secret/secret.ts';
import {
  type Browser,
  type BrowserContext,
  describeBrowser,
  listen,
  openBrowser,
  openContext,
  type Page,
} from '../../support/browser.ts';
import { removeTempDirectories } from '../../support/temp.ts';
import { describeTraefik } from '../../support/traefik.ts';
import { PORTAL } from './home.ts';
import { type Household, startHousehold } from './household.ts';
import { isAtPortal, leavesPortal, PASSWORD, send, signIn, USERNAME } from './person.ts';
import { CALLS, SERVICES } from './services.ts';

/** Every cookie that begins so is ours. */
const OURS = /__(?:Secure|Host)-postern/;
const url = (name: string, path = '/') => `https://${name}.example.com${path}`;

/** Of an element in the browser; the tests are compiled without its types. */
interface Input {
  setAttribute(name: string, value: string): void;
}

/** Each page that the browser opens at the portal, redirections included. */
function portalPages(page: Page): string[] {
  const pages: string[] = [];
  page.on('framenavigated', frame => {
    if (frame === page.mainFrame() && frame.url().startsWith(PORTAL)) pages.push(frame.url());
  });
  return pages;
}

describeTraefik('signing in once, through Traefik with the guest', traefik => {
  describeBrowser('in Chromium', chromium => {
    let house: Household;
    let browser: Browser;
    beforeAll(async () => {
      house = await startHousehold({ traefik: traefik() });
      browser = await openBrowser(chromium, { port: house.port });
    });
    afterAll(async () => {
      await browser?.close();
      await house?.stop();
      removeTempDirectories();
    });

    describe.each([true, false])('with JavaScript: %s', scripts => {
      let context: BrowserContext;
      let page: Page;
      beforeEach(async () => {
        house.home.services.clear();
        context = await openContext(browser, { scripts });
        page = await context.newPage();
        return () => context.close();
      });
      const showsPage = async (name: string) => {
        expect(await page.locator('h1').textContent()).toBe(`${name}.example.com`);
        if (scripts) await page.getByText(`${CALLS} calls answered`).waitFor();
      };

      it('asks once for twelve services, and lands on the page that was asked for', async () => {
        const asked = url('uptime', '/status/page?since=1%2F2&x=a+b');
        const complaints = listen(page);
        const portal = portalPages(page);
        await page.goto(asked);
        await isAtPortal(page);
        expect(await page.locator('main').textContent()).toContain('uptime.example.com');
        // The icon of the last test's page may still be on its way.
        expect(house.home.services.visits.filter(({ host }) => host === 'uptime.example.com')).toEqual([]);
        await signIn(page, 'user');
        expect(await leavesPortal(page)).toBe(asked);
        await showsPage('uptime');
        const shown = portal.length;
        // The other rules are looked at below.
        const free = SERVICES.filter(name => name !== 'admin' && name !== 'jellyfin');
        for (const name of free) {
          await page.goto(url(name, '/start'));
          expect(page.url()).toBe(url(name, '/start'));
          await showsPage(name);
          expect(await page.locator('#user').textContent()).toBe('user');
        }
        expect(portal.length).toBe(shown);
        expect(complaints.list).toEqual([]);
        const pages = house.home.services.visits.filter(({ uri }) => uri === '/start');
        expect(pages.map(({ host }) => host)).toEqual(free.map(name => `${name}.example.com`));
        for (const { headers } of house.home.services.visits) {
          expect(headers.cookie ?? '').not.toMatch(OURS);
          expect(headers['remote-user']).toBe('user');
        }
      });

      it('keeps a cookie that no script and no plain connection reads, until the browser is closed', async () => {
        await page.goto(url('home'));
        await signIn(page, 'user');
        await leavesPortal(page);
        const cookies = await context.cookies([url('home'), PORTAL]);
        const session = cookies.filter(({ name }) => name.startsWith('__Secure-'));
        expect(session).toMatchObject([
          {
            name: '__Secure-postern_session',
            domain: '.example.com',
            path: '/',
            expires: -1,
            httpOnly: true,
            secure: true,
            sameSite: 'Lax',
          },
        ]);
        expect(session[0]?.value).toMatch(/^[\w-]{64}$/);
        for (const { name, httpOnly, secure } of cookies.filter(cookie => cookie !== session[0])) {
          expect(name).toMatch(/^__Host-/);
          expect([httpOnly, secure]).toEqual([true, true]);
        }
      });

      it('answers a wrong password and an unknown name alike', async () => {
        const texts: (string | null)[] = [];
        // Each costs the wait of a refusal.
        for (const name of scripts ? ['user', 'nobody-of-that-name'] : ['nobody-of-that-name']) {
          await page.goto(url('home'));
          await isAtPortal(page);
          await page.locator(USERNAME).fill(name);
          await page.locator(PASSWORD).fill('wrong-password');
          await send(page, 'sign-in');
          await page.locator('[role="alert"]').waitFor();
          texts.push(await page.locator('[role="alert"]').textContent());
          expect(await page.locator(PASSWORD).inputValue()).toBe('');
        }
        expect(new Set(texts).size).toBe(1);
        // The form still knows where to go.
        await signIn(page, 'user');
        expect(await leavesPortal(page)).toBe(url('home'));
      });

      it('lets groups in, and tells others who they are, where, and an id that the log has', async () => {
        await page.goto(url('nextcloud', '/files'));
        await signIn(page, 'guest');
        await page.getByText('nextcloud.example.com').first().waitFor();
        const text = (await page.locator('main').textContent()) ?? '';
        expect(text).toContain('guest');
        expect(text).toContain('nextcloud.example.com');
        expect(house.home.services.visits.filter(({ host }) => host.startsWith('nextcloud'))).toEqual([]);
        const id = await page.locator('dd code').textContent();
        expect(house.home.host.output).toContain(`"id":"${id}"`);
        // The wildcard's rule asks for no group.
        await page.goto(url('wiki'));
        await showsPage('wiki');
        expect(await page.locator('#user').textContent()).toBe('guest');
      });

      it('is not confused by the back button and a form that is sent again', async () => {
        await page.goto(url('wiki', '/first'));
        await signIn(page, 'user');
        expect(await leavesPortal(page)).toBe(url('wiki', '/first'));
        await page.goto(url('photos', '/second'));
        await showsPage('photos');
        // Back to the first page, and further to where the form was: nobody is asked again.
        await page.goBack();
        await showsPage('wiki');
        await page.goBack().catch(() => null);
        if (page.url().startsWith(PORTAL) && (await page.locator(PASSWORD).count()) > 0)
          await signIn(page, 'user');
        if (page.url().startsWith('https:')) {
          expect(await leavesPortal(page)).toBe(url('wiki', '/first'));
          await showsPage('wiki');
        }
        await page.goto(url('photos', '/third'));
        await showsPage('photos');
      });

      it('takes two tabs of the same form: each lands on its own page', async () => {
        await page.goto(url('wiki', '/one'));
        const other = await context.newPage();
        await other.goto(url('photos', '/two'));
        await isAtPortal(other);
        await signIn(page, 'user');
        expect(await leavesPortal(page)).toBe(url('wiki', '/one'));
        await signIn(other, 'user');
        // Signed in meanwhile: at once, or by one more form that says why.
        if (other.url().startsWith(PORTAL) && (await other.locator(PASSWORD).count()) > 0)
          await signIn(other, 'user');
        expect(await leavesPortal(other)).toBe(url('photos', '/two'));
      });

      it('says of a tab that was left open that its form is too old, and takes it up again', async () => {
        const asked = url('wiki', '/left-open');
        await page.goto(asked);
        await isAtPortal(page);
        // The same form as of yesterday, with its way back.
        const secret = parseSecret(house.home.secret);
        if (!secret.ok) throw new Error(secret.problem.message);
        const keys = { secret: secret.key, clock: { now: () => Date.now() - 24 * 3_600_000 } };
        const cookie =
          (await context.cookies(PORTAL)).find(({ name }) => name === PORTAL_COOKIE)?.value ?? '';
        const token = new FormTokens({ ...keys, random: randomBytes }).make('sign-in', cookie, '');
        const example = { domain: 'example.com', signInUrl: `${PORTAL}/`, session: DEFAULT_SESSION };
        const sealed = new ReturnAddresses({ ...keys, cookies: [example] }).seal(asked);
        for (const [field, value] of [
          ['token', token],
          ['return', sealed],
        ]) {
          await page
            .locator(`#sign-in input[name="${field}"]`)
            .evaluate((input, text) => (input as unknown as Input).setAttribute('value', text ?? ''), value);
        }
        await signIn(page, 'user');
        const alert = page.locator('[role="alert"]');
        await alert.waitFor();
        expect(await alert.textContent()).toContain('open for too long');
        // Nobody was signed in by it; the same once more does. Where it was to lead is forgotten by now.
        await signIn(page, 'user');
        await page.getByText('Signed in until').waitFor();
        await page.goto(asked);
        await showsPage('wiki');
      });

      it('lands on the place within the page that was asked for, where scripts run, and tells it to no server', async () => {
        const without = url('wiki', '/app?tab=2');
        const asked = new URL(`${without}#/dashboard/7?x="><img src=x onerror=alert(1)>'&y=%C3%A9`).href;
        const complaints = listen(page, /^https:\/\/auth\.example\.com\//);
        const sent: string[] = [];
        page.on('request', request => sent.push(request.postData() ?? ''));
        await page.goto(asked);
        await isAtPortal(page);
        await signIn(page, 'user', { password: 'wrong' });
        await page.locator('[role="alert"]').waitFor();
        await signIn(page, 'user');
        expect(await leavesPortal(page)).toBe(scripts ? asked : without);
        await showsPage('wiki');
        expect(sent.filter(text => text.includes('password')).length).toBeGreaterThan(1);
        const told = [...sent, ...house.home.services.visits.map(({ uri }) => uri), house.home.host.output];
        expect(told.filter(text => /dashboard|onerror/.test(text))).toEqual([]);
        expect(complaints.list).toEqual([]);
        // A link to the portal may have one of its own, which is no secret.
        await context.clearCookies();
        const own = url('wiki', '/app#/own');
        await page.goto(`${PORTAL}/?rd=${encodeURIComponent(own)}#/other`);
        await signIn(page, 'user');
        expect(await leavesPortal(page)).toBe(own);
        // Somebody else, by way of signing out; the question is asked before.
        await page.goto(`${PORTAL}/logout?rd=${encodeURIComponent(without)}#/other`);
        await send(page, 'sign-out');
        await page.locator(PASSWORD).waitFor();
        await signIn(page, 'admin');
        expect(await leavesPortal(page)).toBe(scripts ? `${without}#/other` : without);
      });

      it('lands on the page of a form that was sent before signing in, by GET', async () => {
        await page.goto(url('wiki', '/edit'));
        await signIn(page, 'user');
        await leavesPortal(page);
        await context.clearCookies();
        await page.getByRole('button', { name: 'Save' }).click();
        await isAtPortal(page);
        await signIn(page, 'user');
        expect(await leavesPortal(page)).toBe(url('wiki', '/save'));
        const saved = house.home.services.visits.filter(({ uri }) => uri === '/save');
        expect(saved.map(({ method }) => method)).toEqual(['GET']);
      });
    });
  });
});
