import { signInAddress } from '../http/sign-in-address.ts';
import type { PolicyDocument } from '../policy/engine.ts';
import type { ValueKey, ValueOf } from './keys.ts';
import { isPublicSuffix } from './public-suffix.ts';
import type { CookieConfig, SessionConfig } from './schema.ts';
import {
  addressBelow,
  checkLandings,
  isBelow,
  readAddress,
  readPortal,
  refuseInnerPortal,
  refuseNested,
} from './session-address.ts';
import { cookieName, rememberMe, SECURE_PREFIX, sessionTime } from './session-values.ts';
import { isMapping, type Report } from './tree.ts';
import { oneOf, type Reader, shown } from './values.ts';

/** Two labels or more, each of letters, digits and hyphens. */
const DOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/;

/** Authelia's, but for the name. */
export const DEFAULT_SESSION: SessionConfig = {
  cookieName: `${SECURE_PREFIX}postern_session`,
  sameSite: 'lax',
  expirationSeconds: 60 * 60,
  inactivitySeconds: 5 * 60,
  rememberMeSeconds: 30 * 24 * 60 * 60,
};

const sameSite = oneOf('lax', 'strict', 'none');

export interface SessionInput {
  /** Raw values by path. */
  readonly values: ReadonlyMap<string, unknown>;
  get<K extends ValueKey>(path: K): ValueOf<K> | undefined;
  /** Sessions are kept here: there is a database. */
  readonly isKept: boolean;
  readonly report: Report;
}

/**
 * `session.cookies`, and what Authelia had before it: `session.domain`, which
 * names no portal, with `default_redirection_url` on top.
 */
export function readCookies(input: SessionInput): CookieConfig[] {
  const { values, report } = input;
  const defaults = readDefaults(input);
  const list = values.get('session.cookies');
  const old = values.get('session.domain');
  if (list === undefined) return old === undefined ? [] : oldDomain(values, old, defaults, report);
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
  const oldLanding = values.get('default_redirection_url');
  const landings: string[] = [];
  const domains = list.flatMap(entry => (isMapping(entry) ? (nameOf(entry.domain) ?? []) : []));
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
    if (isPublicSuffix(domain)) warnOfSuffix(domain, `${path}.domain`, report);
    const signInUrl = readPortal(entry.authelia_url, `${path}.authelia_url`, domain, domains, report);
    const isHandoff = signInUrl !== undefined && !isBelow(new URL(signInUrl).hostname, domain);
    const session = readSession(entry, path, defaults, report);
    const landing = `${path}.default_redirection_url`;
    const own = readAddress(entry.default_redirection_url, landing, domain, report);
    landings.push(own === undefined ? 'default_redirection_url' : landing);
    if (isHandoff && session.sameSite === 'strict') {
      report(
        'config.value',
        `${path}.same_site`,
        'must be `lax` here: people come from the portal, which is another site, and a `strict` cookie would not come with them, so that they were sent round in circles',
      );
    }
    found.push({
      domain,
      signInUrl,
      defaultRedirectionUrl: own ?? addressBelow(oldLanding, domain),
      ...(isHandoff ? { isHandoff } : {}),
      session,
    });
    if (!input.isKept) continue;
    refuseNested(found, path, report);
    refuseInnerPortal(signInUrl, domain, domains, `${path}.authelia_url`, report);
  }
  checkLandings(found, landings, oldLanding, report);
  return found;
}

/**
 * The same for the policy, so that guests know it: the longest domain first, which
 * is the closest. Cookies count only where sessions are kept.
 */
export function signInDocument(
  cookies: readonly CookieConfig[],
  hasSessions: boolean,
): PolicyDocument['sign_in'] {
  if (cookies.length === 0) return undefined;
  if (!hasSessions && cookies.every(({ signInUrl }) => signInUrl === undefined)) return undefined;
  return [...cookies]
    .sort((a, b) => b.domain.length - a.domain.length)
    .map(({ domain, signInUrl, session }) => ({
      domain,
      address: signInUrl ? signInAddress(signInUrl) : '',
      ...(hasSessions ? { cookie: session.cookieName } : {}),
    }));
}

function readDefaults({ get, values, report }: SessionInput): SessionConfig {
  const old = values.get('session.remember_me_duration');
  let remember = get('session.remember_me');
  if (old !== undefined) {
    if (values.has('session.remember_me')) {
      report(
        'config.twice',
        'session.remember_me_duration',
        'must be removed: `session.remember_me` says it already',
      );
    } else {
      report(
        'config.old',
        'session.remember_me_duration',
        "is Authelia's old form of `session.remember_me`: write that",
        'warning',
      );
      remember ??= readValue(rememberMe, old, 'session.remember_me_duration', report);
    }
  }
  const site = get('session.same_site');
  if (site === 'none') warnOfNone('session.same_site', report);
  return {
    cookieName: get('session.name') ?? DEFAULT_SESSION.cookieName,
    sameSite: site ?? DEFAULT_SESSION.sameSite,
    expirationSeconds: get('session.expiration') ?? DEFAULT_SESSION.expirationSeconds,
    inactivitySeconds: get('session.inactivity') ?? DEFAULT_SESSION.inactivitySeconds,
    rememberMeSeconds: remember ?? DEFAULT_SESSION.rememberMeSeconds,
  };
}

/** What an entry says for itself. */
function readSession(
  entry: Readonly<Record<string, unknown>>,
  path: string,
  defaults: SessionConfig,
  report: Report,
): SessionConfig {
  const own = <T>(key: string, reader: Reader<T>, fallback: T): T =>
    readValue(reader, entry[key], `${path}.${key}`, report) ?? fallback;
  const site = own('same_site', sameSite, defaults.sameSite);
  if (entry.same_site === 'none') warnOfNone(`${path}.same_site`, report);
  return {
    cookieName: own('name', cookieName, defaults.cookieName),
    sameSite: site,
    expirationSeconds: own('expiration', sessionTime, defaults.expirationSeconds),
    inactivitySeconds: own('inactivity', sessionTime, defaults.inactivitySeconds),
    rememberMeSeconds: own('remember_me', rememberMe, defaults.rememberMeSeconds),
  };
}

function readValue<T>(reader: Reader<T>, raw: unknown, path: string, report: Report): T | undefined {
  if (raw === undefined || raw === null) return undefined;
  const read = reader(raw);
  if (read.ok) return read.value;
  report('config.value', path, read.message);
  return undefined;
}

function warnOfNone(path: string, report: Report): void {
  report(
    'config.same-site',
    path,
    'lets every other site send requests as whoever is signed in: write `lax` unless an application must work inside a foreign page',
    'warning',
  );
}

function warnOfSuffix(domain: string, path: string, report: Report): void {
  report(
    'config.public-suffix',
    path,
    `strangers have names below \`${domain}\`, so browsers keep no cookie for all of it, and nobody can sign in: write the name that is yours, such as \`home.${domain}\``,
    'warning',
  );
}

function oldDomain(
  values: ReadonlyMap<string, unknown>,
  raw: unknown,
  session: SessionConfig,
  report: Report,
): CookieConfig[] {
  const domain = readDomain(raw, 'session.domain', report);
  if (domain === undefined) return [];
  const landing = values.get('default_redirection_url');
  const defaultRedirectionUrl = readAddress(landing, 'default_redirection_url', domain, report);
  return [{ domain, defaultRedirectionUrl, session }];
}

function nameOf(raw: unknown): string | undefined {
  const domain = typeof raw === 'string' ? raw.toLowerCase() : '';
  return DOMAIN.test(domain) ? domain : undefined;
}

function readDomain(raw: unknown, path: string, report: Report): string | undefined {
  const domain = nameOf(raw);
  if (domain !== undefined) return domain;
  report(
    'config.value',
    path,
    `must be a domain like \`example.com\`, without a dot or \`*.\` in front, got ${shown(raw)}`,
  );
  return undefined;
}
