import { GUEST_KEY_PREFIX, SECRET_PREFIX } from '../../../assembly/contract.ts';
import { because, type Finding } from '../finding.ts';
import type { PluginView } from '../layout.ts';
import { type Check, hasFailed, type Observation } from '../observation.ts';

const config = because('the plugin answers every request with 503 while its configuration is wrong.');
const exposed = because(
  "Traefik's API and dashboard show a plugin's configuration to whoever can open them, so a key there is public.",
);
const mounts = because(
  'without the guest directory the plugin knows no grant and no rule, and asks the host about every request; without a key it refuses all.',
);

/** What an `access_control` brings with it; without one these two alone mean something. */
const SETTINGS = ['directory', 'key_file'];

export const checkPluginConfig: Check = seen => {
  const { layout } = seen;
  if (layout === undefined) return [];
  return layout.plugins.flatMap(plugin => [...checkSettings(plugin, seen), ...checkMounts(plugin, seen)]);
};

function checkSettings({ middleware, config: settings }: PluginView, { mend }: Observation): Finding[] {
  const { name } = middleware;
  const findings: Finding[] = [];
  const wrong = (what: string) =>
    findings.push(config.error('plugin.config', `${name}: ${what}`, mend.middlewares('postern')));
  // The values are not looked at any further: what is shown here may be pasted anywhere.
  const text = JSON.stringify(settings);
  const root = text.includes(SECRET_PREFIX);
  if (root || text.includes(GUEST_KEY_PREFIX)) {
    findings.push(
      exposed.error(
        'plugin.key-exposed',
        `${name} holds ${root ? 'the root secret' : 'a guest key'} in its configuration`,
        [
          '# this key is known now: make another root secret, derive the guest key from it, and take the',
          '# key out of the configuration; do not set POSTERN_SECRET_PREVIOUS to the old one',
          mend.middlewares('postern'),
        ].join('\n'),
      ),
    );
  }
  for (const key of SETTINGS) {
    const value = settings[key];
    if (value === undefined) continue;
    if (typeof value !== 'string' || !value.startsWith('/')) wrong(`${key} must be an absolute path`);
  }
  if (!Object.hasOwn(settings, 'access_control')) {
    const unknown = Object.keys(settings).filter(key => !SETTINGS.includes(key));
    if (unknown.length > 0) wrong(`${unknown.join(', ')} mean nothing to the plugin without access_control`);
  }
  return findings.length > 0 ? findings : [config.ok('plugin.config', `${name} names files, not keys`)];
}

/** Names of mounts are blacked out in what Traefik shows; their number is not. */
function checkMounts({ plugin }: PluginView, { traefik, mend }: Observation): Finding[] {
  if (hasFailed(traefik)) return [];
  if (traefik.static === undefined) {
    return [
      mounts.unseen('plugin.mounts', 'this Traefik does not show the plugin settings.mounts; --probe tells'),
    ];
  }
  const settings = traefik.static.plugins.get(plugin);
  // Said by the check of the plugin itself.
  if (settings === undefined) return [];
  if (settings.mounts === 0) {
    return [mounts.error('plugin.mounts', `plugin ${plugin} has no settings.mounts`, mend.plugins())];
  }
  if (settings.mounts === 1 && settings.envs === 0) {
    return [
      mounts.error(
        'plugin.mounts',
        `plugin ${plugin} has one mount and no envs: guest directory and key need one each`,
        mend.plugins(),
      ),
    ];
  }
  return [
    mounts.ok('plugin.mounts', `plugin ${plugin} has ${settings.mounts} mounts and ${settings.envs} envs`),
  ];
}
