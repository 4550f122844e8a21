import { Document, isNode, isPair, isScalar, visit } from 'yaml';
import type { PrintedSetup } from './traefik-forward-auth.ts';
import { PORTAL } from './traefik-setup.ts';

/**
 * A rule for Docker that matches no host: without one, every container gets a
 * router of its own, past the guard.
 */
export const DOCKER_DEFAULT_RULE = 'HostRegexp(`a^`)';

/** The static part with comments on what else it must or must not say. */
export function staticYaml(setup: PrintedSetup): string {
  const module = setup.static.experimental?.localPlugins.postern.moduleName;
  return write(
    setup.static,
    'Static configuration (traefik.yml), read when Traefik starts. Merge it into yours.',
    {
      entryPoints: [
        'Rules see the address of whoever connects. If that is a load balancer, name it here and',
        'in the trusted_proxies of postern.yml; never set forwardedHeaders.insecure:',
        '    forwardedHeaders:',
        "      trustedIPs: ['192.0.2.10/32']",
      ],
      providers: [
        'With Docker, a container without a router of its own gets one past the guard. Prevent that:',
        '  docker:',
        '    exposedByDefault: false',
        `    defaultRule: '${DOCKER_DEFAULT_RULE}'`,
      ],
      experimental: [
        `The plugin's files plugin.wasm and .traefik.yml lie in ./plugins-local/src/${module}/`,
        'of the directory that Traefik starts in.',
      ],
      abortOnPluginFailure: ['Without this, a plugin that fails makes its routers vanish.'],
      mounts: [
        'Both read-only. The directory of the key holds the guest key and nothing else.',
        "Traefik's Helm chart drops these settings: give them as additionalArguments.",
      ],
    },
  );
}

/** The dynamic part. */
export function dynamicYaml(setup: PrintedSetup): string {
  const portal = ['Where people sign in, and are handed a session: reached without a guard.'];
  const only = ['No other router may match these hosts with a higher priority.'];
  if (setup.static.experimental === undefined) {
    return write(setup.dynamic, 'Dynamic configuration, for the file provider or a KV store.', {
      'postern-clean': ['By these a client makes some services see another request than the rules saw.'],
      authResponseHeadersRegex: [
        'Headers with odd names are removed: many services read Remote_User as Remote-User.',
      ],
      'postern-no-upgrade': ['`Upgrade: h2c` would open a tunnel past the rules.'],
      routers: only,
      [PORTAL]: portal,
    });
  }
  return write(
    setup.dynamic,
    [
      'Dynamic configuration, for the file provider or a KV store (Docker labels cannot declare',
      'parentRefs). It fits the root secret it was made with: print it again when that changes.',
    ].join('\n'),
    { routers: ['A guarded parent and its two children per domain.', ...only], [PORTAL]: portal },
  );
}

/** YAML with comments above the first key of each name. */
function write(value: unknown, head: string, comments: Readonly<Record<string, readonly string[]>>): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  const left = new Map(Object.entries(comments));
  visit(document, {
    Pair(_, pair) {
      if (!isPair(pair) || !isNode(pair.key) || !isScalar(pair.key)) return;
      const lines = left.get(String(pair.key.value));
      if (lines === undefined) return;
      left.delete(String(pair.key.value));
      pair.key.commentBefore = lines.map(line => ` ${line}`).join('\n');
    },
  });
  const indented = head
    .split('\n')
    .map(line => `# ${line}`)
    .join('\n');
  const yaml = document.toString({
    lineWidth: 0,
    defaultStringType: 'QUOTE_SINGLE',
    defaultKeyType: 'PLAIN',
  });
  return `${indented}\n\n${yaml}`;
}
