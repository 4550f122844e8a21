import { targetOf } from './target.mjs';

/**
 * The kinds of difference between an answer of Authelia's and ours that are
 * meant, each with the reason and a rule; `docs/endpoints.md` lists them. A
 * rule is told the recorded row and our answer, may ask again (`ask(row)`), and
 * answers which of the differing parts it excuses: `true` for all of them.
 */
export const DIFFERENCES = [
  {
    name: 'no session cookie',
    why: 'anonymous visitors are given none: they would fill the store',
    excuses: ({ answer }) => (parts(answer, 'set-cookie').length === 0 ? ['set-cookie'] : []),
  },
  {
    name: 'empty identity',
    why: 'every identity header is sent, so that no proxy keeps the copy of a client',
    excuses: ({ row, answer }) =>
      row.status === 200 && answer.status === 200
        ? IDENTITY.filter(name => parts(answer, name).join() === '' && !has(row.headers, name))
        : [],
  },
  {
    name: 'client from the right',
    why: 'whoever writes the left end of X-Forwarded-For chooses it',
    async excuses({ row, answer, ask }) {
      const { forwardedFor, withClient } = targetOf(row);
      if (!forwardedFor.includes(',')) return [];
      return same(answer, await ask(withClient(forwardedFor.split(',').at(-1).trim())));
    },
  },
  {
    name: 'ambiguous path',
    why: 'a backend could read the path otherwise than the rules do',
    excuses: ({ row, answer }) => {
      const { uri } = targetOf(row);
      if (isAmbiguous(uri)) return isRefusal(answer, 400, 401);
      // The path without its parameters counts as well.
      return /^[^?]*;/.test(uri) && isRefusal(answer, 302, 303, 401, 403);
    },
  },
  {
    name: 'spelling of the host',
    why: 'case and one trailing dot mean nothing: the answer is that of the usual spelling',
    async excuses({ row, answer, ask }) {
      const { host, withHost } = targetOf(row);
      const usual = host.toLowerCase().replace(/\.(?=$|:)/, '');
      return usual === host ? [] : same(answer, await ask(withHost(usual)));
    },
  },
  {
    name: 'missing path',
    why: 'refused where rules of the host ask for a path',
    excuses: ({ row, answer }) => targetOf(row).uri === '' && isRefusal(answer, 403),
  },
  {
    name: 'cookie values and times',
    why: 'the cookies of the client come back without our sessions, for proxies that can put them in their place',
    excuses({ row, answer }) {
      const sent = parts({ headers: row.request_headers.map(([n, v]) => [n.toLowerCase(), v]) }, 'cookie');
      const pairs = sent.flatMap(value => value.split(/; */));
      const back = parts(answer, 'cookie').flatMap(value => value.split('; '));
      return answer.status === 200 && back.every(pair => pairs.includes(pair)) ? ['cookie'] : [];
    },
  },
];

const IDENTITY = ['remote-user', 'remote-groups', 'remote-name', 'remote-email'];

/** A `;` of the query is `&` for some, a `#` ends the address for others. */
function isAmbiguous(uri) {
  const mark = uri.indexOf('?');
  const path = mark < 0 ? uri : uri.slice(0, mark);
  return (
    AMBIGUOUS.test(path) ||
    !isUtf8(path) ||
    /[;# ]/.test(mark < 0 ? '' : uri.slice(mark)) ||
    uri.includes('#')
  );
}

function isUtf8(path) {
  try {
    decodeURIComponent(path.replace(/%(?![0-9a-f]{2})/gi, '%25'));
    return true;
  } catch {
    return false;
  }
}

/** Of the path: dot segments, double slashes, encoded slashes, backslashes, control characters, `?`, `#`, `;` and `%`. */
const AMBIGUOUS =
  /(?:^|[/\\])\.{1,2}(?:[/\\;]|$)|\/\/|\\|%(?:2f|5c|[01][0-9a-f]|7f|3f|23|3b|25|2e)|[\p{Cc} ]|%(?![0-9a-f]{2})/iu;

function parts(answer, name) {
  return answer.headers.filter(([other]) => other === name).map(([, value]) => value);
}

function has(headers, name) {
  return headers.some(([other]) => other.toLowerCase() === name);
}

/** An error that says nothing about anybody. */
function isRefusal(answer, ...statuses) {
  return statuses.includes(answer.status) && !answer.headers.some(([name]) => IDENTITY.includes(name));
}

/** Everything but where a browser is sent back to, which keeps the spelling that was told. */
function same(a, b) {
  const identity = ({ headers }) => JSON.stringify(headers.filter(([name]) => IDENTITY.includes(name)));
  return a.status === b.status && identity(a) === identity(b);
}
