// What may come of a request, judged without any of the engine's code and
// therefore only from above: who may at most be allowed, what an answer looks
// like, what may never be seen.
import { Buffer } from 'node:buffer';
import { createHmac } from 'node:crypto';
import { judgeCookies, sessionIn } from './guest-sessions.mjs';

const STATUSES = new Set([302, 303, 400, 401, 403, 431, 503]);
const CANARY = /zq[0-9a-f]{8}zq/g;
const OURS =
  /^(?:postern[-_.]|remote[-_.](?:user|groups|name|email)$|x[-_.](?:original|rewrite)[-_.]url$|forwarded$)/i;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const IDENTITY = new Set([
  'Remote-User',
  'Remote-Groups',
  'Remote-Name',
  'Remote-Email',
  'Postern-Verdict',
  'Postern-Request',
]);

/** What is wrong with the outcome, undefined when nothing is. */
export function judgeOutcome(world, request, outcome, canary) {
  if (outcome.trap !== undefined) return `trap: ${outcome.trap}`;
  // A mutation may have made another canary of the request's own.
  const sent = canary + request.uri + JSON.stringify(request.headers);
  return outcome.next ? judgePass(world, request, outcome, sent) : judgeAnswer(world, request, outcome, sent);
}

/** HEAD has none; scripts get JSON, pages that are forbidden a page. */
function isBody({ policyKnown }, { method }, { status, headers }, body) {
  const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  if (method === 'HEAD' && body === '') return true;
  if (type === 'application/json') {
    const begins = status === 401 ? '{"error":"unauthorized"' : '{"error":"forbidden"';
    // An address that nobody compiled may hold anything.
    return body.startsWith(begins) && (!policyKnown || isJson(body));
  }
  if (status === 403 && type?.startsWith('text/html')) return body.startsWith('<!doctype html>');
  return new RegExp(`^${status} [A-Z][ -~]{0,160}$`).test(body);
}

function isJson(text) {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}

function isSocket({ headers }) {
  return headers.some(
    ([name, value]) => /^sec-websocket-key$/i.test(name) || /^wss?$|websocket/i.test(value),
  );
}

function judgeAnswer(world, request, { response }, sent) {
  if (!STATUSES.has(response.status)) return `status ${response.status}`;
  const body = Buffer.from(response.body).toString('latin1');
  if (!isBody(world, request, response, body)) return `body ${JSON.stringify(body)}`;
  const names = response.headers.map(([name]) => name.toLowerCase());
  // What must not open a window for a password: scripts, and what says in any way to be a WebSocket.
  const isSuiting = response.headers.some(([, value]) => value === 'application/json') || isSocket(request);
  // Rules that nobody knows may ask for a bare status.
  if (world.policyKnown && response.status === 401 && !names.includes('www-authenticate') && !isSuiting)
    return '401 without a challenge';
  if (world.policyKnown && [302, 303].includes(response.status) && !isSignIn(response))
    return 'sent elsewhere than to the portal';
  if (response.status === 503 && !names.includes('retry-after')) return '503 without Retry-After';
  if (foreign(body + JSON.stringify(response.headers), sent)) return 'answer shows an earlier request';
  return undefined;
}

function isSignIn({ headers }) {
  const [, location = ''] = headers.find(([name]) => name.toLowerCase() === 'location') ?? [];
  return /^https:\/\/auth\.test\/\?rd=https%3A%2F%2F[\w.~%-]+&rm=[A-Z]+$/.test(location);
}

function judgePass(world, request, outcome, sent) {
  const values = name => outcome.headers.filter(([other]) => other === name).map(([, value]) => value);
  for (const [name] of outcome.headers) {
    // Go's server refuses other names before any handler.
    if (TOKEN.test(name) && OURS.test(name) && !IDENTITY.has(name)) return `${name} passed`;
  }
  for (const name of IDENTITY) if (values(name).length > 1) return `${name} twice`;
  if (foreign(outcome.uri + JSON.stringify(outcome.headers), sent)) return 'passes on an earlier request';
  const [verdict = ''] = values('Postern-Verdict');
  if (outcome.uri !== request.uri || outcome.method !== request.method) return 'method or URI changed';
  const cookies = valuesOf(request.headers, 'cookie');
  if (verdict === `defer-${world.verdictTag}`) {
    const isSame = JSON.stringify(values('Cookie')) === JSON.stringify(cookies);
    return isSame ? judgeDeferral(world, request, values, sent) : 'deferred with other cookies';
  }
  if (verdict !== `allow-${world.verdictTag}`) return `verdict ${JSON.stringify(verdict)}`;
  if (values('Postern-Request').length > 0) return 'allowed with Postern-Request';
  if (!world.policyKnown) return undefined;
  const spoilt = world.hasSessions ? judgeCookies(cookies, values('Cookie')) : undefined;
  return spoilt ?? judgeAllowed(world, request, outcome, values);
}

function judgeDeferral(world, request, values, sent) {
  for (const name of ['Remote-User', 'Remote-Groups', 'Remote-Name', 'Remote-Email']) {
    if ((values(name)[0] ?? '') !== '') return `deferred with ${name}`;
  }
  const bytes = Buffer.from(values('Postern-Request')[0] ?? '', 'base64url');
  if (bytes.length < 64) return 'deferred without Postern-Request';
  const mac = createHmac('sha256', world.requestKey).update(bytes.subarray(0, -32)).digest();
  if (!mac.equals(bytes.subarray(-32))) return 'bad MAC';
  if (Number(bytes.readBigUInt64LE()) !== world.now) return 'another time';
  const fields = [];
  for (let at = 8; at < bytes.length - 32; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    fields.push(bytes.subarray(at + 4, end).toString('latin1'));
    at = end;
  }
  if (fields.length !== 6 || fields[0] !== request.method || fields[3] !== request.uri)
    return 'another request deferred';
  return foreign(bytes.toString('latin1'), sent) ? 'defers an earlier request' : undefined;
}

/** The upper bound of what the policy in `guest-world.mjs` allows. */
function judgeAllowed(world, request, outcome, values) {
  const all = name => valuesOf(request.headers, name);
  const [host = ''] = outcome.headers.filter(([name]) => name === 'Host').map(([, value]) => value);
  const domain = host.replace(/:\d+$/, '').replace(/\.$/, '').toLowerCase();
  const scheme = all('x-forwarded-proto');
  if (scheme.length !== 1 || !/^(?:https|wss)$/i.test(scheme[0])) return 'allowed by plain http';
  if (!/^[A-Z]+$/.test(request.method) || request.method === 'CONNECT') return `allowed ${request.method}`;
  if (!request.uri.startsWith('/')) return `allowed ${request.uri}`;
  const person =
    goodGrant(world, all('authorization')) ??
    // No falling back from a header that was no good.
    (all('authorization').length === 0 && all('x-api-key').every(value => value === '')
      ? goodSession(world, all('cookie'), domain)
      : undefined);
  const [user = ''] = values('Remote-User');
  if (user !== '' && user !== person?.user && !person?.odd) return `is ${user}, not ${person?.user}`;
  if (user === '' && person === undefined && values('Remote-Groups')[0] !== '') return 'groups for nobody';
  const bypass = {
    'public.test': true,
    'net.test': !request.sourceAddress.startsWith('203.0.113.'),
    'q.test': request.uri.includes('?'),
  };
  if (Object.hasOwn(bypass, domain)) return bypass[domain] ? undefined : `${domain} allowed`;
  if (person === undefined) return `${domain} allowed without a grant`;
  if (user === '' && !person.odd) return `${domain} allowed without a user`;
  const simple = /^\/[a-z0-9/?=]*$/.test(request.uri) && !request.uri.includes('//');
  const allowed = {
    'app.test': true,
    'admin.test': person.odd || person.groups.includes('admins'),
    'two.test': person.level === 2,
    'api.test': /^(?:GET|POST)$/.test(request.method) && (!simple || /^\/api([/?].*)?$/.test(request.uri)),
  };
  const named = /^(\w+)\.users\.test$/.exec(domain);
  if (named !== null)
    return person.odd || named[1] === person.user ? undefined : `${domain} allowed for ${person.user}`;
  return Object.hasOwn(allowed, domain) && allowed[domain]
    ? undefined
    : `${domain} allowed for ${person.user}`;
}

function valuesOf(headers, name) {
  return headers.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);
}

/** Whose live record the one session has, undefined for nobody's. */
export function goodSession(world, lines, host) {
  const shown = world.hasSessions ? sessionIn(lines, host) : undefined;
  if (shown === undefined) return undefined;
  const found = world.sessions.find(({ domain, token }) => domain === shown.domain && token === shown.token);
  return found === undefined || found.kind !== undefined || !isLive(world, found) ? undefined : found;
}

/** Whose live record the one credential has, undefined for nobody's. */
function goodGrant(world, values) {
  const encoded = values.length === 1 ? /^basic +([A-Za-z0-9+/]+=*)$/i.exec(values[0]) : null;
  if (encoded === null) return undefined;
  const person = world.people.get(Buffer.from(encoded[1], 'base64').toString('utf8'));
  return person !== undefined && isLive(world, person) ? person : undefined;
}

function isLive(world, { level, issued, expiry }) {
  if (level !== 1 && level !== 2) return false;
  return issued <= world.now + 2_000 && expiry > world.now && expiry - issued <= 86_400_000;
}

/** Whether a canary stands there that is not in what was sent. */
export function foreign(text, sent) {
  return (text.match(CANARY) ?? []).some(found => !sent.includes(found));
}
