import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RequestHeaders } from '../../../host/http/request-headers.ts';
import { FormTokens, PORTAL_COOKIE } from '../../../host/portal/csrf.ts';
import { messagePage } from '../../../host/portal/messages.ts';
import { page as portalPage } from '../../../host/portal/page.ts';
import { chooseTexts } from '../../../host/portal/texts/choose.ts';
import { MAX_DEVICES } from '../../../host/second-factor/stored-factors.ts';
import { parseSecret } from '../../../host/secret/secret.ts';
import { openStore } from '../../../host/store/open.ts';
import type { FactorStore } from '../../../host/store/store.ts';
import { type BrowserContext, listen } from '../../support/browser.ts';
import type { Fault } from './faults.ts';
import { type Home, MEMBERS, type MemberName, PORTAL } from './home.ts';
import type { Household } from './household.ts';
import { generator, noteCode, otpauthUri, PASSWORD, send, signIn, USERNAME } from './person.ts';

/** What neither `tour` nor `faults` comes by, in the order in which `factorFaults` shows it, and its status. */
export const FACTOR_FAULTS = {
  'nobody-signed-in': 200,
  'no-session': 200,
  'nowhere-to-go': 200,
  'too-old': 400,
  'no-cookie': 400,
  'wrong-proof': 401,
  'proof-gone': 401,
  'not-sent': 503,
  'key-gone': 401,
  'too-many-devices': 409,
  'one-of-several': 200,
  'no-device': 200,
  'signed-out-everywhere': 200,
  'recovery-failed': 401,
  'recovery-locked': 429,
  'codes-locked': 429,
  mistake: 500,
} as const;

const DEVICES = `${PORTAL}/second-factor/devices`;
const REGISTER = `${PORTAL}/second-factor/register`;
/** Neither of anybody's length of a code, nor of anybody's codes. */
const WRONG = { code: '0', recovery: 'ACDE-FGHJ-KMNP' };
/** Before each of the limits there are fewer; the pages say when it is enough. */
const MOST = 20;

/** Whoever has second factors mistypes, comes too late or has too many; as the member `who`, who is sent three messages. */
export async function* factorFaults(
  context: BrowserContext,
  house: Household,
  who: MemberName,
): AsyncGenerator<Fault> {
  const { home } = house;
  const page = await context.newPage();
  const complaints = listen(page, /^https:\/\/auth\.example\.com\//);
  const at = (name: keyof typeof FACTOR_FAULTS, status: number | undefined): Fault => ({
    ...{ name, status: status ?? 0, page, complaints },
  });
  const open = async (url: string) => (await page.goto(url))?.status();
  /** Presses the button of a form; answers what the form was answered. */
  const sent = async (form: string): Promise<number> => {
    const answered = page.waitForResponse(response => response.request().method() === 'POST');
    await send(page, form);
    const status = (await answered).status();
    await page.waitForLoadState();
    return status;
  };
  const typed = async (form: string, code: string): Promise<number> => {
    await page.locator(`#${form} input[name="code"]`).fill(code);
    return sent(form);
  };
  /** Types it again and again until there is another answer. */
  const until = async (status: number, form: string, code: string): Promise<number> => {
    let answer = 0;
    for (let i = 0; i < MOST && answer !== status; i++) answer = await typed(form, code);
    return answer;
  };
  const fill = async () => {
    await page.locator(USERNAME).fill(who);
    await page.locator(PASSWORD).fill(MEMBERS[who].password);
  };

  yield at('nobody-signed-in', await open(`${PORTAL}/logout`));
  yield at('no-session', await open(`${PORTAL}/continue`));
  yield at('nowhere-to-go', await open(PORTAL));
  const cookie = (await context.cookies(PORTAL)).find(({ name }) => name === PORTAL_COOKIE)?.value ?? '';
  const yesterday = { now: () => Date.now() - 24 * 3_600_000 };
  const token = new FormTokens({ secret: keyOf(home), clock: yesterday, random: randomBytes });
  await page.evaluate(
    `document.querySelector('[name="token"]').value = '${token.make('sign-in', cookie, '')}'`,
  );
  await fill();
  yield at('too-old', await sent('sign-in'));
  await fill();
  await context.clearCookies();
  yield at('no-cookie', await sent('sign-in'));

  await signIn(page, who);
  await page.locator('dl').waitFor();
  await open(REGISTER);
  await sent('send-code');
  yield at('wrong-proof', await typed('prove', WRONG.code));
  for (let i = 0; i < MOST && (await page.locator('#prove').count()) > 0; i++) {
    await typed('prove', WRONG.code);
  }
  yield at('proof-gone', 401);
  // Where a file is to be written there is a folder.
  rmSync(home.notesFile);
  mkdirSync(home.notesFile);
  try {
    yield at('not-sent', await sent('send-code'));
  } finally {
    rmSync(home.notesFile, { recursive: true });
  }
  await sent('send-code');
  await typed('prove', noteCode(home));
  const key = await otpauthUri(page);
  let status = 0;
  for (let i = 0; i < MOST && (await otpauthUri(page)) === key; i++)
    status = await typed('register', WRONG.code);
  yield at('key-gone', status);
  await setDevices(home, who, MAX_DEVICES);
  const code = generator(await otpauthUri(page)).code();
  yield at('too-many-devices', await typed('register', code));
  await open(DEVICES);
  await page.locator('.list a').first().click();
  await page.locator('#remove-device').waitFor();
  yield at('one-of-several', 200);
  await setDevices(home, who, 0);
  yield at('no-device', await open(DEVICES));

  await setDevices(home, who, 1);
  await open(`${PORTAL}/logout`);
  await send(page, 'sign-out-everywhere');
  await page.waitForURL(/done=everywhere/);
  yield at('signed-out-everywhere', 200);
  await page.goto(PORTAL);
  await signIn(page, who);
  await page.locator('dl').waitFor();
  await open(`${PORTAL}/second-factor/recovery`);
  yield at('recovery-failed', await typed('recovery', WRONG.recovery));
  yield at('recovery-locked', await until(429, 'recovery', WRONG.recovery));
  await open(`${PORTAL}/second-factor`);
  yield at('codes-locked', await typed('second-factor', '123456'));
  await setDevices(home, who, 0);
  yield at('mistake', await openMistake());

  /** Nothing is known to bring it about; so the browser is given the page itself. */
  async function openMistake(): Promise<number | undefined> {
    const address = `${PORTAL}/mistake`;
    await page.route(address, route => {
      const texts = chooseTexts(new RequestHeaders(Object.entries(route.request().headers()).flat()));
      const message = messagePage(texts.error.failed, 500, texts, '/');
      const { headers, body } = portalPage({ ...message, texts, base: '', brand: 'example.com' });
      return route.fulfill({
        status: 500,
        headers: { ...Object.fromEntries(headers), 'Content-Type': 'text/html' },
        body,
      });
    });
    return open(address);
  }
}

/** Gives somebody so many devices, and none but these. */
export async function setDevices(home: Home, username: string, count: number): Promise<void> {
  await withFactors(home, async factors => {
    for (const { id } of await factors.listed(username)) await factors.remove(username, id);
    for (let i = 1; i <= count; i++) {
      await factors.add({
        id: randomBytes(16).toString('base64url'),
        username,
        // As long as a name may be, and without a place to break it.
        name: `${'W'.repeat(46)} ${i}`,
        secret: randomBytes(32),
        ...{ algorithm: 'SHA1', digits: 6, period: 30, lastStep: 0, createdAt: Date.now() },
      });
    }
  });
}

async function withFactors(home: Home, act: (factors: FactorStore) => Promise<void>): Promise<void> {
  const store = await openStore(
    { kind: 'sqlite', path: join(home.directory, 'postern.sqlite3') },
    { secret: keyOf(home), previousSecret: undefined, random: randomBytes },
  );
  try {
    await act(store.factors);
  } finally {
    await store.close();
  }
}

function keyOf(home: Home): Uint8Array {
  const secret = parseSecret(home.secret);
  if (!secret.ok) throw new Error(secret.problem.message);
  return secret.key;
}
