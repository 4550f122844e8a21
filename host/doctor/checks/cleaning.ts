import { HEADER_REQUEST, HEADER_VERDICT } from '../../../assembly/contract.ts';
import { because, type Finding } from '../finding.ts';
import { forwardAuthOf, type PlacedRouter } from '../layout.ts';
import type { Check } from '../observation.ts';
import { asTree, type MiddlewareView } from '../traefik-view.ts';

const clean = because(
  'a service that shows or logs its headers would give the tag of the verdict away, which only the plugin may know.',
);
const late = because(
  'the host judges by Postern-Request; without it by forwarding headers, which a client may have written.',
);

/** `postern-clean` on every child, behind forwardAuth. */
export const checkCleaning: Check = ({ layout, mend }) => {
  const children = new Map(
    layout?.guards.flatMap(({ children }) => children).map(child => [child.name, child]),
  );
  return [...children.values()].map((child): Finding => {
    const at = child.chain.findIndex(removesOurs);
    const lines = `# name postern-clean last in the middlewares of ${child.name}\n${mend.middlewares('postern-clean')}`;
    if (at < 0) {
      return clean.warning(
        'child.unclean',
        `${child.name} does not remove ${HEADER_VERDICT} and ${HEADER_REQUEST}`,
        lines,
      );
    }
    if (asked(child) > at) {
      return late.error(
        'child.clean-order',
        `${child.name} runs postern-clean before it asks the host`,
        lines,
      );
    }
    return clean.ok('child.clean', `${child.name} removes our headers`);
  });
};

const asked = ({ chain }: PlacedRouter): number => chain.findIndex(item => forwardAuthOf(item) !== undefined);

function removesOurs({ settings }: MiddlewareView): boolean {
  const headers = asTree(asTree(settings.headers).customRequestHeaders);
  const removed = Object.entries(headers).flatMap(([name, value]) =>
    value === '' ? [name.toLowerCase()] : [],
  );
  return [HEADER_VERDICT, HEADER_REQUEST].every(name => removed.includes(name.toLowerCase()));
}
