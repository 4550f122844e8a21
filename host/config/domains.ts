import { identityHeaders } from './identity-presets.ts';
import { isMapping } from './mapping.ts';
import type { Report } from './tree.ts';

/**
 * `domains`, with presets of identity headers written out: the engine, which
 * reads everything else of it, knows names and templates only.
 */
export function readDomains(raw: unknown, report: Report): unknown {
  if (!Array.isArray(raw)) {
    report('config.shape', 'domains', "must be a list of entries such as `- domain: 'app.example.com'`");
    return undefined;
  }
  return raw.map((entry: unknown, i) => {
    if (!isMapping(entry) || entry.identity_headers === undefined || entry.identity_headers === null)
      return entry;
    const headers = identityHeaders(entry.identity_headers);
    if (headers.ok) return { ...entry, identity_headers: headers.value };
    report('config.value', `domains[${i}].identity_headers`, headers.message);
    const { identity_headers: _, ...rest } = entry;
    return rest;
  });
}

/** Paths of the entries behind which Elasticsearch is said to stand. */
export function elasticDomains(raw: unknown): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.flatMap((entry, i) =>
    isMapping(entry) && entry.elasticsearch === true ? [`domains[${i}].elasticsearch`] : [],
  );
}

/** The first domain behind which Elasticsearch is said to stand. */
export function firstElastic(raw: unknown): string | undefined {
  if (!Array.isArray(raw)) return undefined;
  const entry = raw.find(one => isMapping(one) && one.elasticsearch === true);
  const name = Array.isArray(entry?.domain) ? entry.domain[0] : entry?.domain;
  return typeof name === 'string' ? name : undefined;
}

/**
 * Whether `domains` says so of a domain that is to be printed for a proxy:
 * the first entry that names it and says anything. A wildcard asks by its name.
 */
export function isElastic(raw: unknown, domain: string): boolean {
  if (!Array.isArray(raw)) return false;
  for (const entry of raw) {
    if (!isMapping(entry) || typeof entry.elasticsearch !== 'boolean') continue;
    const names = Array.isArray(entry.domain) ? entry.domain : [entry.domain];
    if (names.some(name => typeof name === 'string' && covers(name.toLowerCase(), domain))) {
      return entry.elasticsearch;
    }
  }
  return false;
}

function covers(name: string, domain: string): boolean {
  return name === domain || (name.startsWith('*.') && domain.endsWith(name.slice(1)));
}
