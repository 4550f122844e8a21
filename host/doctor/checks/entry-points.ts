import { because, type Finding } from '../finding.ts';
import { type Check, hasFailed } from '../observation.ts';
import type { EntryPointView } from '../traefik-view.ts';

const insecure = because(
  'any client may then say which address and scheme it comes from, so rules about networks and https can be passed.',
);
const trusted = because(
  "behind a proxy that Postern does not know every client has that proxy's address, so rules about networks judge the proxy.",
);

/** Networks that trust everybody. */
const ALL = /^(0\.0\.0\.0\/0|::\/0)$/;

export const checkEntryPoints: Check = ({ traefik, layout, policy, mend }) => {
  if (hasFailed(traefik) || layout === undefined) return [];
  const used = [...new Set(layout.guards.flatMap(({ entryPoints }) => entryPoints))].sort();
  return used.flatMap(name => {
    const entryPoint = traefik.entryPoints.get(name);
    return entryPoint === undefined ? [] : judge(entryPoint);
  });

  function judge({ name, ...point }: EntryPointView): Finding[] {
    const findings: Finding[] = [];
    if (point.insecure || point.trustedIps.some(ip => ALL.test(ip))) {
      findings.push(
        insecure.error(
          'entry-point.insecure',
          point.insecure
            ? `${name}: forwardedHeaders.insecure is true`
            : `${name}: forwardedHeaders.trustedIPs trusts every address`,
          `# name the proxies in front of Traefik, or leave forwardedHeaders out\n${mend.entryPoint(name, {
            forwardedHeaders: { insecure: false, trustedIPs: ['192.0.2.10/32'] },
          })}`,
        ),
      );
    }
    if (point.proxyProtocolInsecure) {
      findings.push(
        insecure.error(
          'entry-point.proxy-protocol',
          `${name}: proxyProtocol.insecure is true`,
          mend.entryPoint(name, { proxyProtocol: { insecure: false, trustedIPs: ['192.0.2.10/32'] } }),
        ),
      );
    }
    const known = new Set(policy.trusted_proxies ?? []);
    const strangers = point.trustedIps.filter(ip => !ALL.test(ip) && !known.has(ip));
    if (strangers.length > 0) {
      findings.push(
        trusted.warning(
          'entry-point.trusted-proxies',
          `${name}: forwardedHeaders.trustedIPs names ${strangers.join(', ')}, trusted_proxies of postern.yml does not`,
          `# in postern.yml\ntrusted_proxies:\n${[...known, ...strangers].map(ip => `  - '${ip}'`).join('\n')}`,
        ),
      );
    }
    return findings.length > 0
      ? findings
      : [insecure.ok('entry-point.trust', `${name}: trusts only the proxies that are known`)];
  }
};
