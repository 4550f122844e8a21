import { because } from '../finding.ts';
import type { Check } from '../observation.ts';

const inline = because(
  'the host decides what the plugin defers, and answers 403 to a plugin whose rules are not its own.',
);

/** Rules in the plugin's configuration must be those of postern.yml. */
export const checkInlinePolicy: Check = ({ layout, policy, policyId, mend }) => {
  const carriers = layout?.plugins.filter(({ config }) => Object.hasOwn(config, 'access_control')) ?? [];
  return carriers.map(({ middleware, config }) => {
    const { directory: _, key_file: __, ...document } = config;
    const theirs = policyId(document);
    if (theirs === undefined) {
      return inline.error(
        'plugin.inline-policy',
        `${middleware.name}: its access_control does not compile`,
        `# leave the rules to postern.yml\n${mend.middlewares('postern')}`,
      );
    }
    if (theirs !== policyId(policy)) {
      return inline.error(
        'plugin.inline-policy',
        `${middleware.name}: its access_control differs from postern.yml`,
        `# leave the rules to postern.yml, or write the same ones into both\n${mend.middlewares('postern')}`,
      );
    }
    return inline.ok('plugin.inline-policy', `${middleware.name}: its access_control is that of postern.yml`);
  });
};
