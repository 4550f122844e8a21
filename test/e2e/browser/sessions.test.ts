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
import { MEMBERS, PORTAL, RULES } from './home.ts';
import { type Household, startHousehold } from './household.ts';
import { isAtPortal, leavesPortal, signIn } from './person.ts';
import { CALLS, SERVICES } from './services.ts';

const HOME = 'https://home.example.com/';
/** Of another domain, below a path of one of its sites. */
const GARAGE_PORTAL = 'https://www.garage.test/authelia';
const OTHER_NAMES = ['shop.test', '*.club.test', '*.garage.test'];

describeTraefik('sessions, through Traefik with the guest', traefik => {
  describeBrowser('in Chromium', chromium => {
    let house: Household;
    let browser: Browser;
    beforeAll(async () => {
      const cookies = ['example.com', 'shop.test', 'club.test'].map(domain => ({
        domain,
        authelia_url: PORTAL,
      }));
      house = await startHousehold({
        traefik: traefik(),
        config: {
          session: { cookies: [...cookies, { domain: 'garage.test', authelia_url: GARAGE_PORTAL }] },
          access_control: {
            rules: [
              { domain: ['*.club.test', '*.garage.test', 'shop.test'], policy: 'one_factor' },
              ...RULES,
            ],
          },
        },
        domains: ['shop.test', 'www.club.test', 'www.garage.test'],
        portals: [PORTAL, GARAGE_PORTAL],
        handoffs: ['shop.test', 'club.test'],
        names: OTHER_NAMES,
      });
      browser = await openBrowser(chromium, { port: house.port, names: ['*.example.com', ...OTHER_NAMES] });
    });
    afterAll(async () => {
      await browser?.close();
      await house?.stop();
      removeTempDirectories();
    });

    const signedIn = async (scripts = true): Promise<Page> => {
      const page = await (await openContext(browser, { scripts })).newPage();
      await page.goto(HOME);
      await signIn(page, 'user');
      await leavesPortal(page);
      return page;
    };
    /** Whether the service shows its page; else the portal asks to sign in. */
    const isIn = async (page: Page): Promise<boolean> => {
      await page.goto(HOME);
      return (await page.locator('#user').allTextContents())[0] === 'user';
    };
    const soonOut = (page: Page) =>
      waitUntil('the session to end', async () => {
        await page.goto(HOME);
        return page.url().startsWith(PORTAL);
      });

    it('signs out on this device alone', async () => {
      const [one, two] = [await signedIn(false), await signedIn()];
      const cookies = await one.context().cookies(HOME);
      await one.goto(`${PORTAL}/logout`);
      // A link to it asks first.
      expect(await isIn(one)).toBe(true);
      await one.goto(`${PORTAL}/logout`);
      await one.locator('#sign-out button').click();
      await one.waitForURL(/done=/);
      expect(await isIn(one)).toBe(false);
      // Whoever kept a copy of the cookie has nothing in hand.
      await one.context().addCookies(cookies);
      await soonOut(one);
      expect(await isIn(two)).toBe(true);
      for (const page of [one, two]) await page.context().close();
    });

    it('signs out everywhere', async () => {
      const [one, two] = [await signedIn(false), await signedIn()];
      await one.goto(`${PORTAL}/logout`);
      await one.locator('#sign-out-everywhere button').click();
      await one.waitForURL(/done=/);
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
      await soonOut(page);
      await signIn(page, 'user', { password: 'Another-4!' });
      await leavesPortal(page);
      await house.home.writeUsers(MEMBERS);
      // The host has read it, and the next test signs in by the old password.
      await soonOut(page);
      await page.context().close();
    });

    it('goes on when the host is stopped and started', async () => {
      const page = await signedIn();
      await house.home.stopHost();
      // What the guest knows it goes on knowing.
      expect(await isIn(page)).toBe(true);
      await house.home.startHost();
      // Until the guest has seen that it is back, what it has to ask for is 503.
      await waitUntil('the host to be back', () => isIn(page));
      await page.goto('https://photos.example.com/');
      expect(await page.locator('#user').textContent()).toBe('user');
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
      const page = await signedIn();
      const asked = 'https://photos.example.com/album/7?sort=new';
      await page.goto(asked);
      await page.context().clearCookies();
      const before = await house.home.command('session', 'list');
      // What a page does that has been open for long: pictures and calls, all at once, and then a reload.
      const statuses = (await page.evaluate(`(async () => {
        const picture = i => new Promise(resolve => {
          const image = new Image()
          image.onload = () => resolve('shown')
          image.onerror = () => resolve('refused')
          image.src = '/pictures/again-' + i + '.svg'
        })
        const call = i => fetch('/api/again/' + i, { redirect: 'manual' }).then(a => a.type + a.status)
        const all = Array.from({ length: 40 }, (_, i) => (i % 2 ? picture(i) : call(i)))
        return Promise.all(all)
      })()`)) as string[];
      expect(statuses.filter(status => status === 'basic401')).toHaveLength(20);
      expect(statuses.filter(status => status === 'refused')).toHaveLength(20);
      expect(await page.context().cookies()).toEqual([]);
      await page.reload();
      await isAtPortal(page);
      await signIn(page, 'user');
      expect(await leavesPortal(page)).toBe(asked);
      await page.getByText(`${CALLS} calls answered`).waitFor();
      const lines = (text: string) => text.split('\n').filter(line => line.includes('user')).length;
      expect(lines(await house.home.command('session', 'list'))).toBe(lines(before) + 1);
      await page.context().close();
    });

    it('signs in once for twelve tabs that a browser opens again, each with its own page', async () => {
      const context = await openContext(browser);
      const addresses = SERVICES.filter(name => name !== 'admin' && name !== 'jellyfin').map(
        name => `https://${name}.example.com/tab?of=${name}`,
      );
      const tabs = await Promise.all(
        addresses.map(async address => {
          const tab = await context.newPage();
          await tab.goto(address);
          await isAtPortal(tab);
          return tab;
        }),
      );
      const [first, ...rest] = tabs;
      if (first === undefined) throw new Error('no tab');
      await signIn(first, 'user');
      expect(await leavesPortal(first)).toBe(addresses[0]);
      // The others are where they wanted to be as soon as they are looked at.
      for (const [i, tab] of rest.entries()) {
        await tab.reload();
        expect(await leavesPortal(tab)).toBe(addresses[i + 1]);
      }
      await context.close();
    });

    it('hands a session to a domain that the portal’s cookie does not reach, and takes it back', async () => {
      const context = await openContext(browser);
      const page = await context.newPage();
      const asked = 'https://shop.test/basket?item=1%2F2';
      await page.goto(asked);
      await isAtPortal(page);
      await signIn(page, 'user');
      expect(await leavesPortal(page)).toBe(asked);
      expect(await page.locator('#user').textContent()).toBe('user');
      const cookies = (await context.cookies(asked)).filter(({ name }) => name.startsWith('__Secure-'));
      expect(cookies).toMatchObject([{ domain: '.shop.test', httpOnly: true, secure: true }]);
      // Signed in at the portal by now: another one is entered without being asked.
      await page.goto('https://www.club.test/rooms');
      expect(await leavesPortal(page)).toBe('https://www.club.test/rooms');
      expect(await page.locator('#user').textContent()).toBe('user');
      await page.goto(`${PORTAL}/logout`);
      await page.locator('#sign-out button').click();
      await page.waitForURL(/done=/);
      await waitUntil(
        'what was handed over to end',
        async () => (await page.goto(asked)) !== null && page.url().startsWith(PORTAL),
      );
      await context.close();
    });

    it('keeps apart what another domain has: a portal of its own, below a path', async () => {
      const page = await signedIn();
      const asked = 'https://www.garage.test/authelia-cars?x=1';
      await page.goto(asked);
      expect(page.url()).toMatch(/^https:\/\/www\.garage\.test\/authelia\/?\?rd=/);
      await signIn(page, 'guest');
      await page.waitForURL(asked);
      expect(await page.locator('#user').textContent()).toBe('guest');
      await page.goto(`${GARAGE_PORTAL}/logout`);
      await page.locator('#sign-out button').click();
      await page.waitForURL(/done=here/);
      await page.goto(asked);
      expect(page.url().startsWith(GARAGE_PORTAL)).toBe(true);
      await page.goto(HOME);
      expect(await page.locator('#user').textContent()).toBe('user');
      await page.context().close();
    });

    it('is a set-up in which postern doctor finds nothing wrong', async () => {
      const { traefik, keyFile, home } = house;
      const told = await home.command('doctor', '--traefik-api', traefik.apiUrl, '--key-file', keyFile);
      expect(told).toContain(`leads from ${PORTAL}/ to the host`);
      expect(told).toMatch(/^All well/m);
    });
  });
});
