// Requests for the guest: valid ones, mutations of valid ones, and nonsense.
import { Buffer } from 'node:buffer';
import { makeCookies } from './guest-sessions.mjs';
import { mutateText } from './mutate.mjs';

export const DOMAINS = [
  'public.test',
  'app.test',
  'admin.test',
  'two.test',
  'api.test',
  'net.test',
  'deny.test',
  'q.test',
  'other.test',
];
const GOOD_PATHS = ['/', '/api/', '/api/push?status=up', '/api', '/a/b/c.html?x=1&y=2', '/?k=v', '/%C3%A9'];
const BAD_PATHS = ['/x%2Fy', '/a;b/../c', '//', '/%00', '/%zz', '', '*', 'http://app.test/'];
const GOOD_METHODS = ['GET', 'GET', 'POST', 'HEAD', 'PROPFIND'];
const BAD_METHODS = ['CONNECT', 'get', '', 'A'.repeat(33)];
const GOOD_SCHEMES = ['https', 'https', 'wss', 'HTTPS'];
const BAD_SCHEMES = ['http', 'ws', '', 'ftp'];
const PEERS = [
  '203.0.113.9:4711',
  '127.0.0.1:80',
  '10.1.2.3:5',
  '[2001:db8::1]:9',
  '[::1]:1',
  '',
  'x',
  '1.2.3.4',
];
const FORWARDED_FOR = [
  '198.51.100.7',
  '10.0.0.5, 127.0.0.1',
  '::1',
  '10.1.1.1,203.0.113.4',
  '[2001:db8::2]:80',
  ',',
  'unknown',
];
const NAMES = [
  ...[
    'Remote-User',
    'remote_groups',
    'REMOTE.NAME',
    'Remote-Email',
    'Postern-Verdict',
    'postern_request',
    'POSTERN.x',
  ],
  ...[
    'X-Original-URL',
    'X-Rewrite_URL',
    'X-HTTP-Method-Override',
    'Forwarded',
    'X-Forwarded-Host',
    'X-Forwarded-Uri',
  ],
  ...[
    'X_Forwarded_For',
    'X-Real-IP',
    'Upgrade',
    'Connection',
    'HTTP2-Settings',
    'Cookie',
    'Accept',
    'Te',
    'Trailer',
  ],
];
const VALUES = [
  '',
  'admin',
  'websocket',
  'h2c',
  'upgrade, postern-verdict',
  '/admin',
  'DELETE',
  'a=b; c=d',
  '127.0.0.1',
];

/** What tells of the client: names, and values that mean something there. */
const HINTS = [
  [
    'Accept',
    '*/*',
    'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8',
    'application/json',
    ',;q=,text/html;q=2',
  ],
  ['Sec-Fetch-Mode', 'navigate', 'cors', 'websocket'],
  ['Sec-Fetch-Dest', 'document', 'empty'],
  ['Sec-Fetch-Site', 'none', 'same-origin'],
  ['X-Requested-With', 'XMLHttpRequest', 'com.example'],
  ['User-Agent', 'Mozilla/5.0', 'git/2.45.0', 'curl/8'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ['Upgrade', 'websocket', ' h2c ,WebSocket'],
  ['Origin', 'https://app.test'],
  ['Access-Control-Request-Method', 'PUT'],
  ['Referer', 'https://app.test/', 'https://evil.test/'],
];

export const basic = pair => `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`;

/**
 * One request. `canary` stands in it where a client can put what it likes;
 * it must never be seen in what comes of a later one.
 */
export function makeRequest(random, world, canary) {
  const nonsense = random.below(20) === 0;
  const mutant = random.below(20) >= 8;
  const some = (good, bad) => random.pick(random.below(24) === 0 ? bad : good);
  const change = text => (mutant && random.below(5) === 0 ? mutateText(random, text) : text);
  const headers = [];
  const add = (name, value) => headers.push([name, value]);
  if (random.below(50) !== 0) add('Host', change(host(random)));
  if (random.below(80) !== 0) add('X-Forwarded-Proto', change(some(GOOD_SCHEMES, BAD_SCHEMES)));
  if (random.below(3) !== 0) add(change('Authorization'), change(authorization(random, world, canary)));
  if (random.below(12) === 0) {
    add(change('X-Api-Key'), change(random.pick([canary, random.pick(world.pairs)[0]])));
  }
  if (random.below(2) === 0) {
    for (const value of makeCookies(random, world.sessions, change)) add(change('Cookie'), value);
  }
  if (random.below(4) === 0) add(change('X-Forwarded-For'), change(random.pick(FORWARDED_FOR)));
  if (random.below(3) === 0) {
    for (let n = random.below(6); n >= 0; n--)
      add(change(random.pick(NAMES)), change(random.pick(VALUES) + canary));
  }
  if (random.below(2) === 0) {
    for (let n = random.below(4); n >= 0; n--) {
      const [name, ...values] = random.pick(HINTS);
      add(change(name), change(random.pick(values)));
    }
  }
  if (mutant && random.below(40) === 0)
    headers.push(random.pick(headers.length > 0 ? headers : [['A', 'b']]));
  if (mutant && random.below(60) === 0) {
    const count = random.pick([63, 64, 65, 130, 500]);
    const kind = random.pick(['x-', 'postern-', 'Remote_User', '\xff']);
    for (let i = 0; i < count; i++) add(`${kind}${i}`, 'v');
  }
  if (nonsense) {
    for (let n = random.below(20); n > 0; n--) add(garbage(random, 40), garbage(random, 300));
  }
  const path = some(GOOD_PATHS, BAD_PATHS);
  return {
    method: change(some(GOOD_METHODS, BAD_METHODS)),
    uri: nonsense
      ? garbage(random, 60)
      : change(random.below(2) ? path : `${path}${path.includes('?') ? '&' : '?'}c=${canary}`),
    headers,
    sourceAddress: change(random.pick(PEERS)),
  };
}

function host(random) {
  const domain = random.pick(DOMAINS);
  const spellings = [`${domain}:443`, `${domain}.`, domain.toUpperCase(), `x.${domain}`, 'alice.users.test'];
  return random.below(3) === 0 ? random.pick(spellings) : domain;
}

function authorization(random, world, canary) {
  const [known] = random.pick(world.pairs);
  switch (random.below(12)) {
    case 0:
      return basic(`nobody:${canary}`);
    case 1:
      return basic(`${canary}:password`);
    case 2:
      // A password's grant under another kind: never a hit.
      return `Bearer ${random.pick([canary, known])}`;
    case 3:
      return basic(mutateText(random, known));
    case 4:
      return basic(known).replace('Basic', random.pick(['basic', 'BASIC', 'Basic ', 'Digest']));
    default:
      return basic(known);
  }
}

function garbage(random, max) {
  let out = '';
  for (let n = random.below(max); n > 0; n--) out += String.fromCharCode(random.below(256));
  return out;
}
