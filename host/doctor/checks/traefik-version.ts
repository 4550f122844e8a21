import { because } from '../finding.ts';
import { type Check, hasFailed } from '../observation.ts';

/** Layered routing (`parentRefs`) came with this one. */
const FIRST_MINOR = 6;
/** What Postern was measured with. */
const MEASURED = '3.7.9';

const reach = because("without Traefik's API nothing can be said about plugin, routers and middlewares.");
const version = because(
  'routers with parentRefs, which let a request pass without asking the host, exist from Traefik 3.6 on.',
);

export const checkTraefikVersion: Check = ({ traefik, traefikApi }) => {
  if (hasFailed(traefik)) {
    return [
      reach.error(
        'traefik.unreachable',
        `Traefik's API does not answer at ${traefikApi} (${traefik.failed})`,
        [
          '# name the right address with --traefik-api, or open the API on loopback:',
          '# in the static configuration, then restart Traefik',
          'api:',
          '  insecure: true',
          'entryPoints:',
          '  traefik:',
          "    address: '127.0.0.1:8080'",
        ].join('\n'),
      ),
    ];
  }
  const numbers = /^v?(\d+)\.(\d+)\.(\d+)/.exec(traefik.version)?.slice(1).map(Number);
  if (numbers === undefined) {
    return [
      version.unseen(
        'traefik.version',
        `Traefik calls its version ${JSON.stringify(traefik.version)}: whether it is 3.6 or newer cannot be seen`,
      ),
    ];
  }
  const [major = 0, minor = 0] = numbers;
  if (major < 3 || (major === 3 && minor < FIRST_MINOR)) {
    return [
      version.error(
        'traefik.version',
        `Traefik ${traefik.version} has no parentRefs`,
        [
          `# run Traefik 3.${FIRST_MINOR} or newer (measured: ${MEASURED}):`,
          `image: 'traefik:v${MEASURED}'`,
        ].join('\n'),
      ),
    ];
  }
  const measured = `${numbers.join('.')}` === MEASURED ? '' : ` (Postern was measured with ${MEASURED})`;
  return [version.ok('traefik.version', `Traefik ${traefik.version}${measured}`)];
};
