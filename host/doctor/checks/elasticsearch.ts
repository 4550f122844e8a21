import { firstElastic } from '../../config/domains.ts';
import { because, type Finding } from '../finding.ts';
import { forwardAuthOf } from '../layout.ts';
import { type Check, hasFailed, type Observation } from '../observation.ts';
import { asTexts } from '../traefik-view.ts';

const users = because('without Elasticsearch nobody new is let through to it: 503 until it answers.');
const passed = because(
  "without the host's `Authorization` Elasticsearch is told nobody, or whom the client says, and answers 401.",
);

/** Whether Elasticsearch is there, takes our own account, and is told who asks. */
export const checkElasticsearch: Check = seen => {
  const { elastic } = seen;
  if (elastic === undefined) return passedOn(seen);
  const { hosts, problem } = elastic;
  if (problem === undefined) {
    return [
      users.ok('elasticsearch.ready', `Elasticsearch takes our account (${hosts.join(', ')})`),
      ...passedOn(seen),
    ];
  }
  const { code, host, message, hint } = problem;
  return [
    users.error(
      'elasticsearch.unready',
      `Elasticsearch at ${host} cannot be used: ${message} (${code})`,
      `# ${hint}`,
    ),
    ...passedOn(seen),
  ];
};

/** Of domains that are marked: some forwardAuth that routers use must take over `Authorization`. */
function passedOn({ policy, layout, traefik, mend }: Observation): Finding[] {
  if (layout === undefined || hasFailed(traefik)) return [];
  const marked = firstElastic(policy.domains);
  const asking = [...traefik.middlewares.values()].filter(
    item => item.usedBy.length > 0 && forwardAuthOf(item) !== undefined,
  );
  // That nobody asks at all is said elsewhere.
  if (marked === undefined || asking.length === 0) return [];
  const takes = asking.some(item =>
    asTexts(forwardAuthOf(item)?.authResponseHeaders).some(name => name.toLowerCase() === 'authorization'),
  );
  return takes
    ? []
    : [
        passed.error(
          'elasticsearch.authorization',
          `${marked} is marked as Elasticsearch, and no forwardAuth has Authorization in authResponseHeaders`,
          mend.postern(`traefik ${marked} --service SERVICE --dynamic`),
        ),
      ];
}
