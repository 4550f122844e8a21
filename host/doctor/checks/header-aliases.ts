import { because } from '../finding.ts';
import { forwardAuthOf } from '../layout.ts';
import { type Check, hasFailed } from '../observation.ts';

const aliases = because(
  'a client may send Remote_User beside Remote-User, which many services read as the same; the plugin removes every spelling, forwardAuth alone does not.',
);

/** Routers that ask the host without the plugin need Traefik to remove what the plugin would. */
export const checkHeaderAliases: Check = ({ traefik, layout, mend }) => {
  if (hasFailed(traefik) || layout === undefined) return [];
  const bare = layout.others.filter(({ chain }) => chain.some(item => forwardAuthOf(item) !== undefined));
  const doors = [...new Set(bare.flatMap(({ entryPoints }) => entryPoints))].flatMap(name => {
    const entryPoint = traefik.entryPoints.get(name);
    return entryPoint === undefined ? [] : [entryPoint];
  });
  return doors.map(({ name, underscoreHeaders }) => {
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
    return aliases.ok('entry-point.underscores', `${name}: headers with underscores: ${underscoreHeaders}`);
  });
};
