import { afterEach, expect, it } from 'vitest';
import { header } from '../support/guest.ts';
import { asks, imageOf, type Slice, startSlice } from '../support/slice.ts';

/** What is sent to a domain behind which Elasticsearch stands. */
const image = imageOf(
  [
    { domain: ['es.test', 'app.test', 'off.es.test'], policy: 'one_factor' },
    { domain: 'open.es.test', policy: 'bypass' },
  ],
  {
    domains: [
      { domain: 'off.es.test', elasticsearch: false },
      { domain: ['es.test', '*.es.test'], elasticsearch: true },
    ],
  },
);
const OWN = `Basic ${Buffer.from('alice:password-alice').toString('base64')}`;
const BACKEND = 'Basic YWxpY2U6ZGVyaXZlZA==';

let slice: Slice;
const started = (authorization: string) => {
  slice = startSlice({ image });
  slice.users.put('alice', 'password-alice');
  slice.login('alice', undefined, undefined, authorization);
  return slice.guest();
};
afterEach(() => slice.clean());

it('is the Authorization of the grant, and nothing of the client', () => {
  const guest = started(BACKEND);
  expect(asks(guest, 'alice', 'es.test')).toBe('allow:alice');
  const { headers } = guest.ask({ host: 'es.test', headers: [['Authorization', OWN]] });
  expect(headers.filter(([name]) => name.toLowerCase() === 'authorization')).toEqual([
    ['Authorization', BACKEND],
  ]);
});

it('is left to the host where the grant has none; the host is shown the credential', () => {
  const guest = started('');
  expect(asks(guest, 'alice', 'es.test')).toBe('defer');
  expect(header(guest.ask({ host: 'es.test', headers: [['Authorization', OWN]] }), 'Authorization')).toBe(
    OWN,
  );
});

it.each(['app.test', 'off.es.test'])('is nothing else on %s', host => {
  const guest = started(BACKEND);
  const outcome = guest.ask({ host, headers: [['Authorization', OWN]] });
  expect(header(outcome, 'Postern-Verdict')).toMatch(/^allow-/);
  expect(header(outcome, 'Authorization')).toBe(OWN);
});

it.each([
  ['nothing', []],
  ['what nobody knows', [['Authorization', 'Basic YTpi']]],
  ['what is malformed', [['Authorization', 'Basic ?']]],
  ['another scheme', [['Authorization', 'ApiKey abc']]],
  [
    'two of them',
    [
      ['authorization', 'ApiKey abc'],
      ['AUTHORIZATION', 'Bearer abc'],
    ],
  ],
] as const)('is an empty Authorization for anonymous visitors who send %s', (_name, headers) => {
  const outcome = started(BACKEND).ask({ host: 'open.es.test', headers });
  expect(header(outcome, 'Postern-Verdict')).toMatch(/^allow-/);
  expect(outcome.headers.filter(([name]) => name.toLowerCase() === 'authorization')).toEqual([
    ['Authorization', ''],
  ]);
});

it("is the grant's on a bypass rule, too, and left to the host without one", () => {
  const guest = started(BACKEND);
  expect(
    header(guest.ask({ host: 'open.es.test', headers: [['Authorization', OWN]] }), 'Authorization'),
  ).toBe(BACKEND);
  slice.clean();
  expect(asks(started(''), 'alice', 'open.es.test')).toBe('defer');
});

it('is found as soon as the host has put it into a grant that was seen without it', () => {
  const guest = started('');
  expect(asks(guest, 'alice', 'app.test')).toBe('allow:alice');
  expect(asks(guest, 'alice', 'es.test')).toBe('defer');
  // Nobody is told of a grant that was written anew.
  slice.login('alice', undefined, undefined, BACKEND);
  expect(asks(guest, 'alice', 'es.test')).toBe('allow:alice');
  const { headers } = guest.ask({ host: 'es.test', headers: [['Authorization', OWN]] });
  expect(headers).toContainEqual(['Authorization', BACKEND]);
});
