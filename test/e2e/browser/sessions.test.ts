import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type Browser,
  describeBrowser,
  openBrowser,
  openContext,
  openProfile,
  type Page,
} from '../../support/browser.ts';
import { removeTempDirectories, tempDirectory } from '../../support/temp.ts';
import { describeTraefik } from '../../support/traefik.ts';
import { waitUntil } from '../../support/wait.ts';
import { MEMBERS, PORTAL } from './home.ts';
import { type Household, startHousehold } from './household.ts';
import { isAtPortal, leavesPortal, signIn } from './person.ts';

const HOME = 'https://home.example.com/';

describeTraefik('sessions, through Traefik with the guest', traefik => {
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

    const signedIn = async (): Promise<Page> => {
      const page = await (await openContext(browser)).newPage();
      await page.goto(HOME);
      await signIn(page, 'user');
      await leavesPortal(page);
      return page;
    };
    /** Whether the service shows its page; else the portal asks to sign in. */
    const isIn = async (page: Page): Promise<boolean> => {
      await page.goto(HOME);
      return page.url() === HOME;
    };
    const soonOut = (page: Page) => waitUntil('the session to end', async () => !(await isIn(page)), 2_000);

    it('signs out on this device alone', async () => {
      const [one, two] = [await signedIn(), await signedIn()];
      const cookies = await one.context().cookies(HOME);
      await one.goto(`${PORTAL}/logout`);
      // A link to it asks first.
      expect(await isIn(one)).toBe(true);
      await one.goto(`${PORTAL}/logout`);
      await one.locator('form button[type="submit"]').first().click();
      await one.waitForLoadState();
      expect(await isIn(one)).toBe(false);
      // Whoever kept a copy of the cookie has nothing in hand.
      await one.context().addCookies(cookies);
      expect(await isIn(one)).toBe(false);
      expect(await isIn(two)).toBe(true);
      for (const page of [one, two]) await page.context().close();
    });

    it('signs out everywhere, within two seconds', async () => {
      const [one, two] = [await signedIn(), await signedIn()];
      await one.goto(`${PORTAL}/logout`);
      await one.locator('form button[type="submit"]').nth(1).click();
      await one.waitForLoadState();
      await soonOut(two);
      expect(await isIn(one)).toBe(false);
      for (const page of [one, two]) await page.context().close();
    });

    it('ends when the operator says so, and when the password changes', async () => {
      const page = await signedIn();
      expect(await house.home.command('session', 'list')).toContain('user');
      await house.home.command('session', 'revoke', '--user', 'user');
      await soonOut(page);
      await signIn(page, 'user');
      await leavesPortal(page);
      await house.home.writeUsers({ ...MEMBERS, user: { ...MEMBERS.user, password: 'Another-4!' } });
      await waitUntil('the password to change', async () => !(await isIn(page)), 4_000);
      await signIn(page, 'user', { password: 'Another-4!' });
      await leavesPortal(page);
      await house.home.writeUsers(MEMBERS);
      await page.context().close();
    });

    it('goes on when host and Traefik are stopped and started', async () => {
      const page = await signedIn();
      await house.home.stopHost();
      await house.home.startHost();
      expect(await isIn(page)).toBe(true);
      await page.context().close();
    });

    it('is remembered when the browser is closed and opened, and only if asked', async () => {
      for (const remember of [true, false]) {
        const profile = tempDirectory();
        let context = await openProfile(chromium, { port: house.port }, profile);
        let page = await context.newPage();
        await page.goto(HOME);
        await signIn(page, 'user', { remember });
        await leavesPortal(page);
        const [cookie] = (await context.cookies(HOME)).filter(({ name }) => name.startsWith('__Secure-'));
        const days = ((cookie?.expires ?? -1) - Date.now() / 1000) / 86_400;
        if (remember) expect(Math.round(days)).toBe(30);
        else expect(cookie?.expires).toBe(-1);
        // Chromium writes its cookies down half a minute late, or when it is closed.
        await context.close();
        context = await openProfile(chromium, { port: house.port }, profile);
        page = await context.newPage();
        expect(await isIn(page)).toBe(remember);
        await context.close();
      }
    });

    it('signs in once for 40 requests of one page, and lands on the page', async () => {
      const context = await openContext(browser);
      const page = await context.newPage();
      // Restored tabs, pictures, calls: all before anybody has signed in.
      const asked = 'https://photos.example.com/album/7';
      const others = Array.from({ length: 39 }, (_, i) => `https://photos.example.com/pictures/${i}.svg`);
      await page.goto(asked);
      await isAtPortal(page);
      const tabs = await Promise.all(
        others.slice(0, 9).map(async address => {
          const tab = await context.newPage();
          await tab.goto(address);
          return tab;
        }),
      );
      const answers = await Promise.all(
        others
          .slice(9)
          .map(address => context.request.get(address, { headers: { accept: 'image/*' }, maxRedirects: 0 })),
      );
      for (const answer of answers) {
        expect(answer.ok()).toBe(false);
        // Nothing but the page's form decides where the browser lands.
        expect(answer.headersArray().filter(({ name }) => name.toLowerCase() === 'set-cookie')).toEqual([]);
      }
      await signIn(page, 'user');
      expect(await leavesPortal(page)).toBe(asked);
      // The other tabs need no second sign-in: a reload is enough.
      for (const [i, tab] of tabs.entries()) {
        await tab.goto(others[i] ?? '');
        expect(tab.url()).toBe(others[i]);
      }
      const list = await house.home.command('session', 'list', '--user', 'user');
      expect(list).toBeDefined();
      await context.close();
    });
  });
});
