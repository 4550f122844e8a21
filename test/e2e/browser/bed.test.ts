import { afterAll, beforeAll, expect, it } from 'vitest';
import { axe } from '../../support/axe.ts';
import { type Browser, describeBrowser, listen, openBrowser, openContext } from '../../support/browser.ts';
import { removeTempDirectories } from '../../support/temp.ts';
import { describeTraefik } from '../../support/traefik.ts';
import { type Household, startHousehold } from './household.ts';
import { CALLS, FAULTY, SERVICES } from './services.ts';

describeTraefik('the bed of the browser tests', traefik => {
  describeBrowser('in Chromium', chromium => {
    let house: Household;
    let browser: Browser;
    beforeAll(async () => {
      house = await startHousehold({
        traefik: traefik(),
        config: { access_control: { rules: [{ domain: '*.example.com', policy: 'bypass' }] } },
      });
      browser = await openBrowser(chromium, { port: house.port });
    });
    afterAll(async () => {
      await browser?.close();
      await house?.stop();
      removeTempDirectories();
    });

    it('opens a page with all that belongs to it', async () => {
      const context = await openContext(browser);
      const page = await context.newPage();
      const complaints = listen(page);
      await page.goto(`https://${SERVICES[0]}.example.com/some/page?q=1`);
      await page.getByText(`${CALLS} calls answered`).waitFor();
      expect(await page.locator('#uri').textContent()).toBe('/some/page?q=1');
      expect(complaints.list).toEqual([]);
      await context.close();
    });

    it('finds what is wrong with a page, also under a policy that lets no script in', async () => {
      const context = await openContext(browser);
      const page = await context.newPage();
      const complaints = listen(page);
      await page.goto(`https://${SERVICES[0]}.example.com${FAULTY}`);
      const found = (await axe(page)).map(text => text.split(':', 1)[0]);
      expect(found).toEqual(expect.arrayContaining(['html-has-lang', 'image-alt']));
      const said = complaints.list.join('\n');
      expect(said).toContain('inline style');
      expect(said).toContain('violates the following Content Security Policy directive');
      await context.close();
    });
  });
});
