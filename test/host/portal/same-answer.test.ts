import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FAILURE_DELAY_MS } from '../../../host/authn/failure-delay.ts';
import { DEFAULT_SESSION, signInDocument } from '../../../host/config/session.ts';
import { openStore } from '../../../host/store/open.ts';
import type { Store } from '../../../host/store/store.ts';
import { type Authz, startAuthz } from '../../support/authz.ts';
import { formOf, setCookies, Visitor } from '../../support/portal.ts';
import { removeTempDirectories, tempDirectory } from '../../support/temp.ts';
import { SECRET } from '../../support/test-app.ts';

const COOKIES = [{ domain: 'example.com', signInUrl: 'https://auth.example.com/', session: DEFAULT_SESSION }];
/** Node's timers may be a millisecond early. */
const EARLY_MS = 5;

let database: Store;
let authz: Authz;

beforeAll(async () => {
  database = await openStore(
    { kind: 'sqlite', path: join(tempDirectory(), 'postern.sqlite3') },
    { secret: SECRET, previousSecret: undefined, random: randomBytes },
  );
  authz = await startAuthz({
    policy: {
      access_control: { default_policy: 'one_factor' },
      sign_in: signInDocument(COOKIES, true) ?? [],
    },
    config: { cookies: COOKIES },
    database,
  });
});

afterAll(async () => {
  await authz.stop();
  await database.close();
  removeTempDirectories();
});

it('answers everything that is wrong by the same bytes, after two seconds, from the real store, regulator and clock', async () => {
  await database.bans.put({
    kind: 'user',
    subject: 'bob',
    source: 'operator',
    until: undefined,
    reason: 'a test',
    createdAt: Date.now(),
  });
  const tries = [
    ['alice', 'wrong-password'],
    ['nobody-of-that-name', 'password-alice'],
    ['dave', 'password-dave'],
    ['dave', 'wrong-password'],
    // Banned, with the right password and with a wrong one.
    ['bob', 'password-bob'],
    ['bob', 'wrong-password'],
    ['alice', ''],
    ['', 'password-alice'],
    [' ', ' '],
    ['alice\0', 'password-alice'],
    ['Alice', 'password-alice'],
    ['alice', 'password-alic\u00e9'],
  ] as const;
  const form = formOf(await new Visitor(authz.port).get('/'), 'sign-in');
  const answers = await Promise.all(
    tries.map(async ([username, password]) => {
      const visitor = new Visitor(authz.port);
      // The page's own cookie is another one, but the browser says that the form is from here.
      await visitor.get('/');
      const began = performance.now();
      const answer = await visitor.submit(form, { username, password });
      return { answer, took: performance.now() - began };
    }),
  );
  const seen = answers.map(({ answer }) => {
    const { body, status, headers } = answer;
    const shown = /(id="username"[^>]* value=")[^"]*"/;
    const same = body.replace(/name="token" value="[^"]*"/, '').replace(shown, '$1"');
    // Which field is filled in next hangs on what was typed, and on nothing else.
    const plain = same.replaceAll(' autofocus', '');
    const { date: _, 'content-length': __, ...kept } = headers;
    return JSON.stringify([status, kept, plain]);
  });
  expect(new Set(seen).size).toBe(1);
  expect(answers[0]?.answer.status).toBe(401);
  for (const { answer, took } of answers) {
    expect(took).toBeGreaterThan(FAILURE_DELAY_MS - EARLY_MS);
    expect(setCookies(answer)).toEqual([]);
  }
  // The log tells them apart.
  const reasons = authz.log.lines
    .filter(({ message }) => message === 'authentication failed')
    .map(({ fields }) => fields.reason);
  expect(reasons.sort()).toEqual([
    ...['banned', 'banned', 'the user is disabled'],
    ...Array<string>(5).fill('unknown user'),
    ...Array<string>(4).fill('wrong password'),
  ]);
  const good = new Visitor(authz.port);
  expect((await good.signIn('alice', 'password-alice')).status).toBe(303);
});
