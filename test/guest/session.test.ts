import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { KIND_BASIC, KIND_TOKEN, MAX_COOKIE } from '../../assembly/contract.ts';
import { signInAddress } from '../../host/http/sign-in-address.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { COOKIE, look, newToken, putSession, type SessionGrant } from '../support/sessions.ts';
import { imageOf, type Slice, startSlice } from '../support/slice.ts';

/** Sessions in the guest: grants as the host writes them, `dist/plugin.wasm` that looks them up. */
const RULES = [
  { domain: 'open.example.com', policy: 'bypass' },
  {
    domain: ['app.example.com', 'app.example.org', 'app.inner.example.net', 'app.example.net'],
    policy: 'one_factor',
  },
  { domain: 'two.example.com', policy: 'two_factor' },
  { domain: 'ops.example.com', policy: 'one_factor', subject: ['group:ops'] },
  { domain: 'example.com', policy: 'one_factor' },
  { domain: 'app.silent.test', policy: 'one_factor' },
  { domain: 'away.test', policy: 'one_factor' },
];
const PORTAL = 'https://auth.example.com/';
const OTHER = '__Secure-other';
const sign_in = [
  { domain: 'inner.example.net', address: '', cookie: OTHER },
  { domain: 'silent.test', address: '', cookie: COOKIE },
  { domain: 'example.com', address: signInAddress(PORTAL), cookie: COOKIE },
  { domain: 'example.net', address: signInAddress(PORTAL), cookie: COOKIE },
  { domain: 'example.org', address: signInAddress(PORTAL), cookie: COOKIE },
];
const engine = loadEngine(fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url)));
const document = { access_control: { rules: RULES }, sign_in, tokens: { bearer: true, header: 'X-Api-Key' } };

const slices: Slice[] = [];
afterEach(() => {
  for (const slice of slices.splice(0)) slice.clean();
});

function start(...grants: SessionGrant[]): Slice {
  const slice = startSlice({ image: imageOf(RULES, { sign_in, tokens: document.tokens }) });
  slices.push(slice);
  for (const grant of grants) putSession(slice, grant);
  return slice;
}

const token = newToken();
const line = `${COOKIE}=${token}`;

describe('a session with a grant', () => {
  it('is let in on every host of its domain, and no cookie of it gets to the backend', () => {
    const guest = start({ token }).guest();
    for (const host of ['app.example.com', 'example.com', 'APP.Example.COM:443', 'app.example.com.']) {
      expect(look(guest, [line], { host })).toMatchObject({ outcome: 'allow:alice', cookies: [] });
    }
  });
});
