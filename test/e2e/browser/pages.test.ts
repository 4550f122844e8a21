import { afterAll, beforeAll, expect, it } from 'vitest';
import { EN } from '../../../host/portal/texts/en.ts';
import { HANDOFF_TEXTS } from '../../../host/portal/texts/handoff.ts';
import { SECOND_FACTOR_EN } from '../../../host/portal/texts/second-factor-en.ts';
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
import { FACTOR_FAULTS, factorFaults, setDevices } from './factor-faults.ts';
import { ELSEWHERE, FAULTS, faults } from './faults.ts';
import { MEMBERS, PORTAL, RULES } from './home.ts';
import { type Household, startHousehold } from './household.ts';
import { CODE, isAtPortal, leavesPortal, PASSWORD, signIn, USERNAME } from './person.ts';
import { FAULTY } from './services.ts';
import { STOPS, tour } from './tour.ts';

/** The smallest width that people have (WCAG 1.4.10), and a usual one. */
const NARROW = 320;
const WIDE = 1280;
const NAMES = ['*.example.com', ELSEWHERE];
/** For twenty pages that axe looks at four times each, on a machine that is busy. */
const LONG_MS = 240_000;
/** Those that people read, and somebody without a second factor so far for each. */
const READERS = [
  ['en-GB', 'en', 'ltr', 'guest'],
  ['ar', 'ar', 'rtl', 'layla'],
  ['de-DE', 'de', 'ltr', 'juergen'],
] as const;
/** The sign-in page with everything, as a browser loads it the first time. */
const MAX_TRANSFERRED = 50 * 1024;

/** What axe finds on a page in each theme at each width, and whether it has to be scrolled sideways. */
async function findings(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const width of [WIDE, NARROW]) {
    await page.setViewportSize({ width, height: 800 });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      found.push(...(await axe(page)).map(text => `${colorScheme} ${width}: ${text}`));
    }
    found.push(...(await overflow(page, width)));
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: WIDE, height: 800 });
  return found;
}

/** For words that are longer than those of the languages that axe reads. */
async function narrow(page: Page): Promise<string[]> {
  await page.setViewportSize({ width: NARROW, height: 800 });
  const found = await overflow(page, NARROW);
  await page.setViewportSize({ width: WIDE, height: 800 });
  return found;
}

async function overflow(page: Page, width: number): Promise<string[]> {
  const needed = (await page.evaluate('document.documentElement.scrollWidth')) as number;
  return needed > width ? [`${needed} px wide in a window of ${width} px`] : [];
}

/** Headings of all the pages that were looked at in English, and how many of the tests that look at them are over. */
const headings = new Set<string>();
let looked = 0;
const LOOKING = 5;

/** Headings as the portal's texts have them: a page that nobody looked at has one that nobody saw. */
function titlesIn(texts: object): string[] {
  return Object.entries(texts).flatMap(([key, value]) => {
    if (typeof value === 'function' && texts === HANDOFF_TEXTS.en) return titlesIn(value(ELSEWHERE));
    if (typeof value === 'object') return titlesIn(value);
    return /title$/i.test(key) ? [value] : [];
  });
}

/** What is wrong with a page; German differs from English in its words alone. */
async function look(page: Page, lang: string, dir: string): Promise<string[]> {
  const root = page.locator('html');
  expect([await root.getAttribute('lang'), await root.getAttribute('dir')]).toEqual([lang, dir]);
  expect(await page.locator('h1').count()).toBe(1);
  expect(await page.title()).not.toBe('');
  if (lang === 'en') for (const text of await page.locator('h1, h2').allTextContents()) headings.add(text);
  return lang === 'de' ? narrow(page) : findings(page);
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
          session: {
            cookies: [
              { domain: 'example.com', authelia_url: PORTAL },
              { domain: ELSEWHERE, authelia_url: PORTAL },
            ],
          },
          access_control: {
            rules: [
              { domain: 'wiki.example.com', resources: `^${FAULTY}$`, policy: 'bypass' },
              { domain: ELSEWHERE, policy: 'one_factor', subject: 'group:admins' },
              ...RULES,
            ],
          },
        },
        domains: [ELSEWHERE],
        names: [ELSEWHERE],
        handoffs: [ELSEWHERE],
      });
      browser = await openBrowser(chromium, { port: house.port, names: NAMES });
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

    it.each(READERS)(
      'please axe in both themes, wide and narrow, without a complaint: %s',
      async (language, lang, dir, who) => {
        const seen: string[] = [];
        const context = await openContext(browser, { language });
        for await (const { name, page, complaints } of tour(context, house.home, who)) {
          expect([name, await look(page, lang, dir)]).toEqual([name, []]);
          expect([name, complaints.list]).toEqual([name, []]);
          seen.push(name);
        }
        expect(seen).toEqual(STOPS);
        if (lang === 'en') looked++;
        await context.close();
      },
      LONG_MS,
    );

    it.each(READERS)(
      'do so as well where second factors go wrong: %s',
      async (language, lang, dir, who) => {
        const seen: Record<string, number> = {};
        const context = await openContext(browser, { language });
        for await (const { name, status, page, complaints } of factorFaults(context, house, who)) {
          seen[name] = status;
          expect([name, await look(page, lang, dir)]).toEqual([name, []]);
          expect([name, complaints.list]).toEqual([name, []]);
        }
        expect(seen).toEqual(FACTOR_FAULTS);
        if (lang === 'en') looked++;
        await context.close();
      },
      LONG_MS,
    );

    // Behind the others: it uses up the messages that somebody may be sent.
    it.each(READERS)(
      'do so as well when they say what went wrong: %s',
      async (language, lang, dir, who) => {
        const seen: Record<string, number> = {};
        const context = await openContext(browser, { language });
        for await (const { name, status, page, complaints } of faults(context, house, who)) {
          seen[name] = status;
          expect([name, await look(page, lang, dir)]).toEqual([name, []]);
          expect([name, complaints.list]).toEqual([name, []]);
        }
        expect(seen).toEqual(FAULTS);
        if (lang === 'en') looked++;
        await context.close();
      },
      LONG_MS,
    );

    it(
      'do so as well where second factors, or messages, are switched off, or more is asked for',
      async () => {
        const people = await Promise.all(
          READERS.map(async ([language, lang, dir, who]) => {
            const context = await openContext(browser, { language });
            const page = await context.newPage();
            const complaints = listen(page, /^https:\/\/auth\.example\.com\//);
            return { context, page, complaints, lang, dir, who };
          }),
        );
        for (const { page, who } of people) {
          await page.goto(PORTAL);
          await signIn(page, who);
          await page.locator('dl').waitFor();
          await setDevices(house.home, who, 1);
        }
        const titles: string[] = [];
        const visit = async (name: string, path: string) => {
          for (const { page, complaints, lang, dir } of people) {
            const answer = await page.goto(PORTAL + path);
            expect([name, answer?.status(), await look(page, lang, dir)]).toEqual([name, 403, []]);
            expect([name, complaints.list]).toEqual([name, []]);
            titles.push(await page.title());
          }
        };
        try {
          await house.home.stopHost();
          await house.home.startHost({ totp: { disable: true } });
          await visit('switched off', '/second-factor');
          await house.home.stopHost();
          await house.home.startHost({
            notifier: undefined,
            identity_validation: { elevated_session: { require_second_factor: true } },
          });
          await visit('more is needed', '/second-factor/register');
          for (const { who } of people) await setDevices(house.home, who, 0);
          await visit('no messages', '/second-factor/register');
        } finally {
          await house.home.stopHost();
          await house.home.startHost();
        }
        // Three pages, each in the words of its reader.
        expect(new Set(titles).size).toBe(9);
        for (const { context } of people) await context.close();
        looked++;
      },
      LONG_MS,
    );

    it('do so as well when they ask for https', async () => {
      const plain = await openBrowser(chromium, { port: house.home.hostPort });
      const context = await plain.newContext({
        extraHTTPHeaders: { 'X-Forwarded-Proto': 'http', 'X-Forwarded-Host': new URL(PORTAL).host },
        reducedMotion: 'reduce',
      });
      const page = await context.newPage();
      const complaints = listen(page, /^http:\/\/auth\.example\.com\/$/);
      const answer = await page.goto(PORTAL.replace('https:', 'http:'));
      expect(answer?.status()).toBe(400);
      expect(await look(page, 'en', 'ltr')).toEqual([]);
      // A header that browsers heed with TLS alone.
      expect(complaints.list.filter(text => !text.includes('Cross-Origin-Opener-Policy'))).toEqual([]);
      await plain.close();
      looked++;
    });

    it('are all that the portal has texts for', context => {
      const titles = [EN, SECOND_FACTOR_EN, HANDOFF_TEXTS.en].flatMap(titlesIn);
      expect(titles.length).toBeGreaterThan(25);
      // When only some of the tests above were asked for.
      if (looked < LOOKING) context.skip();
      expect(titles.filter(title => !headings.has(title))).toEqual([]);
    });

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
