import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
import { waitUntil } from '../../support/wait.ts';
import { type MemberName, PORTAL } from './home.ts';
import { type Household, startHousehold } from './household.ts';
import {
  CODE,
  type Generator,
  generator,
  leavesPortal,
  noteCode,
  otpauthUri,
  PASSWORD,
  send,
  signIn,
} from './person.ts';

const url = (name: string, path = '/') => `https://${name}.example.com${path}`;

describeTraefik('second factors, through Traefik with the guest', traefik => {
  describeBrowser('in Chromium', chromium => {
    let house: Household;
    let browser: Browser;
    beforeAll(async () => {
      // So that several codes of one minute are good, as the test needs them.
      house = await startHousehold({ traefik: traefik(), config: { totp: { skew: 5 } } });
      browser = await openBrowser(chromium, { port: house.port });
    });
    afterAll(async () => {
      await browser?.close();
      await house?.stop();
      removeTempDirectories();
    });
    const receives = (name: string) =>
      house.home.services.visits.some(({ host }) => host === `${name}.example.com`);
    const user = (page: Page) => page.locator('#user').textContent();
    const sessionCookie = async (context: BrowserContext) =>
      (await context.cookies(PORTAL)).find(({ name }) => name.startsWith('__Secure-'))?.value;

    /** From the page that asks to prove who it is to the recovery codes. */
    async function register(page: Page, press = send): Promise<{ phone: Generator; codes: string[] }> {
      await send(page, 'send-code');
      await page.locator('#prove').waitFor();
      await page.locator(CODE).fill(noteCode(house.home));
      await send(page, 'prove');
      await page.locator('#register').waitFor();
      const phone = generator(await otpauthUri(page));
      await page.locator(CODE).fill(phone.code());
      await press(page, 'register');
      await page.locator('.codes').waitFor();
      const codes = await page.locator('.codes code').allTextContents();
      await page.locator('a.primary').click();
      return { phone, codes };
    }

    async function enter(page: Page, form: 'second-factor' | 'recovery', code: string): Promise<void> {
      await page.locator(`#${form} input[name="code"]`).fill(code);
      await send(page, form);
    }

    it('are shown by who presses the button twice, too, and sends the form twice', async () => {
      const twice = (page: Page, form: string) => page.locator(`#${form} button`).dblclick();
      const context = await openContext(browser, { scripts: false });
      const page = await context.newPage();
      const asked = url('jellyfin', '/twice');
      await page.goto(asked);
      await signIn(page, 'juergen');
      // They are on the page although the browser has forgotten the first answer.
      const { phone, codes } = await register(page, twice);
      expect(codes).toHaveLength(10);
      expect(await leavesPortal(page)).toBe(asked);
      await context.clearCookies();
      await page.goto(asked);
      await signIn(page, 'juergen');
      await page.locator(CODE).fill(phone.code());
      await twice(page, 'second-factor');
      expect(await leavesPortal(page)).toBe(asked);
      await context.close();
    });

    describe.each([
      [true, 'admin'],
      [false, 'user'],
    ] as const)('with JavaScript: %s', (scripts, who: MemberName) => {
      let phone: Generator;
      let codes: string[];
      /** Of a place within a page no server is told, so a script has to lead it on. */
      const place = scripts ? '#/scene/7' : '';
      const visitor = async (): Promise<{ context: BrowserContext; page: Page }> => {
        const context = await openContext(browser, { scripts });
        return { context, page: await context.newPage() };
      };

      it('steps up on the way to a page that asks for two: registers, and lands on that page', async () => {
        house.home.services.clear();
        const { context, page } = await visitor();
        const complaints = listen(page);
        await page.goto(url('wiki'));
        await signIn(page, who);
        expect(await leavesPortal(page)).toBe(url('wiki'));
        const before = await sessionCookie(context);
        const asked = url('jellyfin', `/film/7?at=1%3A30${place}`);
        await page.goto(asked);
        expect(page.url().startsWith(PORTAL)).toBe(true);
        // The password is not asked for again.
        expect(await page.locator(PASSWORD).count()).toBe(0);
        ({ phone, codes } = await register(page));
        expect(await leavesPortal(page)).toBe(asked);
        expect(await user(page)).toBe(who);
        expect(codes.length).toBeGreaterThan(5);
        expect(new Set(codes).size).toBe(codes.length);
        // Another session, and the one before is nothing any more.
        const after = await sessionCookie(context);
        expect(after).not.toBe(before);
        const old = await openContext(browser, { scripts });
        await old.addCookies([
          {
            name: '__Secure-postern_session',
            value: before ?? '',
            domain: '.example.com',
            path: '/',
            secure: true,
          },
        ]);
        const other = await old.newPage();
        await waitUntil('the session before to be over', async () => {
          await other.goto(url('wiki'));
          return other.url().startsWith(PORTAL);
        });
        expect(complaints.list).toEqual([]);
        for (const each of [context, old]) await each.close();
      });

      it('signs in with password and code, each code once', async () => {
        const { context, page } = await visitor();
        const asked = url('jellyfin', `/series${place}`);
        await page.goto(asked);
        await signIn(page, who);
        await page.locator('#second-factor').waitFor();
        house.home.services.clear();
        await enter(page, 'second-factor', '000000');
        await page.locator('[role="alert"]').waitFor();
        await page.goto(asked);
        expect(receives('jellyfin')).toBe(false);
        const code = phone.code();
        await enter(page, 'second-factor', code);
        expect(await leavesPortal(page)).toBe(asked);
        // One factor is enough elsewhere, and two are more.
        await page.goto(url('home'));
        expect(await user(page)).toBe(who);

        const second = await visitor();
        await second.page.goto(asked);
        await signIn(second.page, who);
        await enter(second.page, 'second-factor', code);
        await second.page.locator('[role="alert"]').waitFor();
        await enter(second.page, 'second-factor', phone.code());
        expect(await leavesPortal(second.page)).toBe(asked);
        for (const each of [context, second.context]) await each.close();
      });

      it('takes a recovery code in its place, once', async () => {
        const asked = url('jellyfin', `/music${place}`);
        const [code = ''] = codes;
        for (const isFirst of [true, false]) {
          const { context, page } = await visitor();
          await page.goto(asked);
          await signIn(page, who);
          await page.locator('#second-factor').waitFor();
          await page.locator('a[href*="/second-factor/recovery"]').click();
          await enter(page, 'recovery', code);
          if (isFirst) expect(await leavesPortal(page)).toBe(asked);
          else await page.locator('[role="alert"]').waitFor();
          await context.close();
        }
      });

      it('asks groups and levels: the administration, and the part of a site', async () => {
        const { context, page } = await visitor();
        house.home.services.clear();
        const isAdmin = who === 'admin';
        await page.goto(url('vault', '/items'));
        await signIn(page, who);
        expect(await leavesPortal(page)).toBe(url('vault', '/items'));
        await page.goto(url('vault', '/admin'));
        if (isAdmin) {
          await enter(page, 'second-factor', phone.code());
          expect(await leavesPortal(page)).toBe(url('vault', '/admin'));
          await page.goto(url('admin', '/settings'));
          expect(page.url()).toBe(url('admin', '/settings'));
          expect(await user(page)).toBe('admin');
        } else {
          // A second factor would not help: nobody is asked for one in vain.
          expect(page.url()).toBe(url('vault', '/admin'));
          expect(await page.locator('main').textContent()).toContain('vault.example.com');
          await page.goto(url('admin', '/settings'));
          expect(page.url()).toBe(url('admin', '/settings'));
          expect(receives('admin')).toBe(false);
          expect(house.home.services.visits.some(({ uri }) => uri === '/admin')).toBe(false);
        }
        await context.close();
      });
    });
  });
});
