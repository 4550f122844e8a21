import type { PolicyDocument } from '../policy/engine.ts';
import { asTree } from './traefik-view.ts';

/**
 * The domains that a policy's rules name: `app.example.com`, `*.example.com`.
 * Those with `{user}` and `{group}` count as wildcards. `domain_regex` names
 * none, and neither does the default policy.
 */
export function policyDomains(policy: PolicyDocument): string[] {
  const rules = asTree(policy.access_control).rules;
  const found = (Array.isArray(rules) ? rules : [])
    .flatMap(rule => asTree(rule).domain)
    .filter(domain => typeof domain === 'string')
    .map(domain => domain.toLowerCase().replace(/^\{(user|group)\}\./, '*.'))
    .filter(domain => /^(\*\.)?[a-z0-9_.-]+$/.test(domain));
  return [...new Set(found)];
}

export const isWildcard = (domain: string): boolean => domain.startsWith('*.');

export const liesUnder = (host: string, wildcard: string): boolean => host.endsWith(wildcard.slice(1));

/** A name under a wildcard that nobody writes into a rule of its own. */
export const sampleOf = (domain: string): string =>
  isWildcard(domain) ? `postern-doctor.${domain.slice(2)}` : domain;
