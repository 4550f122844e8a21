import type { CookieConfig } from './schema.ts';
import type { Report } from './tree.ts';
import { shown } from './values.ts';

/** The domain itself, too. Both in lower case. */
export function isBelow(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`);
}

/** Below the domain, or below another one whose portal serves this one, too. */
export function readPortal(
  raw: unknown,
  path: string,
  domain: string,
  domains: readonly string[],
  report: Report,
): string | undefined {
  const known = domains.find(other => addressBelow(raw, other) !== undefined);
  if (known !== undefined && addressBelow(raw, domain) === undefined) return addressBelow(raw, known);
  return readAddress(raw, path, domain, report);
}

/** A browser would send both, and nobody could tell which one is meant. */
export function refuseNested(found: readonly CookieConfig[], path: string, report: Report): void {
  const last = found.at(-1);
  if (last === undefined) return;
  const other = found.find(
    candidate =>
      candidate !== last &&
      candidate.session.cookieName === last.session.cookieName &&
      (isBelow(candidate.domain, last.domain) || isBelow(last.domain, candidate.domain)),
  );
  if (other === undefined) return;
  const [inner, outer] =
    last.domain.length > other.domain.length ? [last.domain, other.domain] : [other.domain, last.domain];
  report(
    'config.value',
    `${path}.domain`,
    `\`${inner}\` lies below \`${outer}\`, and browsers would send the cookies of both: give one of them a \`name\` of its own, or remove the inner one`,
  );
}

/** There the inner domain's cookie is the one that counts: nobody would be signed in for the outer one. */
export function refuseInnerPortal(
  signInUrl: string | undefined,
  domain: string,
  domains: readonly string[],
  path: string,
  report: Report,
): void {
  if (signInUrl === undefined) return;
  const { hostname } = new URL(signInUrl);
  const inner = domains.find(other => isBelow(other, domain) && other !== domain && isBelow(hostname, other));
  if (inner === undefined || !isBelow(hostname, domain)) return;
  report(
    'config.value',
    path,
    `lies below \`${inner}\`, which has a cookie of its own, so that nobody could sign in for \`${domain}\`: write an address like \`https://auth.${domain}\`, for \`${inner}\` as well if one portal is to serve both`,
  );
}

/** An https address of the domain: its cookies reach no other. */
export function readAddress(raw: unknown, path: string, domain: string, report: Report): string | undefined {
  if (raw === undefined || raw === null || raw === '') return undefined;
  const address = addressBelow(raw, domain);
  if (address !== undefined) return address;
  report(
    'config.value',
    path,
    `must be an address like \`https://auth.${domain}\`, below \`${domain}\`, ${got(raw)}`,
  );
  return undefined;
}

/** The https URL as browsers write it, without user, password and fragment; undefined for any other value. */
export function addressBelow(raw: unknown, domain: string): string | undefined {
  const url = typeof raw === 'string' && URL.canParse(raw) ? new URL(raw) : undefined;
  const good =
    url?.protocol === 'https:' &&
    isBelow(url.hostname, domain) &&
    url.username === '' &&
    url.password === '' &&
    url.hash === '';
  return good ? url.href : undefined;
}

/**
 * Where people land who came from nowhere: the old key on top counts for the domain
 * that it is of, and nobody is sent from a portal to itself.
 */
export function checkLandings(
  cookies: readonly CookieConfig[],
  /** Where each one says its own. */
  paths: readonly string[],
  old: unknown,
  report: Report,
): void {
  const domains = cookies.map(({ domain }) => `\`${domain}\``).join(' or ');
  if (old !== undefined && old !== null && old !== '' && cookies.length > 0) {
    const isOurs = cookies.some(({ domain }) => addressBelow(old, domain) !== undefined);
    const must = `must be an https address below ${domains}, as \`session.cookies\` says`;
    if (!isOurs) report('config.value', 'default_redirection_url', `${must}, ${got(old)}`);
  }
  const portals = cookies.flatMap(({ signInUrl }) => (signInUrl === undefined ? [] : [new URL(signInUrl)]));
  for (const [i, { defaultRedirectionUrl }] of cookies.entries()) {
    if (defaultRedirectionUrl === undefined) continue;
    const { host, pathname } = new URL(defaultRedirectionUrl);
    const isPortal = portals.some(
      portal => portal.host === host && `${pathname}/`.startsWith(portal.pathname.replace(/\/*$/, '/')),
    );
    if (!isPortal) continue;
    report(
      'config.unused',
      paths[i] ?? '',
      'is the portal itself, where whoever signs in is already: name another page, or remove it',
      'warning',
    );
  }
}

/** What stands behind a name of somebody in an address may be a password. */
function got(raw: unknown): string {
  const url = typeof raw === 'string' && URL.canParse(raw) ? new URL(raw) : undefined;
  if (url !== undefined && (url.username !== '' || url.password !== ''))
    return 'without a user name and a password';
  return url !== undefined && url.hash !== '' ? `without \`#\`, got ${shown(raw)}` : `got ${shown(raw)}`;
}
