import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { TOTP, URI } from 'otpauth';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CacheError } from '../../../host/cache/cache.ts';
import { MemoryCache } from '../../../host/cache/memory-cache.ts';
import { IDENTITY_PROOF_DEFAULTS, type IdentityProof } from '../../../host/config/identity-proof.ts';
import { TOTP_DEFAULTS } from '../../../host/config/totp.ts';
import { type Message, NotifierError } from '../../../host/notifier/notifier.ts';
import { createSecondFactorRoutes } from '../../../host/portal/second-factor-routes.ts';
import { IdentityProofs } from '../../../host/second-factor/identity-proofs.ts';
import { OneTimeCodes } from '../../../host/second-factor/one-time-codes.ts';
import { StoredFactors } from '../../../host/second-factor/stored-factors.ts';
import { openStore } from '../../../host/store/open.ts';
import type { Store } from '../../../host/store/store.ts';
import { FakeClock, fakeLogger } from '../../support/host-fakes.ts';
import { formOf, setCookies, startPortal, type TestPortal, Visitor } from '../../support/portal.ts';
import { removeTempDirectories, tempDirectory } from '../../support/temp.ts';
import type { Answer } from '../../support/test-app.ts';

const SESSION = '__Secure-postern_session';
const FACTOR = '/second-factor';
const REGISTER = '/second-factor/register';
const DEVICES = '/second-factor/devices';
const LEADS_TO = 'https://app.example.com/one?a=1';

let store: Store;
let portal: TestPortal;
let visitor: Visitor;
let clock: FakeClock;
let cache: MemoryCache;
let sent: Message[];
let mailFails: boolean;
let log: ReturnType<typeof fakeLogger>;

async function start(
  options: { settings?: Partial<IdentityProof>; disabled?: boolean; noNotifier?: boolean } = {},
): Promise<void> {
  const settings = { ...IDENTITY_PROOF_DEFAULTS, ...options.settings };
  const notifier = {
    kind: 'filesystem' as const,
    async send(message: Message) {
      if (mailFails) throw new NotifierError('the mail server is away', 'look for it');
      sent.push(message);
    },
    async check() {},
  };
  const random = randomBytes;
  portal = await startPortal({
    more: createSecondFactorRoutes({
      factors:
        options.disabled === true
          ? undefined
          : new StoredFactors({ setup: TOTP_DEFAULTS, store: store.factors, cache, clock, random }),
      codes:
        options.noNotifier === true ? undefined : new OneTimeCodes({ cache, notifier, settings, random }),
      notifier: options.noNotifier === true ? undefined : notifier,
      proofs: new IdentityProofs(cache, settings),
      settings,
      sessions: { begin: wanted => portal.sessions.begin(wanted) },
      log,
    }),
  });
  for (const name of ['john', 'jane', 'no mail']) portal.users.put(name, 'password', { name: `${name} <b>` });
  visitor = new Visitor(portal.port);
}

beforeEach(async () => {
  clock = new FakeClock();
  log = fakeLogger();
  cache = new MemoryCache({ clock, random: randomBytes, log });
  sent = [];
  mailFails = false;
  store = await openStore(
    { kind: 'sqlite', path: join(tempDirectory(), 'postern.sqlite3') },
    { secret: Buffer.alloc(32, 3), random: randomBytes },
  );
});

afterEach(async () => {
  await portal.stop();
  await store.close();
});
afterAll(removeTempDirectories);

const location = (answer: Answer) => [answer.status, String(answer.headers.location)];
const code = () => /^ {4}([A-Z0-9]{8})$/m.exec(sent.at(-1)?.text ?? '')?.[1] ?? 'none';
const levelOf = (who = visitor) => portal.sessions.live.get(who.jar.get(SESSION) ?? '')?.level;

/** Signs in, with a return address where a page is named. */
async function signIn(name = 'john', who = visitor, to?: string): Promise<Answer> {
  const answer = await who.signIn(
    name,
    'password',
    to === undefined ? '/' : `/?rd=${encodeURIComponent(to)}&rm=GET`,
  );
  expect(answer.status).toBe(303);
  return answer;
}

async function prove(who = visitor): Promise<Answer> {
  expect(location(await who.submit(formOf(await who.get(REGISTER), 'send-code')))).toEqual([303, REGISTER]);
  return who.submit(formOf(await who.get(REGISTER), 'prove'), { code: code() });
}

/** The key on the page, as an authenticator takes it. */
function authenticator({ body }: Answer): TOTP {
  const uri = /<a href="(otpauth:[^"]*)"/.exec(body)?.[1]?.replaceAll('&amp;', '&') ?? '';
  const totp = URI.parse(uri);
  if (!(totp instanceof TOTP)) throw new TypeError('no time-based key');
  return totp;
}

const digits = (totp: TOTP) => totp.generate({ timestamp: clock.now() });
const recoveryCodes = ({ body }: Answer) =>
  [...body.matchAll(/<li><code>([A-Z0-9-]{14})<\/code>/g)].map(([, one]) => one ?? '');

async function register(who = visitor, name = 'Telephone') {
  const page = await who.get(REGISTER);
  const totp = authenticator(page);
  const done = await who.submit(formOf(page, 'register'), { code: digits(totp), name });
  return { totp, done, recovery: recoveryCodes(done) };
}

/** John with a device; the visitor who registered it has a session of two factors. */
async function registered(who = visitor) {
  await signIn('john', who);
  await prove(who);
  const made = await register(who);
  expect(made.done.status).toBe(200);
  await clock.advance(30_000);
  return made;
}

describe('registering a device', () => {
  it('takes a code from a message, a code from the device, shows recovery codes, and counts as a second factor', async () => {
    await start();
    await signIn('john', visitor, LEADS_TO);
    // Nobody who has no device is asked for its code.
    expect(location(await visitor.get(FACTOR))).toEqual([303, REGISTER]);
    const ask = await visitor.get(REGISTER);
    expect(ask.body).toContain('<bdi>j…@example.com</bdi>');
    expect(ask.body).not.toContain('otpauth:');
    expect(location(await visitor.submit(formOf(ask, 'send-code')))).toEqual([303, REGISTER]);
    expect(sent).toMatchObject([{ to: { name: 'john <b>', address: 'john@example.com' } }]);
    expect(sent[0]?.text).toContain('auth.example.com from 198.51.100.7');
    const enter = await visitor.get(REGISTER);
    expect(enter.body).toMatch(
      /<input id="code" name="code" type="text" value="" autocomplete="one-time-code"/,
    );
    expect(location(await visitor.submit(formOf(enter, 'prove'), { code: code().toLowerCase() }))).toEqual([
      303,
      REGISTER,
    ]);
    const scan = await visitor.get(REGISTER);
    const totp = authenticator(scan);
    expect(totp).toMatchObject({ issuer: 'Postern', label: 'john' });
    expect(scan.body).toContain(`<code>${totp.secret.base32.match(/.{1,4}/g)?.join(' ')}</code>`);
    expect(scan.body).toMatch(
      /<svg class="qr" viewBox="0 0 \d+ \d+"[^>]* role="img" aria-label="QR code[^"]*"><path /,
    );
    expect(scan.body).not.toMatch(/ style=|<style|<script|onload/);
    // The same key, not another, when the page is asked for again.
    expect(authenticator(await visitor.get(REGISTER)).secret.base32).toBe(totp.secret.base32);
    expect(levelOf()).toBe(1);
    const before = visitor.jar.get(SESSION);
    const done = await visitor.submit(formOf(scan, 'register'), { code: digits(totp), name: 'My <phone>' });
    expect(done.status).toBe(200);
    expect(new Set(recoveryCodes(done)).size).toBe(10);
    expect(done.body).toContain('href="/continue"');
    expect(levelOf()).toBe(2);
    expect(visitor.jar.get(SESSION)).not.toBe(before);
    expect(portal.sessions.live.has(before ?? '')).toBe(false);
    const devices = await visitor.get(DEVICES);
    expect(devices.body).toContain('<bdi>My &lt;phone&gt;</bdi>');
    expect(devices.body).toContain('10 are left.');
    // Its first code has been used.
    const other = new Visitor(portal.port);
    await signIn('john', other);
    const again = await other.submit(formOf(await other.get(FACTOR), 'second-factor'), {
      code: digits(totp),
    });
    expect(again.status).toBe(401);
  });

  it('shows its page and no key again when the code does not fit', async () => {
    await start();
    await signIn();
    await prove();
    const page = await visitor.get(REGISTER);
    const totp = authenticator(page);
    const bad = await visitor.submit(formOf(page, 'register'), { code: '000000', name: 'x' });
    expect(bad.status).toBe(401);
    expect(bad.body).toContain('role="alert"');
    expect(authenticator(bad).secret.base32).toBe(totp.secret.base32);
    expect(await store.factors.ofUser('john')).toEqual([]);
    await clock.advance(600_000);
    await prove();
    const late = await visitor.submit(formOf(page, 'register'), { code: digits(totp), name: 'x' });
    expect(late.status).toBe(401);
    expect(authenticator(late).secret.base32).not.toBe(totp.secret.base32);
    expect(await store.factors.ofUser('john')).toEqual([]);
  });

  it('does not take a code of another session or user, an old one, or a sixth guess', async () => {
    await start();
    await signIn();
    const other = new Visitor(portal.port);
    await signIn('john', other);
    await visitor.submit(formOf(await visitor.get(REGISTER), 'send-code'));
    const foreign = code();
    await other.submit(formOf(await other.get(REGISTER), 'send-code'));
    const form = formOf(await other.get(REGISTER), 'prove');
    for (let i = 0; i < 4; i++) expect((await other.submit(form, { code: foreign })).status).toBe(401);
    const last = await other.submit(form, { code: foreign });
    expect([last.status, last.body.includes('id="prove"')]).toEqual([401, false]);
    const late = await other.submit(form, { code: code() });
    expect([late.status, late.body.includes('otpauth:')]).toEqual([401, false]);
    await clock.advance(300_000);
    const expired = await visitor.get(REGISTER);
    expect(expired.body).toContain('id="send-code"');
    expect(expired.body).not.toContain('id="prove"');
    expect(log.text()).toContain('authentication failed');
    expect(log.text()).not.toContain(foreign);
  });

  it('cannot be begun by the form alone, whoever skips the proof', async () => {
    await start();
    await signIn();
    const jane = new Visitor(portal.port);
    await signIn('jane', jane);
    await prove(jane);
    const form = formOf(await jane.get(REGISTER), 'register');
    // Jane's token is of her session: John gets his own page, at best.
    expect([303, 403]).toContain((await visitor.submit(form, { code: '123456' })).status);
    expect((await visitor.get(REGISTER)).body).not.toContain('otpauth:');
    const own = formOf(await visitor.get(REGISTER), 'send-code');
    for (const name of ['register', 'prove', 'remove-device', '']) {
      const answer = await visitor.submit(
        { ...own, fields: { ...own.fields, form: name } },
        { code: '123456' },
      );
      expect([name, [303, 400, 403].includes(answer.status)]).toEqual([name, true]);
      expect(setCookies(answer)).toEqual([]);
    }
    expect(await store.factors.ofUser('john')).toEqual([]);
  });

  it('says what is missing: a mail address, a notifier, second factors at all', async () => {
    await start();
    await signIn('no mail');
    const answer = await visitor.get(REGISTER);
    expect([answer.status, answer.body.includes('no mail address')]).toEqual([403, true]);
    await portal.stop();
    await start({ noNotifier: true });
    await signIn();
    expect((await visitor.get(REGISTER)).body).toContain('`notifier` is missing'.replaceAll('`', '&#96;'));
    await portal.stop();
    await start({ disabled: true });
    await signIn();
    for (const path of [FACTOR, '/second-factor/recovery', REGISTER, DEVICES]) {
      expect([path, (await visitor.get(path)).status]).toEqual([path, 403]);
    }
  });

  it('says that no message could be sent, and sends five in a quarter of an hour', async () => {
    await start();
    await signIn();
    const form = formOf(await visitor.get(REGISTER), 'send-code');
    mailFails = true;
    const failed = await visitor.submit(form);
    expect([failed.status, failed.body.includes('role="alert"')]).toEqual([503, true]);
    expect(log.text()).toContain('the mail server is away');
    mailFails = false;
    for (let i = 0; i < 4; i++) expect((await visitor.submit(form)).status).toBe(303);
    expect((await visitor.submit(form)).status).toBe(429);
    expect(sent).toHaveLength(4);
  });
});

describe('the second step', () => {
  it('raises the session to two factors under a new id, and leads on to where somebody wanted to go', async () => {
    await start();
    const { totp } = await registered();
    const other = new Visitor(portal.port);
    const first = await signIn('john', other, LEADS_TO);
    const sealed = /return=([\w-]+)/.exec(String(first.headers.location))?.[0];
    const page = await other.get(`${FACTOR}?${sealed}`);
    expect(page.status).toBe(200);
    expect(page.body).toMatch(
      /<input id="code" name="code" type="text" value="" autocomplete="one-time-code"[^>]* inputmode="numeric" pattern="\[0-9٠-٩۰-۹ \]\*"/,
    );
    const before = other.jar.get(SESSION) ?? '';
    const answer = await other.submit(formOf(page, 'second-factor'), { code: digits(totp) });
    expect(location(answer)).toEqual([303, expect.stringMatching(/^\/continue\?return=[\w-]+$/)]);
    const landing = await other.get(String(answer.headers.location));
    expect(landing.body).toContain(LEADS_TO.replace('&', '&amp;'));
    expect(setCookies(answer).some(line => line.startsWith(`${SESSION}=`))).toBe(true);
    expect([levelOf(other), portal.sessions.live.has(before)]).toEqual([2, false]);
    expect(portal.sessions.begun.at(-1)).toMatchObject({ level: 2, replaces: before, remember: false });
    // Whoever is there already is sent on, also by a form that was sent twice.
    expect(location(await other.get(FACTOR))).toEqual([303, '/continue']);
  });

  it('is done once when the button is pressed twice, and both answers sign in', async () => {
    await start();
    const { totp } = await registered();
    const other = new Visitor(portal.port);
    await signIn('john', other);
    const form = formOf(await other.get(FACTOR), 'second-factor');
    const pressed = [
      ['Origin', 'https://auth.example.com'],
      ['Sec-Fetch-Site', 'same-origin'],
      ['Sec-Fetch-User', '?1'],
    ] as const;
    const begun = portal.sessions.begun.length;
    const code = digits(totp);
    // The browser waits for the second answer alone, and has no cookie of the first.
    const before = new Map(other.jar);
    await other.submit(form, { code }, pressed);
    other.jar.clear();
    for (const [name, value] of before) other.jar.set(name, value);
    expect(location(await other.submit(form, { code }, pressed))).toEqual([303, '/continue']);
    expect([levelOf(other), portal.sessions.begun.length]).toEqual([2, begun + 1]);
    // Whatever no person pressed is a code that was used, in a session that is over.
    other.jar.clear();
    for (const [name, value] of before) other.jar.set(name, value);
    expect((await other.submit(form, { code })).status).toBe(401);
    expect(levelOf(other)).toBeUndefined();
  });

  it('keeps "stay signed in"', async () => {
    await start();
    const { totp } = await registered();
    const other = new Visitor(portal.port);
    await other.signIn('john', 'password', '/', { remember: 'on' });
    const answer = await other.submit(formOf(await other.get(FACTOR), 'second-factor'), {
      code: digits(totp),
    });
    expect(setCookies(answer).find(line => line.startsWith(SESSION))).toContain('Max-Age=');
  });

  it('takes each code once, refuses a sixth guess, and writes both down for fail2ban', async () => {
    await start();
    const { totp } = await registered();
    const [one, two] = [new Visitor(portal.port), new Visitor(portal.port)];
    for (const who of [one, two]) await signIn('john', who);
    const forms = [
      formOf(await one.get(FACTOR), 'second-factor'),
      formOf(await two.get(FACTOR), 'second-factor'),
    ] as const;
    expect((await one.submit(forms[0], { code: digits(totp) })).status).toBe(303);
    const replayed = await two.submit(forms[1], { code: digits(totp) });
    expect(replayed.status).toBe(401);
    expect(replayed.body).toContain('aria-invalid="true"');
    expect(replayed.body).toContain('aria-describedby="problem code-hint"');
    for (let i = 0; i < 4; i++) expect((await two.submit(forms[1], { code: '000000' })).status).toBe(401);
    await clock.advance(30_000);
    expect((await two.submit(forms[1], { code: digits(totp) })).status).toBe(429);
    expect(levelOf(two)).toBe(1);
    expect(log.text()).toContain('authentication failed');
    expect(log.text()).toContain('198.51.100.7');
    await clock.advance(600_000);
    expect((await two.submit(forms[1], { code: digits(totp) })).status).toBe(303);
  });

  it('takes a recovery code in its place, once', async () => {
    await start();
    const { recovery } = await registered();
    const [used = ''] = recovery;
    const other = new Visitor(portal.port);
    await signIn('john', other);
    const page = await other.get('/second-factor/recovery');
    expect(page.body).toContain('autocomplete="off"');
    const wrong = await other.submit(formOf(page, 'recovery'), { code: 'AAAA-AAAA-AAAA' });
    expect(wrong.status).toBe(401);
    expect(location(await other.submit(formOf(page, 'recovery'), { code: used.toLowerCase() }))).toEqual([
      303,
      '/continue',
    ]);
    expect(levelOf(other)).toBe(2);
    expect((await other.get(DEVICES)).body).toContain('9 are left.');
    const third = new Visitor(portal.port);
    await signIn('john', third);
    const again = await third.submit(formOf(await third.get('/second-factor/recovery'), 'recovery'), {
      code: used,
    });
    expect([again.status, levelOf(third)]).toEqual([401, 1]);
  });

  it('is not skipped by an empty code, a form of another step, or a form without its code', async () => {
    await start();
    await registered();
    const other = new Visitor(portal.port);
    await signIn('john', other);
    const form = formOf(await other.get(FACTOR), 'second-factor');
    for (const fields of [{ code: '' }, { code: undefined }, {}, { code: ' ' }, { code: '0' }]) {
      expect((await other.submit(form, fields)).status).toBe(401);
    }
    expect(levelOf(other)).toBe(1);
    expect([303, 403]).toContain((await visitor.submit(form, { code: '123456' })).status);
    expect(portal.sessions.begun.filter(({ level }) => level === 2)).toHaveLength(1);
  });

  it('says that the session has ended where it did while the page was open, and still leads on', async () => {
    await start();
    await registered();
    const fresh = new Visitor(portal.port);
    const answer = await signIn('john', fresh, LEADS_TO);
    const page = await fresh.get(String(answer.headers.location).replace('/continue', FACTOR));
    portal.sessions.live.clear();
    const late = await fresh.submit(formOf(page, 'second-factor'), { code: '123456' });
    expect(late.status).toBe(401);
    expect(late.body).toContain('Your session has ended. Please sign in again.');
    // Nothing was typed that is wrong.
    expect(late.body).not.toContain('aria-invalid');
    const again = await fresh.submit(formOf(late, 'sign-in'), { username: 'john', password: 'password' });
    expect(location(again)).toEqual([303, expect.stringMatching(/^\/continue\?return=/)]);
    expect((await fresh.get(String(again.headers.location))).body).toContain(`href="${LEADS_TO}"`);
    // Of somebody else by now: the page as it is for them.
    const mine = await fresh.get(REGISTER);
    fresh.jar.delete(SESSION);
    await signIn('jane', fresh);
    expect(location(await fresh.submit(formOf(mine, 'send-code')))).toEqual([303, REGISTER]);
    expect(sent.map(({ to }) => to.address)).not.toContain('jane@example.com');
  });

  it('asks nobody who is not signed in, and no account that has gone meanwhile', async () => {
    await start();
    for (const path of [FACTOR, '/second-factor/recovery', REGISTER, DEVICES]) {
      expect([path, ...location(await visitor.get(path))]).toEqual([path, 303, '/']);
    }
    const { totp } = await registered();
    const other = new Visitor(portal.port);
    await signIn('john', other);
    const form = formOf(await other.get(FACTOR), 'second-factor');
    portal.users.remove('john');
    // Its token was of a session that is no more.
    expect(location(await other.submit(form, { code: digits(totp) }))[0]).not.toBe(200);
    expect(portal.sessions.begun.filter(({ level }) => level === 2)).toHaveLength(1);
  });

  it('answers 503 while the shared store does not answer, and lets nobody in', async () => {
    await start();
    const { totp } = await registered();
    const other = new Visitor(portal.port);
    await signIn('john', other);
    const form = formOf(await other.get(FACTOR), 'second-factor');
    cache.increment = () => Promise.reject(new CacheError('ERR_CACHE_UNAVAILABLE', 'away'));
    const answer = await other.submit(form, { code: digits(totp) });
    expect([answer.status, levelOf(other)]).toEqual([503, 1]);
  });
});

describe('the devices of an account', () => {
  it('are shown and removed after a second factor or a proof of identity, and not before', async () => {
    await start();
    await registered();
    const other = new Visitor(portal.port);
    await signIn('john', other);
    const closed = await other.get(DEVICES);
    expect(closed.body).not.toContain('Telephone');
    expect(closed.body).toContain(`href="${FACTOR}"`);
    await prove(other);
    const open = await other.get(DEVICES);
    const link = /href="(\/second-factor\/devices\?remove=[\w-]+)"/.exec(open.body)?.[1] ?? '';
    const ask = await other.get(link);
    expect(ask.body).toContain('It is the last one');
    expect(location(await other.submit(formOf(ask, 'remove-device')))).toEqual([303, DEVICES]);
    expect(await store.factors.ofUser('john')).toEqual([]);
    expect(await store.factors.recoveryCodesLeft('john')).toBe(0);
    expect((await other.get(DEVICES)).body).toContain('No device is registered yet.');
  });

  it('are nobody else’s to remove', async () => {
    await start();
    await registered();
    const [device] = await store.factors.ofUser('john');
    const jane = new Visitor(portal.port);
    await signIn('jane', jane);
    await prove(jane);
    const { done } = await register(jane, 'Hers');
    expect(done.status).toBe(200);
    const page = await jane.get(`${DEVICES}?remove=${device?.id}`);
    expect(page.body).not.toContain('remove-device');
    const own = /remove=([\w-]+)/.exec(page.body)?.[1] ?? '';
    const form = formOf(await jane.get(`${DEVICES}?remove=${own}`), 'remove-device');
    expect((await jane.submit(form, { device: device?.id ?? '' })).status).toBe(303);
    expect(await store.factors.ofUser('john')).toHaveLength(1);
  });

  it('have new recovery codes, shown once, in the place of all before', async () => {
    await start();
    const { recovery } = await registered();
    const made = await visitor.submit(formOf(await visitor.get(DEVICES), 'new-recovery-codes'));
    expect(new Set(recoveryCodes(made)).size).toBe(10);
    expect(recoveryCodes(made).some(one => recovery.includes(one))).toBe(false);
    const other = new Visitor(portal.port);
    await signIn('john', other);
    const form = formOf(await other.get('/second-factor/recovery'), 'recovery');
    expect((await other.submit(form, { code: recovery[0] ?? '' })).status).toBe(401);
    expect((await other.submit(form, { code: recoveryCodes(made)[0] ?? '' })).status).toBe(303);
  });

  it('are several, and another one leaves the recovery codes as they are', async () => {
    await start();
    const { recovery } = await registered();
    await prove();
    const { done } = await register(visitor, 'Tablet');
    expect(location(done)).toEqual([303, DEVICES]);
    const page = await visitor.get(DEVICES);
    expect(page.body).toContain('Telephone');
    expect(page.body).toContain('Tablet');
    expect(await store.factors.recoveryCodesLeft('john')).toBe(recovery.length);
  });

  it('want the second factor itself where `require_second_factor` says so, and no message where `skip_second_factor` does', async () => {
    await start({ settings: { requireSecondFactor: true } });
    await registered();
    const other = new Visitor(portal.port);
    await signIn('john', other);
    const refused = await other.get(REGISTER);
    expect([refused.status, refused.body.includes(`href="${FACTOR}"`)]).toEqual([403, true]);
    expect((await other.get(DEVICES)).body).not.toContain('Telephone');
    await portal.stop();
    await start({ settings: { skipSecondFactor: true } });
    await signIn('jane');
    await prove();
    await register();
    await clock.advance(600_000);
    expect((await visitor.get(REGISTER)).body).toContain('otpauth:');
  });
});

describe('the owner', () => {
  it('is told what was changed, in the language of the page, and nobody waits for it', async () => {
    await start();
    await registered();
    const subjects = () => sent.map(({ subject }) => subject);
    expect(subjects()).toEqual(['Your one-time code', 'Your second factors were changed']);
    expect(sent[1]?.to.address).toBe('john@example.com');
    expect(sent[1]?.text).toContain(
      'a device was registered as a second factor of your account, at auth.example.com from 198.51.100.7.',
    );
    await visitor.submit(formOf(await visitor.get(DEVICES), 'new-recovery-codes'));
    expect(sent[2]?.text).toContain('new recovery codes were made');
    const [device] = await store.factors.ofUser('john');
    const page = await visitor.get(`${DEVICES}?remove=${device?.id}`);
    await visitor.submit(formOf(page, 'remove-device'));
    expect(sent[3]?.text).toContain('a device was removed');
    // A second time there is nothing to remove, and nothing to tell.
    await visitor.submit(formOf(page, 'remove-device'));
    expect(sent).toHaveLength(4);
  });

  it('is not told, and the change stays, when no message can be sent', async () => {
    await start();
    await signIn();
    await prove();
    mailFails = true;
    const { done } = await register();
    expect([done.status, levelOf()]).toEqual([200, 2]);
    expect(log.text()).toContain('could not be sent');
  });
});

describe('the pages', () => {
  it.each([
    ['en', 'ltr', 'Second step'],
    ['de', 'ltr', 'Zweiter Schritt'],
    ['ar', 'rtl', 'الخطوة الثانية'],
  ])('speak %s', async (lang, dir, title) => {
    await start();
    await registered();
    const accept = [['Accept-Language', lang]] as const;
    const other = new Visitor(portal.port);
    await signIn('john', other);
    const step = await other.get(FACTOR, accept);
    expect(step.body).toContain(`<html lang="${lang}" dir="${dir}">`);
    expect(step.body).toContain(`<h1>${title}</h1>`);
    for (const path of ['/second-factor/recovery', REGISTER, DEVICES]) {
      const page = await visitor.get(path, accept);
      if (page.status === 200) expect(page.body).toContain(`lang="${lang}"`);
    }
  });

  it('have names that others chose as text, wherever they stand', async () => {
    await start();
    portal.users.put('<i>x</i>', 'password');
    await signIn();
    await prove();
    await register(visitor, '"><script>alert(1)</script>\u202e');
    const page = await visitor.get(DEVICES);
    expect(page.body).toContain('<bdi>&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;</bdi>');
    expect(page.body).not.toContain('<script');
    const removing = await visitor.get(
      /href="(\/second-factor\/devices\?remove=[\w-]+)"/.exec(page.body)?.[1] ?? '',
    );
    expect(removing.body).not.toContain('<script');
  });
});
