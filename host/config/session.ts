import { signInAddress } from '../http/sign-in-address.ts';
import type { PolicyDocument } from '../policy/engine.ts';
import type { CookieConfig, SessionConfig } from './schema.ts';
import { isMapping, type Report } from './tree.ts';
import { shown } from './values.ts';

/** Two labels or more, each of letters, digits and hyphens. */
const DOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/;

/** Authelia's, but for the name. */
export const DEFAULT_SESSION: SessionConfig = {
  cookieName: '__Secure-postern_session',
  sameSite: 'lax',
  expirationSeconds: 60 * 60,
  inactivitySeconds: 5 * 60,
  rememberMeSeconds: 30 * 24 * 60 * 60,
};

/**
 * `session.cookies`, and what Authelia had before it: `session.domain`, which
 * names no portal, with `default_redirection_url` on top.
 */
export function readCookies(values: ReadonlyMap<string, unknown>, report: Report): CookieConfig[] {
  const list = values.get('session.cookies');
  const old = values.get('session.domain');
  if (list === undefined) return old === undefined ? [] : oldDomain(values, old, report);
  if (old !== undefined)
    report('config.twice', 'session.domain', 'must be removed: `session.cookies` says it already');
  if (!Array.isArray(list)) {
    report(
      'config.shape',
      'session.cookies',
      'must be a list with `domain` and `authelia_url` in each entry',
    );
    return [];
  }
  const found: CookieConfig[] = [];
  for (const [i, entry] of list.entries()) {
    const path = `session.cookies[${i}]`;
    if (!isMapping(entry)) {
      report(
        'config.shape',
        path,
        `must be a mapping with \`domain\` and \`authelia_url\`, got ${shown(entry)}`,
      );
      continue;
    }
    const domain = readDomain(entry.domain, `${path}.domain`, report);
    if (domain === undefined) continue;
    if (found.some(other => other.domain === domain)) {
      report('config.twice', `${path}.domain`, `\`${domain}\` stands twice: keep one`);
      continue;
    }
    const address = (key: string) => readAddress(entry[key], `${path}.${key}`, domain, report);
    found.push({
      domain,
      signInUrl: address('authelia_url'),
      defaultRedirectionUrl: address('default_redirection_url'),
      session: DEFAULT_SESSION,
    });
  }
  return found;
}

/**
 * The same for the policy, so that guests know it: the longest domain first, which
 * is the closest. With `hasSessions` the cookies count here, else somebody else's
 * portal makes them.
 */
export function signInDocument(
  cookies: readonly CookieConfig[],
  hasSessions = false,
): PolicyDocument['sign_in'] {
  if (!hasSessions && cookies.every(({ signInUrl }) => signInUrl === undefined)) return undefined;
  if (cookies.length === 0) return undefined;
  return [...cookies]
    .sort((a, b) => b.domain.length - a.domain.length)
    .map(({ domain, signInUrl, session }) => ({
      domain,
      address: signInUrl ? signInAddress(signInUrl) : '',
      ...(hasSessions ? { cookie: session.cookieName } : {}),
    }));
}

function oldDomain(values: ReadonlyMap<string, unknown>, raw: unknown, report: Report): CookieConfig[] {
  const domain = readDomain(raw, 'session.domain', report);
  if (domain === undefined) return [];
  const landing = values.get('default_redirection_url');
  return [
    {
      domain,
      defaultRedirectionUrl: readAddress(landing, 'default_redirection_url', domain, report),
      session: DEFAULT_SESSION,
    },
  ];
}

function readDomain(raw: unknown, path: string, report: Report): string | undefined {
  const domain = typeof raw === 'string' ? raw.toLowerCase() : '';
  if (DOMAIN.test(domain)) return domain;
  report(
    'config.value',
    path,
    `must be a domain like \`example.com\`, without a dot or \`*.\` in front, got ${shown(raw)}`,
  );
  return undefined;
}

/** An https address of the domain: its cookies reach no other. */
function readAddress(raw: unknown, path: string, domain: string, report: Report): string | undefined {
  if (raw === undefined || raw === null || raw === '') return undefined;
  const url = typeof raw === 'string' && URL.canParse(raw) ? new URL(raw) : undefined;
  const isBelow = url?.hostname === domain || url?.hostname.endsWith(`.${domain}`) === true;
  if (
    url?.protocol === 'https:' &&
    isBelow &&
    url.username === '' &&
    url.password === '' &&
    url.hash === ''
  ) {
    return url.href;
  }
  report(
    'config.value',
    path,
    `must be an address like \`https://auth.${domain}\`, below \`${domain}\`, got ${shown(raw)}`,
  );
  return undefined;
}
