import { MAX_COOKIE_NAME, SESSION_COOKIE_PREFIX } from '../../assembly/contract.ts';
import { formatDuration } from './duration.ts';
import { duration, type Reader, shown } from './values.ts';

/** Ten years: longer than any browser keeps a cookie. */
const MAX_SECONDS = 10 * 365 * 86_400;
/** With its prefix it has room in the guest's memory. */
const MAX_NAME = MAX_COOKIE_NAME - SESSION_COOKIE_PREFIX.length;
/** Which browsers take for a cookie of one host and no other. */
const HOST_PREFIX = '__Host-';
/** Which browsers take over https only, so that nothing that speaks http can plant one. */
export const SECURE_PREFIX = SESSION_COOKIE_PREFIX;

/** `session.name`, as browsers get it: with `__Secure-` in front. */
export const cookieName: Reader<string> = raw => {
  const form = `must be a name of at most ${MAX_NAME} letters, digits, \`_\`, \`-\` and \`.\`, for example \`postern_session\``;
  if (typeof raw !== 'string' || !/^[A-Za-z0-9_.-]+$/.test(raw)) {
    return { ok: false, message: `${form}, got ${shown(raw)}` };
  }
  if (raw.toLowerCase().startsWith(HOST_PREFIX.toLowerCase())) {
    const why = `browsers give a cookie named \`${HOST_PREFIX}…\` to one host, and this one is for all of a domain`;
    return { ok: false, message: `must not begin with \`${HOST_PREFIX}\`: ${why}` };
  }
  const bare = raw.toLowerCase().startsWith(SECURE_PREFIX.toLowerCase())
    ? raw.slice(SECURE_PREFIX.length)
    : raw;
  if (bare === '' || bare.length > MAX_NAME) return { ok: false, message: `${form}, got ${shown(raw)}` };
  return { ok: true, value: SECURE_PREFIX + bare };
};

/** Of `session.expiration` and `session.inactivity`. */
export const sessionTime: Reader<number> = raw => {
  const read = duration(1, MAX_SECONDS)(raw);
  if (read.ok || (raw !== 0 && raw !== '0')) return read;
  return {
    ok: false,
    message: `must be from 1s to ${formatDuration(MAX_SECONDS)}, got ${shown(raw)}: 0 would be Authelia's default; remove the key, or write how long`,
  };
};

/** `session.remember_me`: as Authelia's, -1 does not offer it. */
export const rememberMe: Reader<number> = raw => {
  if (raw === -1 || raw === '-1') return { ok: true, value: 0 };
  const read = duration(0, MAX_SECONDS)(raw);
  return read.ok ? read : { ok: false, message: `${read.message}; -1 does not offer it` };
};
