import { afterAll, beforeAll, expect, it } from 'vitest';
import { axe } from '../../support/axe.ts';
import {
  type Browser,
  describeBrowser,
  listen,
  openBrowser,
  openContext,
  type Page,
} from '../../support/browser.ts';
import { removeTempDirectories } from '../../support/temp.ts';
import { describeTraefik } from '../../support/traefik.ts';
import { MEMBERS, PORTAL, RULES } from './home.ts';
import { type Household, startHousehold } from './household.ts';
import { CODE, isAtPortal, leavesPortal, PASSWORD, USERNAME } from './person.ts';
import { FAULTY } from './services.ts';
import { STOPS, tour } from './tour.ts';

/** The smallest width that people have (WCAG 1.4.10), and a usual one. */
const NARROW = 320;
const WIDE = 1280;
/** The sign-in page with everything, as a browser loads it the first time. */
const MAX_TRANSFERRED = 50 * 1024;

/** What axe finds on a page in both themes and at both widths, and whether it has to be scrolled sideways. */
async function findings(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const [colorScheme, width] of [
    ['light', WIDE],
    ['dark', NARROW],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    found.push(...(await axe(page)).map(text => `${colorScheme} ${width}: ${text}`));
    const needed = (await page.evaluate('document.documentElement.scrollWidth')) as number;
    if (needed > width) found.push(`${needed} px wide in a window of ${width} px`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: WIDE, height: 800 });
  return found;
}

describeTraefik('pages of the portal', traefik => {
  describeBrowser('in Chromium', chromium => {
    let house: Household;
    let browser: Browser;
    beforeAll(async () => {
      house = await startHousehold({
        traefik: traefik(),
        config: {
          totp: { skew: 5 },
          access_control: {
            rules: [{ domain: 'wiki.example.com', resources: `^${FAULTY}$`, policy: 'bypass' }, ...RULES],
          },
        },
      });
      browser = await openBrowser(chromium, { port: house.port });
    });
    afterAll(async () => {
      await browser?.close();
      await house?.stop();
      removeTempDirectories();
    });

    it('are looked at by somebody who is awake: what is wrong with a page is found', async () => {
      const context = await openContext(browser);
      const page = await context.newPage();
      const complaints = listen(page);
      await page.goto(`https://wiki.example.com${FAULTY}`);
      const found = (await axe(page)).map(text => text.split(':', 1)[0]);
      expect(found).toEqual(expect.arrayContaining(['html-has-lang', 'image-alt']));
      const said = complaints.list.join('\n');
      expect(said).toContain('inline style');
      expect(said).toContain('violates the following Content Security Policy directive');
      await context.close();
    });

    it.each([
      ['en-GB', 'en', 'ltr', 'guest'],
      ['ar', 'ar', 'rtl', 'layla'],
      ['de-DE', 'de', 'ltr', 'juergen'],
    ] as const)(
      'please axe in both themes, wide and narrow, without a complaint: %s',
      async (language, lang, dir, who) => {
        const seen: string[] = [];
        const context = await openContext(browser, { language });
        for await (const { name, page, complaints } of tour(context, house.home, who)) {
          const root = page.locator('html');
          expect([name, await root.getAttribute('lang'), await root.getAttribute('dir')]).toEqual([
            name,
            lang,
            dir,
          ]);
          expect(await page.locator('h1').count()).toBe(1);
          expect(await page.title()).not.toBe('');
          // German differs from English in its words alone: that they fit is seen at the narrow width.
          const found = lang === 'de' ? await narrow(page) : await findings(page);
          expect([name, found]).toEqual([name, []]);
          expect([name, complaints.list]).toEqual([name, []]);
          seen.push(name);
        }
        expect(seen).toEqual(STOPS);
        await context.close();
      },
    );

    async function narrow(page: Page): Promise<string[]> {
      await page.setViewportSize({ width: NARROW, height: 800 });
      const needed = (await page.evaluate('document.documentElement.scrollWidth')) as number;
      await page.setViewportSize({ width: WIDE, height: 800 });
      return needed > NARROW ? [`${needed} px wide in a window of ${NARROW} px`] : [];
    }

    it('sign in by keyboard alone', async () => {
      const context = await openContext(browser, { scripts: false });
      const page = await context.newPage();
      await page.goto('https://home.example.com/keys');
      await isAtPortal(page);
      // The first field has the focus already: nothing has to be looked for.
      await page.locator(`${USERNAME}:focus`).waitFor();
      await page.keyboard.type('user');
      await page.keyboard.press('Tab');
      await page.keyboard.type(MEMBERS.user.password);
      await page.keyboard.press('Tab');
      await page.keyboard.press('Space');
      await page.keyboard.press('Tab');
      const focused = page.locator('button:focus-visible');
      expect(await focused.getAttribute('type')).toBe('submit');
      expect(await page.locator('input[type="checkbox"]').isChecked()).toBe(true);
      await page.keyboard.press('Enter');
      expect(await leavesPortal(page)).toBe('https://home.example.com/keys');
      // Out again: each thing to press is reached and shows where the focus is.
      await page.goto(`${PORTAL}/logout`);
      await page.keyboard.press('Tab');
      expect(await page.locator('#sign-out button:focus-visible').count()).toBe(1);
      await page.keyboard.press('Enter');
      await page.waitForURL(/done=/);
      await context.close();
    });

    it('have forms that password managers understand', async () => {
      const context = await openContext(browser);
      const page = await context.newPage();
      await page.goto('https://home.example.com/');
      await isAtPortal(page);
      for (const [field, type] of [
        [USERNAME, 'text'],
        [PASSWORD, 'password'],
      ] as const) {
        const input = page.locator(field);
        expect(await input.count()).toBe(1);
        expect(await input.getAttribute('type')).toBe(type);
        // A label of its own that can be clicked.
        const id = await input.getAttribute('id');
        expect((await page.locator(`label[for="${id}"]`).textContent())?.trim()).not.toBe('');
      }
      expect(await page.locator(CODE).count()).toBe(0);
      await context.close();
    });

    it('transfer at most 50 KB for the sign-in page with everything, and nothing from elsewhere', async () => {
      const context = await openContext(browser);
      const page = await context.newPage();
      const protocol = await context.newCDPSession(page);
      await protocol.send('Network.enable');
      let transferred = 0;
      const addresses: string[] = [];
      protocol.on('Network.requestWillBeSent', ({ request }) => addresses.push(request.url));
      protocol.on('Network.loadingFinished', ({ encodedDataLength }) => {
        transferred += encodedDataLength;
      });
      await page.goto('https://home.example.com/', { waitUntil: 'networkidle' });
      await isAtPortal(page);
      expect(addresses.length).toBeGreaterThan(2);
      const elsewhere = addresses.filter(
        url => !/^(?:https:\/\/(?:auth|home)\.example\.com\/|data:)/.test(url),
      );
      expect(elsewhere).toEqual([]);
      expect(transferred).toBeGreaterThan(1_000);
      expect(transferred).toBeLessThanOrEqual(MAX_TRANSFERRED);
      await context.close();
    });
  });
});
