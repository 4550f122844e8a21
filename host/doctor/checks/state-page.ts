import { CLOCK_SKEW_MS, HEARTBEAT_STALE_MS } from '../../../assembly/contract.ts';
import { because } from '../finding.ts';
import type { Check } from '../observation.ts';

const page = because(
  'the plugin takes no grant and no policy from a directory whose state page is stale or sealed with another key.',
);

/** The heartbeat as the plugin sees it. */
export const checkStatePage: Check = ({ directory, now, mend }) => {
  const serve = mend.postern('serve');
  if (directory.problem !== undefined || !directory.isDirectory) return [];
  const { state, path } = directory;
  if (state.problem !== undefined) {
    return state.problem === 'EACCES'
      ? [page.unseen('state.unseen', `${path}/state may not be read by this user: run doctor as the host's`)]
      : [
          page.error(
            'state.missing',
            `${path}/state: ${state.problem}`,
            `# start the host with this guest.directory\n${serve}\n# in postern.yml\nguest:\n  directory: '${path}'`,
          ),
        ];
  }
  if (state.page === undefined) {
    return state.previous
      ? [
          page.error(
            'state.key',
            'the state page is sealed with the previous secret: the host runs with the old one',
            `# restart the host with the new secret\n${serve}`,
          ),
        ]
      : [
          page.error(
            'state.key',
            'the state page is damaged, or written with another secret or by another version',
            `# give host and doctor the same secret, then restart the host\nPOSTERN_SECRET_FILE=/etc/postern/secret ${serve}`,
          ),
        ];
  }
  if (state.page.stopped) {
    return [page.error('state.stopped', 'the host has stopped', serve)];
  }
  const age = now - state.page.wallTime;
  if (age > HEARTBEAT_STALE_MS) {
    return [
      page.error(
        'state.stale',
        `the heartbeat is ${Math.round(age / 1_000)} s old`,
        `# the host is gone, or writes to another directory\n${serve}\n# in postern.yml\nguest:\n  directory: '${path}'`,
      ),
    ];
  }
  if (age < -CLOCK_SKEW_MS) {
    return [
      page.error(
        'state.future',
        `the heartbeat is ${Math.round(-age / 1_000)} s ahead`,
        'timedatectl set-ntp true',
      ),
    ];
  }
  return [
    page.ok('state.fresh', `the heartbeat is ${Math.max(age, 0)} ms old and sealed with this secret's key`),
  ];
};
