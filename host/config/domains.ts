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
