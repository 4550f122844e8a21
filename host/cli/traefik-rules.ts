/** Where the host hands a session over to a domain that the portal's cookie does not reach: authentik's paths. */
const HANDOFF_PATHS = '^/(outpost\\.goauthentik\\.io|akprox)/(start|callback|sign_out)$';

/** Host is compared in lower case without port by Traefik; rules below `*.` have any depth, as in the policy. */
export function hostRule(domain: string): string {
  if (!domain.startsWith('*.')) return `Host(\`${domain}\`)`;
  return `HostRegexp(\`^.+\\.${domain.slice(2).replaceAll('.', '\\.')}\\.?$\`)`;
}

/** Several domains may have one portal. @param addresses `https://auth.example.com`, also with a path */
export function portalRules(addresses: readonly string[]): readonly string[] {
  const rules = addresses.map(address => {
    const { hostname, pathname } = new URL(address);
    const path = pathname.replace(/\/+$/, '');
    if (path === '') return hostRule(hostname);
    // Not `/authelia-of-somebody-else`.
    return `${hostRule(hostname)} && (Path(\`${path}\`) || PathPrefix(\`${path}/\`))`;
  });
  return [...new Set(rules)];
}

/** @param domains canonical, each with all names below it */
export function handoffRules(domains: readonly string[]): readonly string[] {
  return domains.map(
    domain => `(${hostRule(domain)} || ${hostRule(`*.${domain}`)}) && PathRegexp(\`${HANDOFF_PATHS}\`)`,
  );
}
