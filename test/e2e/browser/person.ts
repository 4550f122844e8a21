import { TOTP, URI } from 'otpauth';
import type { Page } from '../../support/browser.ts';
import { type Home, MEMBERS, type MemberName, PORTAL } from './home.ts';

/** Fields as password managers find them, in any language. */
export const USERNAME = 'input[autocomplete~="username"]';
export const PASSWORD = 'input[autocomplete~="current-password"]';
export const CODE = 'input[autocomplete~="one-time-code"]';

const isPortal = (url: URL) => url.origin === PORTAL;

/** A generator on somebody's telephone, which shows no code twice. */
export interface Generator {
  /** The next code that the host has not seen; the host must allow some skew. */
  code(): string;
}

/** @param uri as the QR code holds it: `otpauth://totp/…` */
export function generator(uri: string): Generator {
  const totp = URI.parse(uri);
  if (!(totp instanceof TOTP)) throw new Error('not a time-based code');
  let last = 0;
  return {
    code() {
      const now = Math.floor(Date.now() / 1000 / totp.period);
      last = Math.max(now - 2, last + 1);
      return totp.generate({ timestamp: last * totp.period * 1000 });
    },
  };
}

export interface SignInOptions {
  readonly remember?: boolean;
  readonly password?: string;
}

/** Fills in the form on the page that is open and sends it. */
export async function signIn(page: Page, name: MemberName, options: SignInOptions = {}): Promise<void> {
  await page.locator(USERNAME).fill(name);
  await page.locator(PASSWORD).fill(options.password ?? MEMBERS[name].password);
  if (options.remember) await page.locator('input[type="checkbox"]').check();
  await send(page, 'sign-in');
}

/** Presses the button of the form with this id. */
export async function send(page: Page, form: string): Promise<void> {
  await page.locator(`#${form} button`).click();
}

/** Waits until the browser has left the portal, and answers where it is. */
export async function leavesPortal(page: Page): Promise<string> {
  await page.waitForURL(url => !isPortal(url), { waitUntil: 'load' });
  return page.url();
}

/** Waits until the browser is at the portal. */
export async function isAtPortal(page: Page): Promise<void> {
  await page.waitForURL(isPortal, { waitUntil: 'load' });
}

/** The code in what the notifier wrote last; it stands in a line of its own. */
export function noteCode(home: Home): string {
  const code = /^ {4}(\S+)$/m.exec(home.note())?.[1];
  if (code === undefined) throw new Error(`no code in what the notifier wrote:\n${home.note()}`);
  return code;
}

/** What the QR code on the page says, from the link for authenticators on the same device. */
export async function otpauthUri(page: Page): Promise<string> {
  return (await page.locator('a[href^="otpauth:"]').getAttribute('href')) ?? '';
}
