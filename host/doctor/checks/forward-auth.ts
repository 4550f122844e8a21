import { FORWARD_AUTH_PATH } from '../../routes/paths.ts';
import { because, type Finding } from '../finding.ts';
import { forwardAuthOf } from '../layout.ts';
import type { Check, Observation } from '../observation.ts';
import { hasFailed } from '../observation.ts';
import { asText, asTexts, type MiddlewareView } from '../traefik-view.ts';
import { isBefore, readVersion, SINCE } from '../version.ts';

const exists = because('what the plugin defers must reach the host, or nobody can sign in.');
const reaches = because(
  'when the host cannot be reached Traefik answers 500 to everything that is deferred.',
);
const trust = because(
  'otherwise Traefik replaces the forwarding headers that the plugin has just written by those of the connection.',
);
const headers = because(
  "only the headers named here are taken from the host's answer, and the client's own copies of them removed.",
);
const body = because("without a limit an answer of another service can fill Traefik's memory.");

/** The middleware that asks the host. */
export const checkForwardAuth: Check = seen => {
  const { layout, traefik, mend } = seen;
  if (layout === undefined || hasFailed(traefik)) return [];
  const all = [...traefik.middlewares.values()].filter(item => forwardAuthOf(item) !== undefined);
  const used = all.filter(({ usedBy }) => usedBy.length > 0);
  if (used.length > 0) return used.flatMap(item => judge(item, seen));
  return [
    exists.error(
      'forward-auth.missing',
      'no router asks the host by forwardAuth',
      mend.middlewares('postern-host'),
    ),
  ];
};

function judge(middleware: MiddlewareView, { mend, authHosts, traefik }: Observation): Finding[] {
  const { name } = middleware;
  const settings = forwardAuthOf(middleware) ?? {};
  const lines = mend.middlewares('postern-host');
  const findings: Finding[] = [];
  if (middleware.status !== 'enabled') {
    findings.push(
      exists.error(
        'forward-auth.broken',
        `${name}: ${(middleware.error ?? []).join('; ') || middleware.status}`,
        lines,
      ),
    );
  }
  const address = asText(settings.address) ?? '';
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const host = url && authHosts.get(url.origin);
  if (url === undefined || url.pathname !== FORWARD_AUTH_PATH) {
    findings.push(
      reaches.error('forward-auth.address', `${name} asks ${address}, not ${FORWARD_AUTH_PATH}`, lines),
    );
  } else if (host === undefined || !hasFailed(host)) {
    findings.push(reaches.ok('forward-auth.address', `${name} asks ${url.origin}, where the host answers`));
  } else if (/ENOTFOUND|EAI_AGAIN/.test(host.failed)) {
    findings.push(
      reaches.unseen('forward-auth.address', `${name} asks ${url.origin}, a name that is not known here`),
    );
  } else {
    findings.push(
      reaches.error(
        'forward-auth.address',
        `${name} asks ${url.origin}, which fails from here: ${host.failed}`,
        lines,
      ),
    );
  }
  if (settings.trustForwardHeader !== true) {
    findings.push(trust.error('forward-auth.trust', `${name}: trustForwardHeader is not true`, lines));
  }
  const named = asTexts(settings.authResponseHeaders).map(header => header.toLowerCase());
  const missing = mend.authResponseHeaders.filter(header => !named.includes(header.toLowerCase()));
  if (missing.length > 0) {
    findings.push(
      headers.error(
        'forward-auth.headers',
        `${name}: authResponseHeaders lacks ${missing.join(', ')}`,
        lines,
      ),
    );
  }
  const limit = settings.maxResponseBodySize;
  const version = hasFailed(traefik) ? undefined : readVersion(traefik.version);
  // One that does not know the field is told so by its version.
  const knowsLimit = version === undefined || !isBefore(version, SINCE.maxResponseBodySize);
  if (knowsLimit && (typeof limit !== 'number' || limit < 0)) {
    findings.push(body.warning('forward-auth.body-size', `${name}: maxResponseBodySize is not set`, lines));
  }
  return findings;
}
