import { ODD_NAME } from '../../cli/traefik-forward-auth.ts';
import { because, type Finding } from '../finding.ts';
import { forwardAuthOf } from '../layout.ts';
import { type Check, hasFailed } from '../observation.ts';
import type { EntryPointView } from '../traefik-view.ts';
import { isBefore, readVersion, SINCE } from '../version.ts';

const aliases = because(
  'a client may send Remote_User beside Remote-User, which many services read as the same; the plugin removes every spelling, forwardAuth alone does not.',
);

/** Routers that ask the host without the plugin need Traefik to remove what the plugin would. */
export const checkHeaderAliases: Check = ({ traefik, layout, mend }) => {
  if (hasFailed(traefik) || layout === undefined) return [];
  const bare = layout.others.filter(({ chain }) => {
    const asks = chain.map(forwardAuthOf).filter(settings => settings !== undefined);
    // As `postern traefik --no-plugin` prints it: forwardAuth removes them itself.
    return asks.length > 0 && !asks.some(settings => settings.authResponseHeadersRegex === ODD_NAME);
  });
  const doors = [...new Set(bare.flatMap(({ entryPoints }) => entryPoints))].flatMap(name => {
    const entryPoint = traefik.entryPoints.get(name);
    return entryPoint === undefined ? [] : [entryPoint];
  });
  const version = readVersion(traefik.version);
  return doors.map(door => {
    // Newer releases leave the setting out while nobody has set it.
    const newer = version !== undefined && !isBefore(version, SINCE.aliasHeadersStrategy);
    return newer || door.aliasHeaders !== undefined ? judgeAliases(door) : judgeUnderscores(door);
  });

  function judgeAliases({ name, aliasHeaders = 'keep' }: EntryPointView): Finding {
    return aliasHeaders === 'delete' || aliasHeaders === 'reject'
      ? aliases.ok('entry-point.aliases', `${name}: headers with aliasing names: ${aliasHeaders}`)
      : aliases.warning(
          'entry-point.aliases',
          `${name}: routers without the plugin, and headers with aliasing names are kept`,
          mend.entryPoint(name, { http: { aliasHeadersStrategy: 'delete' } }),
        );
  }

  function judgeUnderscores({ name, underscoreHeaders }: EntryPointView): Finding {
    if (underscoreHeaders === undefined) {
      return aliases.unseen(
        'entry-point.underscores',
        `${name}: this Traefik does not show its underscoreHeadersStrategy`,
      );
    }
    if (underscoreHeaders === 'keep') {
      return aliases.warning(
        'entry-point.underscores',
        `${name}: routers without the plugin, and headers with underscores are kept`,
        mend.entryPoint(name, { http: { underscoreHeadersStrategy: 'delete' } }),
      );
    }
    return aliases.ok(
      'entry-point.underscores',
      `${name}: headers with underscores: ${underscoreHeaders} (those with dots, as Remote.User, can be removed from Traefik ${SINCE.aliasHeadersStrategy.join('.')} on)`,
    );
  }
};
