import { PLUGIN_MODULE } from '../../cli/traefik-setup.ts';
import { because, type Finding } from '../finding.ts';
import { type Check, hasFailed } from '../observation.ts';

const exists = because('the plugin decides who passes; routers without it lead nowhere, or past the guard.');
const shared = because(
  'every instance of the middleware gets a runtime of its own at each change of configuration (traefik #13235), so one should serve all routers.',
);

/** The plugin's middleware: there, loaded, and one for all. */
export const checkPlugin: Check = ({ traefik, layout, mend }) => {
  if (hasFailed(traefik) || layout === undefined) return [];
  const { plugins } = layout;
  if (plugins.length === 0) {
    return [
      exists.error(
        'plugin.missing',
        'no middleware runs the plugin',
        `${mend.plugins()}\n---\n# in the dynamic configuration\n${mend.middlewares('postern-target', 'postern')}`,
      ),
    ];
  }
  const findings: Finding[] = plugins.map(({ middleware, plugin }) => {
    const { name, status, error = [] } = middleware;
    if (status === 'enabled' && error.length === 0) return exists.ok('plugin.loaded', `${name} is enabled`);
    const unknown = traefik.static !== undefined && !traefik.static.plugins.has(plugin);
    return exists.error(
      'plugin.broken',
      `${name} is ${status ?? 'without status'}: ${error.join('; ') || 'Traefik does not say why'}${
        unknown ? `; the static configuration has no plugin ${plugin}` : ''
      }`,
      `${mend.plugins()}\n---\n# in the dynamic configuration\n${mend.middlewares('postern')}`,
    );
  });
  if (traefik.static !== undefined) {
    findings.push(
      exists.unseen(
        'plugin.module',
        `Traefik does not show the plugin's module; it must be ${PLUGIN_MODULE}`,
        mend.plugins(),
      ),
    );
  }
  const used = plugins.filter(({ middleware }) => middleware.usedBy.length > 0).map(p => p.middleware.name);
  if (used.length > 1) {
    findings.push(
      shared.warning(
        'plugin.instances',
        `${used.length} middlewares run the plugin: ${used.join(', ')}`,
        `# keep one and name it in all routers, from other providers as postern@file\n${mend.middlewares('postern')}`,
      ),
    );
  }
  return findings;
};
