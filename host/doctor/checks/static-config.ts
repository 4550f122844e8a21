import { because, type Finding } from '../finding.ts';
import { type Check, hasFailed } from '../observation.ts';

const abort = because(
  'a plugin that fails to start takes its routers away, and a router of lower priority may then serve the request.',
);
const docker = because(
  'a container without a router of its own gets one from Docker, past the guard, unless that is switched off.',
);

/** What the support dump shows of the static configuration. */
export const checkStaticConfig: Check = ({ traefik, mend }) => {
  if (hasFailed(traefik)) return [];
  const settings = traefik.static;
  if (settings === undefined) {
    return [
      abort.unseen(
        'static.unseen',
        'this Traefik does not show its static configuration (/api/support-dump): see that it says this',
        mend.abort(),
      ),
    ];
  }
  const findings: Finding[] = [
    settings.abortOnPluginFailure
      ? abort.ok('static.abort', 'abortOnPluginFailure is true')
      : abort.warning('static.abort', 'abortOnPluginFailure is not true', mend.abort()),
  ];
  if (settings.dockerExposedByDefault !== undefined) {
    findings.push(
      settings.dockerExposedByDefault
        ? docker.warning('static.docker', 'Docker: exposedByDefault is true', mend.docker())
        : docker.ok('static.docker', 'Docker: exposedByDefault is false'),
    );
  }
  return findings;
};
