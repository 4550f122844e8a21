import { FORGED } from './field.ts';

/** Everybody may come here. */
export const OPEN = 'open.example.com';
/** Whoever comes from the inside may come here. */
export const LAN = 'lan.example.com';
/** Whoever does not come from 192.0.2.0/24 may come here. */
export const KEPT = 'kept.example.com';
export const INSIDE = '10.1.2.3';

/** Beside them `app.example.com`, which asks for a password but for `/open`. */
export const MALFORMED_POLICY = {
  // People sign in, and so there is a cookie that means somebody.
  storage: { local: { path: 'postern.sqlite3' } },
  access_control: {
    default_policy: 'deny',
    rules: [
      { domain: OPEN, policy: 'bypass' },
      { domain: LAN, policy: 'bypass', networks: ['10.0.0.0/8', '::1/128'] },
      { domain: KEPT, policy: 'deny', networks: '192.0.2.0/24' },
      { domain: KEPT, policy: 'bypass' },
      { domain: 'app.example.com', policy: 'bypass', resources: '^/open$' },
      { domain: 'app.example.com', policy: 'one_factor' },
    ],
  },
};

const long = (length: number) => 'x'.repeat(length);
/** A token whose algorithm is none: header, claims and no signature. */
const UNSIGNED = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"root"}').toString('base64url')}.`;
/** The cookie that means somebody; the others are what it was called, and what others call theirs. */
const SESSION = '__Secure-postern_session';
const NAMES = [
  'postern_session',
  'authelia_session',
  'authentik_session',
  'authentik_proxy',
  '_oauth2_proxy',
];
const VALUES = [
  '',
  FORGED,
  '"',
  '"root"',
  '%',
  '%00',
  '\\',
  '=',
  '==',
  UNSIGNED,
  `${UNSIGNED}x`,
  '{}',
  'null',
  '\x80\xff',
].concat([
  'root',
  'admin=true',
  `${FORGED}|1700000000|sig`,
  'bnVsbA==',
  '../../etc/passwd',
  ' ',
  ',',
  long(4_096),
  "' or 1=1 --",
]);

/** Lines of `Cookie`: one broken cookie each, then whole headers that are broken. */
export const COOKIES: readonly (readonly string[])[] = [
  ...VALUES.map(value => [`Cookie: ${SESSION}=${value}`]),
  ...NAMES.map(name => [`Cookie: ${name}=${FORGED}`]),
  NAMES.map(name => `Cookie: ${name}=`),
  ['Cookie:'],
  ['Cookie: ;'],
  ['Cookie: ;;;=;='],
  ['Cookie: ='],
  [`Cookie: ${SESSION}`],
  [`Cookie: ${SESSION};`],
  [`Cookie: =${SESSION}`],
  [`Cookie: ${SESSION}=a; ${SESSION}=b`],
  [`Cookie: ${SESSION}=a`, `Cookie: ${SESSION}=b`],
  [`Cookie: ${SESSION.toUpperCase()}=${FORGED}`],
  [`Cookie: ${SESSION} =${FORGED}`],
  [`Cookie: ${SESSION}= ${FORGED}`],
  [`Cookie: ${SESSION}="${FORGED}"`],
  [`Cookie: "${SESSION}"=${FORGED}`],
  [`Cookie: $Version=1; ${SESSION}=${FORGED}; $Path=/`],
  [`Cookie: $Version="1";${SESSION}="${FORGED}";$Domain=".example.com"`],
  [`Cookie: ${SESSION}=${FORGED}, ${SESSION}=b`],
  [`Cookie: a=b, ${SESSION}=${FORGED}`],
  [`Cookie: a=b\t${SESSION}=${FORGED}`],
  [`Cookie: a="b; ${SESSION}=${FORGED}; c=d"`],
  [`Cookie: ${SESSION}%3d${FORGED}`],
  [`Cookie: ${SESSION.replace('_', '%5F')}=${FORGED}`],
  [`Cookie: ${SESSION.replaceAll('_', '.')}=${FORGED}`],
  [`cookie: __Host-postern_session=${FORGED}`],
  [`Cookie: ${SESSION}=${long(43)}`],
  [`Cookie: ${SESSION}=${'A'.repeat(43)}; ${SESSION}=${'B'.repeat(43)}`],
  [`Cookie: ${Array.from({ length: 100 }, (_, i) => `c${i}=${i}`).join('; ')}; ${SESSION}=x`],
  [`Cookie: ${Array.from({ length: 100 }, (_, i) => `${SESSION}=${i}`).join('; ')}`],
  [`Cookie: ${SESSION}=${FORGED}`, `X-Postern-Session: ${FORGED}`],
  [`Cookie2: ${SESSION}=${FORGED}`],
];

/** Targets that are no path of a request (RFC 9112 section 3.2), or one that cannot be decoded. */
export const BAD_URIS = [
  '/%',
  '/%z',
  '/%zz',
  '/%2',
  '/a%',
  '/%%32',
  '/%-1',
  '/%u0041',
  '/a b',
  '/a\tb',
  '/\x01',
  '/\x7f',
  'x',
  '?x',
  '#',
].concat([
  '*',
  '\\',
  '%2f',
  `http://${OPEN}/%zz`,
  'http://[::1',
  'http://',
  '://',
  ':',
  ':80/',
  'a:b',
  '/a%zz?/open',
  `/${long(9_000)}`,
]);

/** `X-Forwarded-For` of which no client's address comes out (RFC 9110 section 5.6.1, RFC 4291 section 2.2). */
export const BAD_ADDRESSES = [
  '',
  'a',
  ',',
  ', ,',
  'unknown',
  '_hidden',
  '-',
  '*',
  '0',
  '10',
  '10.1',
  '10.1.2',
  '10.1.2.3.4',
  '010.1.2.3',
].concat(
  [
    '10.1.2.256',
    '10.1.2.3:80',
    '10.1.2.3%eth0',
    '10.1.2.3/8',
    '0x0a010203',
    '167838211',
    '"10.1.2.3"',
    'for=10.1.2.3',
    '[::1]',
    '[::1]:80',
  ],
  [
    '::1%lo',
    '::g',
    ':::1',
    '::ffff:10.1.2',
    '1::2::3',
    '10.1.2.3;',
    '10.1.2.3 10.1.2.3',
    '10.1.2.3\xa0',
    'localhost',
    '10.1.2.3, a',
    `${long(300)}`,
  ],
);
