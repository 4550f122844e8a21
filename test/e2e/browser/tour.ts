import { type BrowserContext, type Complaints, listen, type Page } from '../../support/browser.ts';
import { type Home, type MemberName, PORTAL } from './home.ts';
import {
  CODE,
  generator,
  isAtPortal,
  leavesPortal,
  noteCode,
  otpauthUri,
  send,
  signIn,
  USERNAME,
} from './person.ts';

/** The portal's pages in the order in which somebody meets them; errors are all of one kind. */
export const STOPS = [
  'sign-in',
  'sign-in-failed',
  'on-the-way',
  'denied',
  'signed-in',
  'prove-identity',
  'prove-code',
  'register',
  'register-failed',
  'recovery-codes',
  'devices',
  'remove-device',
  'sign-out',
  'signed-out',
  'second-factor',
  'second-factor-failed',
  'recovery',
  'devices-locked',
  'not-found',
] as const;

export type StopName = (typeof STOPS)[number];

export interface Stop {
  readonly name: StopName;
  readonly page: Page;
  /** What the browser held against the page; a page that says no comes with such a status. */
  readonly complaints: Complaints;
}

const DENIED = 'https://nextcloud.example.com/files';
const TWO_FACTOR = 'https://jellyfin.example.com/films';

/**
 * Goes through the portal as somebody would who comes for the first time, and
 * stops at every page.
 *
 * @param who of no group, and without a second factor so far; the host allows some skew
 */
export async function* tour(context: BrowserContext, home: Home, who: MemberName): AsyncGenerator<Stop> {
  const page = await context.newPage();
  const complaints = listen(page, /^https:\/\/(?:auth|nextcloud)\.example\.com\//);
  const stop = (name: StopName): Stop => ({ name, page, complaints });
  const shows = (selector: string) => page.locator(selector).first().waitFor();

  await page.goto(DENIED);
  await isAtPortal(page);
  yield stop('sign-in');
  await signIn(page, who, { password: 'wrong' });
  await shows('[role="alert"]');
  yield stop('sign-in-failed');

  // A page that leads on at once; an answer without a body leaves the browser where it is.
  await page.route(DENIED, route => route.fulfill({ status: 204 }));
  await signIn(page, who);
  await page.waitForURL(`${PORTAL}/continue*`);
  yield stop('on-the-way');
  await page.unroute(DENIED);
  await page.goto(DENIED);
  yield stop('denied');
  await page.goto(PORTAL);
  yield stop('signed-in');

  await page.goto(TWO_FACTOR);
  await shows('#send-code');
  yield stop('prove-identity');
  await send(page, 'send-code');
  await shows('#prove');
  yield stop('prove-code');
  await page.locator(CODE).fill(noteCode(home));
  await send(page, 'prove');
  await shows('#register');
  yield stop('register');
  const phone = generator(await otpauthUri(page));
  await page.locator(CODE).fill('000000');
  await send(page, 'register');
  await shows('[role="alert"]');
  yield stop('register-failed');
  await page.locator(CODE).fill(phone.code());
  await send(page, 'register');
  await shows('.codes');
  yield stop('recovery-codes');
  await page.locator('a.primary').click();
  await leavesPortal(page);

  await page.goto(`${PORTAL}/second-factor/devices`);
  yield stop('devices');
  await page.locator('.list a').click();
  await shows('#remove-device');
  yield stop('remove-device');
  await page.goto(`${PORTAL}/logout`);
  yield stop('sign-out');
  await send(page, 'sign-out');
  await page.waitForURL(/done=here/);
  yield stop('signed-out');

  await page.goto(TWO_FACTOR);
  await shows(USERNAME);
  await signIn(page, who);
  await shows('#second-factor');
  yield stop('second-factor');
  await page.locator(CODE).fill('000000');
  await send(page, 'second-factor');
  await shows('[role="alert"]');
  yield stop('second-factor-failed');
  await page.goto(`${PORTAL}/second-factor/recovery`);
  yield stop('recovery');
  await page.goto(`${PORTAL}/second-factor/devices`);
  yield stop('devices-locked');
  await page.goto(`${PORTAL}/no-such-page`);
  yield stop('not-found');
}
