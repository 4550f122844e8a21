import { queryKeys, queryValues } from '../../http/query.ts';
import { exactReply, type Reply } from '../../http/reply.ts';
import type { Request } from '../../http/router.ts';
import type { Principal } from '../../policy/engine.ts';
import { basicChallenge, withEmpty } from '../answers.ts';
import { ownHost, readForwarded, readOriginal } from '../forwarded.ts';
import { DEFAULT_STRATEGIES } from '../strategies.ts';
import { AUTHELIA_AUTH_REQUEST } from './authelia-auth-request.ts';
import type { Admission, Dialect, Told } from './dialect.ts';

/** oauth2-proxy's `/oauth2/auth`: 202 or 401, and 403 for whom the query leaves out. */
export const OAUTH2_PROXY: Dialect = {
  name: 'oauth2-proxy',
  anyMethod: true,
  badRequest: 400,
  knowsHost: true,
  hint: AUTHELIA_AUTH_REQUEST.hint,
  identity: 'oauth2-proxy',
  readTarget: readLenient,
  strategies: () => DEFAULT_STRATEGIES,
  admits: isAllowed,
  // Nobody has an access token here, so no proxy may keep a client's own.
  allow: ({ identity }) => exactReply(202, withEmpty(identity, ['X-Auth-Request-Access-Token'])),
  challenge: ({ signInUrl, realm }) => (signInUrl === undefined ? basicChallenge(realm) : exactReply(401)),
};

/**
 * `/oauth2/userinfo`: who asks, as JSON. A decision like any other, because a
 * proxy that asks here by mistake takes 200 for leave to pass. What it was asked
 * for may then be any path, so its own stands for none.
 */
export const OAUTH2_USER_INFO: Dialect = {
  ...OAUTH2_PROXY,
  admits: (request, principal) => (principal === undefined ? 'sign-in' : isAllowed(request, principal)),
  allow: userInfo,
};

function readLenient(request: Request): Told {
  const { headers } = request;
  const method = headers.one('x-original-method') || headers.one('x-forwarded-method') || '';
  if (headers.one('x-original-url') !== undefined) return readOriginal(request, method);
  return readForwarded(request, { method: '', scheme: 'https', host: ownHost(request), uri: '' });
}

/** One condition of the query; whoever comes in meets all that are there. */
const CONDITIONS: Readonly<Record<string, (principal: Principal, allowed: readonly string[]) => boolean>> = {
  allowed_groups: ({ groups }, allowed) => groups.some(group => allowed.includes(group)),
  allowed_emails: ({ email }, allowed) => email !== '' && allowed.includes(email),
  allowed_email_domains({ email }, allowed) {
    const [name = '', domain = '', ...more] = email.toLowerCase().split('@');
    if (name === '' || domain === '' || more.length > 0) return false;
    return allowed.some(entry => {
      // `.example.com` and `*.example.com` are the domain and all below it.
      const [, below, base = ''] = /^(\*?\.)?(.*)$/s.exec(entry.toLowerCase()) ?? [];
      return domain === base || (below !== undefined && base !== '' && domain.endsWith(`.${base}`));
    });
  },
};

/** A condition that nobody knows, that is empty or that cannot be read admits nobody. */
function isAllowed({ query }: Request, principal: Principal | undefined): 'yes' | 'sign-in' | 'no' {
  if (query === '') return 'yes';
  const keys = new Set(queryKeys(query).filter(key => key.startsWith('allowed_')));
  if (keys.size === 0) return 'yes';
  if (principal === undefined) return 'sign-in';
  for (const key of keys) {
    const allowed = queryValues(query, key).flatMap(value => (value ?? '').split(','));
    const condition = Object.hasOwn(CONDITIONS, key) ? CONDITIONS[key] : undefined;
    if (
      condition?.(
        principal,
        allowed.filter(entry => entry !== ''),
      ) !== true
    )
      return 'no';
  }
  return 'yes';
}

function userInfo({ principal, identity }: Admission): Reply {
  const user = principal?.username ?? '';
  const body = {
    user,
    email: principal?.email ?? '',
    groups: principal?.groups ?? [],
    preferredUsername: user,
  };
  return { ...exactReply(200, identity), type: 'application/json', body: JSON.stringify(body) };
}
