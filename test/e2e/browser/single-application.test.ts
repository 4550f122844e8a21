import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Browser, describeBrowser, listen, openBrowser, openContext } from '../../support/browser.ts';
import { removeTempDirectories } from '../../support/temp.ts';
import { TlsBrowser } from '../../support/tls-browser.ts';
import { describeTraefik } from '../../support/traefik.ts';
import { MEMBERS, PORTAL } from './home.ts';
import { type Household, startHousehold } from './household.ts';
import { isAtPortal, leavesPortal, send, signIn } from './person.ts';

/** An application on a domain of its own, in a browser that holds cookies to their rules. */
const APP = 'app.other.org';
const WIKI = 'https://wiki.example.com/page';

describeTraefik('an application on a domain of its own, through Traefik with the guest', traefik => {
  describeBrowser('in Chromium', chromium => {
    let house: Household;
    let browser: Browser;
    beforeAll(async () => {
      house = await startHousehold({
        traefik: traefik(),
        domains: [APP],
        names: [APP],
        handoffs: [APP],
        config: {
          session: {
            cookies: [
              { domain: 'example.com', authelia_url: PORTAL },
              { domain: APP, authelia_url: PORTAL },
            ],
          },
          access_control: {
            rules: [
              { domain: APP, resources: '^/closed', policy: 'deny' },
              { domain: APP, policy: 'one_factor' },
              { domain: '*.example.com', policy: 'one_factor' },
            ],
          },
        },
      });
      browser = await openBrowser(chromium, { port: house.port, names: ['*.example.com', APP] });
    });
    afterAll(async () => {
      await browser?.close();
      await house?.stop();
      removeTempDirectories();
    });

    describe.each([true, false])('with JavaScript: %s', scripts => {
      it('is signed in to by the portal, and out of with it', async () => {
        const context = await openContext(browser, { scripts });
        const page = await context.newPage();
        const complaints = listen(page);
        const asked = `https://${APP}/reports?year=2026&path=C%3A%5Cx${scripts ? '#/page/3' : ''}`;
        await page.goto(asked);
        await isAtPortal(page);
        expect(await page.locator('.lead').textContent()).toContain(APP);
        await signIn(page, 'user');
        await leavesPortal(page);
        await page.waitForURL(asked);
        expect(await page.locator('#user').textContent()).toBe('user');
        const cookies = await context.cookies(asked);
        expect(cookies.map(({ name, domain }) => [name, domain])).toEqual([
          ['__Secure-postern_session', `.${APP}`],
        ]);
        // The other domain knows them already, and the page of who may not says who they are.
        await page.goto(WIKI);
        expect(page.url()).toBe(WIKI);
        await page.goto(`https://${APP}/closed`);
        expect(page.url()).toBe(`https://${APP}/closed`);
        expect(await page.locator('main').textContent()).toContain('user');
        expect(complaints.list.filter(text => !text.includes('403'))).toEqual([]);
        await page.goto(`https://${APP}/outpost.goauthentik.io/sign_out`);
        await isAtPortal(page);
        await send(page, 'sign-out');
        await page.waitForURL(/done=here/);
        expect(await context.cookies(asked)).toEqual([]);
        await page.goto(asked);
        await isAtPortal(page);
        await context.close();
      });
    });

    it('asks nobody who is signed in at the portal', async () => {
      const context = await openContext(browser);
      const page = await context.newPage();
      await page.goto(WIKI);
      await signIn(page, 'user');
      await page.waitForURL(WIKI);
      // Several at once: each lands where it was going.
      const paths = ['/a', '/b', '/c'];
      const pages = await Promise.all(
        paths.map(async path => {
          const tab = await context.newPage();
          await tab.goto(`https://${APP}${path}`);
          await tab.waitForURL(`https://${APP}${path}`);
          return tab;
        }),
      );
      for (const tab of pages) expect(await tab.locator('#user').textContent()).toBe('user');
      await context.close();
    });

    it('is not entered by a link with somebody else’s code', async () => {
      // They do by hand what their browser would, and keep the code.
      const mallory = new TlsBrowser(house.port);
      const { password } = MEMBERS.admin;
      await mallory.submit(await mallory.open(WIKI), 'sign-in', { username: 'admin', password });
      const begun = await mallory.load(`https://${APP}/outpost.goauthentik.io/start?rd=/`);
      const made = await mallory.load(String(begun.headers.location));
      const link = String(made.headers.location);
      expect(link).toMatch(/\/callback\?code=/);
      const victim = await openContext(browser);
      const page = await victim.newPage();
      await page.goto(link);
      await isAtPortal(page);
      expect((await victim.cookies(`https://${APP}/`)).map(({ name }) => name)).not.toContain(
        '__Secure-postern_session',
      );
      await victim.close();
    });
  });
});
