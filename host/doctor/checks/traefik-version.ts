import { because } from '../finding.ts';
import { type Check, hasFailed } from '../observation.ts';
import { isBefore, REFUSE_ENCODED, readVersion, SINCE, TESTED } from '../version.ts';

const reach = because("without Traefik's API nothing can be said about plugin, routers and middlewares.");
const version = because(
  'routers with parentRefs, which let a request pass without asking the host, exist from Traefik 3.6 on.',
);
const fields = because(
  'a file with a field that Traefik does not know is refused as a whole, and without the limit an answer can fill its memory.',
);

export const checkTraefikVersion: Check = ({ traefik, traefikApi }) => {
  if (hasFailed(traefik)) {
    return [
      reach.error(
        'traefik.unreachable',
        `Traefik's API cannot be asked at ${traefikApi} (${traefik.failed})`,
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
  const numbers = readVersion(traefik.version);
  if (numbers === undefined) {
    return [
      version.unseen(
        'traefik.version',
        `Traefik calls its version ${JSON.stringify(traefik.version)}: whether it is 3.6.9 or newer cannot be seen`,
      ),
    ];
  }
  const tested = TESTED.join('.');
  const upgrade = [
    `# run Traefik ${SINCE.maxResponseBodySize.join('.')} or newer (tested: ${tested}):`,
    `image: 'traefik:v${tested}'`,
  ].join('\n');
  if (isBefore(numbers, SINCE.parentRefs)) {
    return [version.error('traefik.version', `Traefik ${traefik.version} has no parentRefs`, upgrade)];
  }
  if (isBefore(numbers, SINCE.maxResponseBodySize)) {
    const [from, before] = REFUSE_ENCODED;
    const encoded =
      isBefore(numbers, from) || !isBefore(numbers, before)
        ? ''
        : '; it also answers 400 to paths with %2F and the like, which GitLab, npm and Elasticsearch need';
    return [
      fields.warning(
        'traefik.version',
        `Traefik ${traefik.version} does not know maxResponseBodySize of forwardAuth${encoded}`,
        upgrade,
      ),
    ];
  }
  if (numbers[0] > TESTED[0]) {
    return [
      version.unseen(
        'traefik.version',
        `Traefik ${traefik.version} is newer than all that Postern was tested with (up to ${tested}): see that \`postern doctor --probe\` finds all well`,
      ),
    ];
  }
  const hint = isBefore(TESTED, numbers) ? ` (Postern is tested up to ${tested})` : '';
  return [version.ok('traefik.version', `Traefik ${traefik.version}${hint}`)];
};
