import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { MAX_CODES } from '../../../host/portal/handoff.ts';
import { type BrowserContext, type Complaints, listen, type Page } from '../../support/browser.ts';
import { TlsBrowser } from '../../support/tls-browser.ts';
import { askTls } from '../../support/tls-client.ts';
import { waitUntil } from '../../support/wait.ts';
import { MEMBERS, type MemberName, PORTAL } from './home.ts';
import type { Household } from './household.ts';
import { isAtPortal, leavesPortal, send, signIn } from './person.ts';

/** Pages beside the way through the portal, most of them for what went wrong, in the order in which `faults` shows them, and their status. */
export const FAULTS = {
  loop: 508,
  'not-connected': 502,
  'code-refused': 400,
  'denied-elsewhere': 403,
  unreadable: 400,
  foreign: 403,
  method: 405,
  outdated: 400,
  leaving: 200,
  'no-database': 503,
  'no-database-elsewhere': 503,
  'too-many-messages': 429,
  'no-mail': 403,
  'too-many-codes': 429,
} as const;

export interface Fault {
  readonly name: string;
  readonly status: number;
  readonly page: Page;
  readonly complaints: Complaints;
}

/** A domain of its own, which the portal's cookie does not reach; only the group `admins` may open it. */
export const ELSEWHERE = 'app.other.org';
const DOOR = `https://${ELSEWHERE}/outpost.goauthentik.io`;
const PAGE = 'https://wiki.example.com/page';
const REGISTER = `${PORTAL}/second-factor/register`;
const SESSION = '__Secure-postern_session';

/** Runs into all that the portal, or a page of ours at another address, can say no by, as the member `who`. */
export async function* faults(
  context: BrowserContext,
  house: Household,
  who: MemberName,
): AsyncGenerator<Fault> {
  const page = await context.newPage();
  const complaints = listen(page, /^https:\/\/(?:auth\.example\.com|app\.other\.org)\//);
  const at = (name: keyof typeof FAULTS, status?: number): Fault => ({
    ...{ name, status: status ?? 0, page, complaints },
  });
  const open = async (url: string) => (await page.goto(url))?.status();
  /** As a form of somebody else's would be sent; the portal's own policy lets forms go to it alone. */
  const post = async (
    path: string,
    fields: Readonly<Record<string, string>>,
  ): Promise<number | undefined> => {
    await page.goto(PORTAL);
    const answered = page.waitForResponse(response => response.request().method() === 'POST');
    await page.evaluate(`{
      const form = document.createElement('form')
      Object.assign(form, { method: 'post', action: '${path}' })
      for (const [name, value] of Object.entries(${JSON.stringify(fields)})) {
        form.append(Object.assign(document.createElement('input'), { name, value }))
      }
      document.body.append(form)
      form.submit()
    }`);
    const status = (await answered).status();
    await page.waitForLoadState();
    return status;
  };
  const enter = async () => {
    await page.goto(PAGE);
    await isAtPortal(page);
    await signIn(page, who);
    await leavesPortal(page);
  };

  await enter();
  let status = await open(`${PORTAL}/?rd=${PAGE}`);
  for (let sent = 1; sent < 20 && status === 200; sent++) status = await open(`${PORTAL}/?rd=${PAGE}`);
  yield at('loop', status);
  yield at('not-connected', await open(`${PORTAL}/handoff?rd=https://${ELSEWHERE}/`));
  yield at('code-refused', await open(`${DOOR}/callback?code=${'A'.repeat(43)}`));
  yield at('denied-elsewhere', await open(`https://${ELSEWHERE}/`));
  yield at('unreadable', await post('/logout', { form: 'nonsense' }));
  yield at('foreign', await post('/logout', { form: 'sign-out', token: 'nonsense' }));
  yield at('method', await post('/continue', {}));

  await page.goto(`${PORTAL}/logout`);
  const other = await context.newPage();
  const leave = async () => {
    await other.goto(`${PORTAL}/logout`);
    await send(other, 'sign-out');
    await other.waitForURL(/done=here/);
  };
  await leave();
  await other.goto(PORTAL);
  await signIn(other, who);
  await other.locator('dl').waitFor();
  const outdated = page.waitForResponse(response => response.request().method() === 'POST');
  await send(page, 'sign-out');
  status = (await outdated).status();
  await page.waitForLoadState();
  yield at('outdated', status);
  await leave();
  await other.close();
  // A page that leads on at once; an answer without a body leaves the browser where it is.
  await page.route(PAGE, route => route.fulfill({ status: 204 }));
  yield at('leaving', await open(`${PORTAL}/logout?rd=${PAGE}`));
  await page.unroute(PAGE);

  await enter();
  const { code, proof } = await codeFor(house, who);
  await context.addCookies([
    { ...proof, url: `https://${ELSEWHERE}/`, secure: true, httpOnly: true, sameSite: 'Lax' },
  ]);
  await withoutSessions(house);
  try {
    yield at('no-database', await open(PORTAL));
    yield at('no-database-elsewhere', await open(code));
  } finally {
    await withoutSessions(house, 'undo');
  }

  await page.goto(REGISTER);
  for (let sent = 0; sent < 10; sent++) {
    const answered = page.waitForResponse(response => response.request().method() === 'POST');
    await send(page, 'send-code');
    status = (await answered).status();
    await page.waitForLoadState();
    if (status !== 303) break;
  }
  yield at('too-many-messages', status);
  const users = readFileSync(house.home.usersFile, 'utf8');
  try {
    writeFileSync(house.home.usersFile, users.replace(`"${who}@example.com"`, '""'));
    await waitUntil('the account to have no address', async () => {
      status = await open(REGISTER);
      return status === 403;
    });
    yield at('no-mail', status);
  } finally {
    writeFileSync(house.home.usersFile, users);
  }
  const handoff = `${PORTAL}/handoff?rd=https://${ELSEWHERE}/&state=${'A'.repeat(43)}`;
  const { host, pathname, search } = new URL(handoff);
  const session = (await context.cookies(PORTAL)).find(({ name }) => name === SESSION)?.value;
  const headers = { cookie: `${SESSION}=${session}` };
  for (let made = 0; made < MAX_CODES; made++) await askTls(house.port, host, pathname + search, { headers });
  yield at('too-many-codes', await open(handoff));
}

/** A good code at the other domain, and what the browser that began there has to show with it. */
async function codeFor(house: Household, who: MemberName) {
  const browser = new TlsBrowser(house.port);
  const { password } = MEMBERS[who];
  await browser.submit(await browser.open(PAGE), 'sign-in', { username: who, password });
  const begun = await browser.load(`${DOOR}/start?rd=/`);
  const made = await browser.load(String(begun.headers.location));
  const name = '__Host-postern_handoff';
  return {
    code: String(made.headers.location),
    proof: { name, value: browser.cookie(ELSEWHERE, name) ?? '' },
  };
}

/** A database that cannot be asked for sessions; `undo` makes it whole again. */
async function withoutSessions({ home }: Household, undo?: 'undo'): Promise<void> {
  const database = new Database(join(home.directory, 'postern.sqlite3'), { timeout: 5_000 });
  const [from, to] = undo === undefined ? ['sessions', 'sessions_away'] : ['sessions_away', 'sessions'];
  database.exec(`alter table ${from} rename to ${to}`);
  database.close();
}
