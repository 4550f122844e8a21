import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { qrCode } from '../../../host/second-factor/qr.ts';
import { findChromium, openBrowser, openContext, type Page } from '../../support/browser.ts';
import { removeTempDirectories } from '../../support/temp.ts';
import { findTraefik, traefikBinary } from '../../support/traefik-binary.ts';
import { startHousehold } from './household.ts';
import { type StopName, tour } from './tour.ts';

export const THEMES = ['light', 'dark'] as const;
/** A card with some room around it. */
const WIDTH = { usual: 464, wide: 592 };

/** What is different each time stands in the pictures as on a day like any other. */
const SAMPLE = {
  secret: 'JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP',
  uri: 'otpauth://totp/auth.example.com:guest?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=auth.example.com',
  codes: [
    ['7KQ2-M4XD-9TRA', 'B3WN-6HJC-2PVE', 'X8DR-4YKM-7QGT', 'N5CA-9ZVP-3LWH', 'C7TB-5RXK-2WMQ'],
    ['T2MJ-8BXQ-6KDR', 'H6VP-3NWA-9CYE', 'Q9GL-7TKX-4MZB', 'R4YE-2DHC-8JNV', 'M3HZ-6PVD-9KAY'],
  ].flat(),
  reference: '4T9XKC2M',
  moment: '1 March 2026 at 12:00',
};

/** Replaces the texts of these elements, one after the other. */
async function replace(page: Page, selector: string, texts: readonly string[]): Promise<void> {
  const found = await page.locator(selector).count();
  if (found === 0) throw new Error(`${selector} is not on ${page.url()}`);
  const script = `{
    const texts = ${JSON.stringify(texts)}
    document.querySelectorAll(${JSON.stringify(selector)}).forEach((e, i) => { e.textContent = texts[i % texts.length] })
  }`;
  await page.evaluate(script);
}

async function showSamples(page: Page, name: StopName): Promise<void> {
  if (name === 'register' || name === 'register-failed') {
    const { size, path } = qrCode(SAMPLE.uri);
    await page.evaluate(`{
      const picture = document.querySelector('svg.qr')
      picture.setAttribute('viewBox', '0 0 ${size} ${size}')
      const [ground, dots] = picture.querySelectorAll('path')
      ground.setAttribute('d', 'M0 0h${size}v${size}h-${size}z')
      dots.setAttribute('d', '${path}')
    }`);
    await replace(page, 'main > p > code', [SAMPLE.secret]);
  }
  if (name === 'recovery-codes') await replace(page, '.codes code', SAMPLE.codes);
  if (name === 'denied') await replace(page, 'dd code', [SAMPLE.reference]);
  if (name === 'signed-in') await replace(page, 'dl > dd:last-of-type', [SAMPLE.moment]);
  if (name === 'devices') await replace(page, '.list .small', [`registered ${SAMPLE.moment}`]);
}

/** What nobody sees: Chromium rounds the edges of corners now one way, now the other. */
const MAX_DIFFERENCE = 2;

/** Whether two PNGs look the same, as a browser reads them. @param blank any page that may run scripts */
async function lookAlike(blank: Page, before: Buffer, now: Buffer): Promise<boolean> {
  const [a, b] = [before, now].map(png => `data:image/png;base64,${png.toString('base64')}`);
  const difference = await blank.evaluate(`(async () => {
    const pixels = async url => {
      const image = new Image()
      image.src = url
      await image.decode()
      const canvas = new OffscreenCanvas(image.width, image.height)
      const context = canvas.getContext('2d')
      context.drawImage(image, 0, 0)
      return context.getImageData(0, 0, image.width, image.height)
    }
    const [a, b] = [await pixels('${a}'), await pixels('${b}')]
    if (a.width !== b.width || a.height !== b.height) return 255
    return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i])), 0)
  })()`);
  return (difference as number) <= MAX_DIFFERENCE;
}

/** Takes the pictures; answers their names. @param args `--out FOLDER` */
export async function run(args: readonly string[]): Promise<void> {
  const folder = resolve(args[0] === '--out' ? (args[1] ?? '') : 'docs/images');
  const chromium = findChromium();
  const source = findTraefik();
  if (chromium === undefined || source === undefined)
    throw new Error('Chromium and Traefik are needed: see CONTRIBUTING.md');
  mkdirSync(folder, { recursive: true });
  const house = await startHousehold({
    traefik: await traefikBinary(source),
    config: { totp: { skew: 5 } },
  });
  const browser = await openBrowser(chromium, { port: house.port });
  try {
    const context = await openContext(browser);
    const blank = await (await openContext(browser)).newPage();
    for await (const { name, page } of tour(context, house.home, 'guest')) {
      await showSamples(page, name);
      // Where the page puts the focus, it shows.
      if ((await page.locator('[autofocus]').count()) > 0) await page.locator('[autofocus]:focus').waitFor();
      const isWide = (await page.locator('main.wide').count()) > 0;
      // As high as the page is, not as a window.
      await page.setViewportSize({ width: isWide ? WIDTH.wide : WIDTH.usual, height: 100 });
      for (const colorScheme of THEMES) {
        await page.emulateMedia({ colorScheme });
        const path = join(folder, `portal-${name}-${colorScheme}.png`);
        const now = await page.screenshot({ fullPage: true, animations: 'disabled', caret: 'hide' });
        // What looks as it did stays as it is: repositories keep every version for ever.
        const isNew = !existsSync(path) || !(await lookAlike(blank, readFileSync(path), now));
        if (isNew) writeFileSync(path, now);
        process.stdout.write(`${isNew ? 'taken' : 'as before'}: ${path}\n`);
      }
    }
  } finally {
    await browser.close();
    await house.stop();
    removeTempDirectories();
  }
}
