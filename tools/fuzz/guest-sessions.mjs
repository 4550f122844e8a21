// Sessions in the fuzzed world: cookies good and bad, and what of them may at
// most come of it, judged without the engine's code.
import { mutateText } from './mutate.mjs';

const ADDRESS = 'https://auth.test/?rd=\0&rm=\0';
/** Of `test` and everything below it; of `two.test`, where the other does not count. */
export const COOKIE = '__Secure-s';
export const COOKIE_OF_TWO = '__Secure-two';
const NAMES = new Set([COOKIE, COOKIE_OF_TWO]);

/** For the policy: the closest domain first. */
export const SIGN_IN = [
  { domain: 'two.test', address: ADDRESS, cookie: COOKIE_OF_TWO },
  { domain: 'test', address: ADDRESS, cookie: COOKIE },
];

/** Name, value as it stands, and the pair without blanks around it, of all `lines`. */
function pairs(lines) {
  return lines
    .flatMap(line => line.split(/[;\0]/))
    .map(text => {
      const at = text.indexOf('=');
      const name = (at < 0 ? text : text.slice(0, at)).replace(/^[\t ]+|[\t ]+$/g, '');
      const isPlain = at > 0 && !/[\t ]/.test(text[at - 1] ?? '');
      return { name, value: isPlain ? text.slice(at + 1) : '', text: text.replace(/^[\t ]+/, '') };
    });
}

/** Domain and token of the one session that `lines` may carry to a host, undefined for none. */
export function sessionIn(lines, host) {
  const isTwo = host === 'two.test' || host.endsWith('.two.test');
  const domain = isTwo ? 'two.test' : 'test';
  if (!isTwo && host !== 'test' && !host.endsWith('.test')) return undefined;
  const named = pairs(lines).filter(({ name }) => name === (isTwo ? COOKIE_OF_TWO : COOKIE));
  const [{ value } = { value: '' }] = named;
  return named.length === 1 && /^[\w-]{64}$/.test(value) ? { domain, token: value } : undefined;
}

/** What is wrong with the cookies that the backend is sent; undefined when nothing is. */
export function judgeCookies(sent, passed) {
  const kept = pairs(sent).filter(({ name, text }) => !NAMES.has(name) && text !== '');
  const left = pairs(passed).filter(({ text }) => text !== '');
  if (left.some(({ name }) => NAMES.has(name))) return 'a session reaches the backend';
  const isSame = left.length === kept.length && left.every(({ text }, i) => text === kept[i].text);
  return isSame ? undefined : `other cookies changed: ${JSON.stringify(passed)}`;
}

/** Lines of `Cookie`: half of them hold a good session somewhere, all may be spoilt by `change`. */
export function makeCookies(random, sessions, change) {
  const lines = [];
  for (let n = random.below(8) === 0 ? 1 + random.below(4) : 1; n > 0; n--)
    lines.push(line(random, sessions));
  return lines.map(change);
}

function line(random, sessions) {
  const some = [];
  for (let n = random.below(4); n > 0; n--) some.push(other(random));
  if (random.below(4) !== 0) some.splice(random.below(some.length + 1), 0, session(random, sessions));
  if (random.below(12) === 0) some.splice(random.below(some.length + 1), 0, session(random, sessions));
  return some.join(random.below(10) === 0 ? random.pick([';', ';;', ' ; ', ',', ';\t', '; ;']) : '; ');
}

function session(random, sessions) {
  const { token } = random.pick(sessions);
  const name = random.below(6) === 0 ? random.pick(['__Secure-S', '__secure-s', 's', '__Host-s']) : '';
  const own = random.below(6) === 0 ? COOKIE_OF_TWO : COOKIE;
  const value = random.below(10) === 0 ? random.pick([`"${token}"`, '', `${token}=`, token.slice(1)]) : token;
  return `${name || own}=${value}`;
}

function other(random) {
  return random.pick([
    'a=b',
    'theme=dark',
    `id=${'x'.repeat(random.below(300))}`,
    'q="a',
    'b"=c',
    '=d',
    'e',
    '$Version=1',
    mutateText(random, `${COOKIE}x=1`),
  ]);
}
