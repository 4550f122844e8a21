import { type Browser, type BrowserContext, chromium, type LaunchOptions, type Page } from 'playwright-core';
import { describeWith } from './component.ts';
import { findProgram } from './program.ts';

export type { Browser, BrowserContext, Page };

const HOW_TO_GET = 'Install it (apt-get install chromium) or name one with POSTERN_CHROMIUM_BIN.';

/** Path of a Chromium, of any name that systems give it. */
export function findChromium(): string | undefined {
  return (
    findProgram('chromium', 'POSTERN_CHROMIUM_BIN') ??
    findProgram('chromium-browser', 'POSTERN_CHROMIUM_BIN') ??
    findProgram('google-chrome', 'POSTERN_CHROMIUM_BIN')
  );
}

/** `describe` with a real Chromium; `binary` is its path. */
export function describeBrowser(title: string, body: (binary: string) => void): void {
  describeWith('Chromium', HOW_TO_GET, findChromium(), title, body);
}

export interface Where {
  /** Port of the proxy on loopback, which all names below lead to. */
  readonly port: number;
  /** Default `*.example.com`. Every other name is unknown to the browser: nothing leaves the machine. */
  readonly names?: readonly string[];
}

function launchOptions(binary: string, { port, names = ['*.example.com'] }: Where): LaunchOptions {
  const rules = [...names.map(name => `MAP ${name} 127.0.0.1:${port}`), 'MAP * ~NOTFOUND'].join(', ');
  return {
    executablePath: binary,
    headless: true,
    // Chromium refuses to run as root with its sandbox; anybody else keeps it.
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      `--host-resolver-rules=${rules}`,
      // Containers often have a small /dev/shm.
      '--disable-dev-shm-usage',
      '--disable-gpu',
      // The same picture on every machine.
      '--font-render-hinting=none',
      '--force-color-profile=srgb',
    ],
  };
}

/** A Chromium in which addresses without a port lead to the proxy at `where`. */
export function openBrowser(binary: string, where: Where): Promise<Browser> {
  return chromium.launch(launchOptions(binary, where));
}

export interface ViewOptions {
  /** Default true. */
  readonly scripts?: boolean;
  readonly theme?: 'light' | 'dark';
  /** As in Accept-Language. Default en-GB. */
  readonly language?: string;
  /** Default 1280. */
  readonly width?: number;
}

function contextOptions({ scripts = true, theme = 'light', language = 'en-GB', width = 1280 }: ViewOptions) {
  return {
    javaScriptEnabled: scripts,
    colorScheme: theme,
    // Colours that are on their way from one theme to the other are of neither.
    reducedMotion: 'reduce',
    locale: language,
    timezoneId: 'UTC',
    viewport: { width, height: 800 },
    // The proxies' certificates are the tests' own.
    ignoreHTTPSErrors: true,
  } as const;
}

/** A profile of its own: no cookie of another one. */
export async function openContext(browser: Browser, view: ViewOptions = {}): Promise<BrowserContext> {
  return patient(await browser.newContext(contextOptions(view)));
}

/** A browser whose profile is kept in `directory` when it is closed. */
export async function openProfile(
  binary: string,
  where: Where,
  directory: string,
  view: ViewOptions = {},
): Promise<BrowserContext> {
  const options = { ...launchOptions(binary, where), ...contextOptions(view) };
  return patient(await chromium.launchPersistentContext(directory, options));
}

/** Busy machines are slow, and passwords are verified slowly on purpose. */
function patient(context: BrowserContext): BrowserContext {
  context.setDefaultTimeout(20_000);
  return context;
}

/** What a browser held against a page: errors in its console, violations of its policy, what could not be loaded. */
export interface Complaints {
  readonly list: readonly string[];
  clear(): void;
}

/** Chromium writes into the console that a page itself came with 403 or 503; the page says so by itself. */
const STATUS_OF_PAGE = /^Failed to load resource: the server responded with a status of [45]\d\d/;

/** @param expected addresses whose answer may be an error */
export function listen(page: Page, expected: RegExp = /^$/): Complaints {
  const list: string[] = [];
  page.on('console', message => {
    const isExpected = STATUS_OF_PAGE.test(message.text()) && expected.test(message.location().url);
    if ((message.type() === 'error' || message.type() === 'warning') && !isExpected)
      list.push(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', error => list.push(`exception: ${error.message}`));
  page.on('requestfailed', request => {
    const why = request.failure()?.errorText ?? '';
    // What the next page interrupts has not failed.
    if (why !== 'net::ERR_ABORTED') list.push(`failed: ${request.url()} ${why}`);
  });
  return { list, clear: () => void list.splice(0) };
}
