import { because, type Finding } from '../finding.ts';
import type { HostView } from '../host-view.ts';
import { type Check, hasFailed } from '../observation.ts';

const up = because(
  'without the host nobody new can sign in, and after offline_grace nobody is let in at all.',
);
const beats = because('a stale heartbeat makes the plugin answer 503 to whatever needs the host.');
const users = because(
  'while the users file cannot be read, changes to it, removed users among them, do not count.',
);
const grants = because('without its grant table every password is verified anew at every request.');

const store = because(
  'without the store hosts know nothing of each other: sign-outs and bans stay where they happened, and what one host has found out the next finds out again.',
);

/** What the host says of itself at /health. */
export const checkHost: Check = ({ host, hostAddress, mend }) => {
  if (hasFailed(host)) {
    return [
      up.error(
        'host.down',
        `the host cannot be asked at ${hostAddress}: ${host.failed}`,
        `# start it, or name its address with --host-address\n${mend.postern('serve')}`,
      ),
    ];
  }
  const findings: Finding[] = [up.ok('host.up', `the host answers at ${hostAddress}`)];
  if (host.heartbeat !== 'ok') {
    findings.push(
      beats.error(
        'host.heartbeat',
        'the host says that its heartbeat is stale',
        `# see its log: another host may hold the guest directory, or its disk be full; one host per directory\n${mend.postern('serve')}`,
      ),
    );
  }
  if (host.users !== 'ok') {
    findings.push(
      users.error(
        'host.users',
        'the host says that the users file cannot be used; the users read before stay in force',
        '# the log of `postern serve` names file and line; mend them there, it reads the file again by itself',
      ),
    );
  }
  // A host that is cut off from its store writes none on purpose.
  if (host.grants !== 'ok' && (host.store?.status ?? 'ok') === 'ok') {
    findings.push(
      grants.warning(
        'host.grants',
        'the host has no grant table yet',
        '# another host holds the guest directory: end that one, or give this one a directory of its own\nguest:\n  directory: /run/postern-2',
      ),
    );
  }
  if (host.store !== undefined) findings.push(judgeStore(host.store));
  return findings;
};

function judgeStore({ status, address, reason, hint }: NonNullable<HostView['store']>): Finding {
  if (status === 'ok') return store.ok('host.store', `the host uses the shared store at ${address}`);
  const what = status === 'full' ? 'takes nothing new' : 'cannot be asked';
  return store.error('host.store', `the shared store at ${address} ${what}: ${reason}`, `# ${hint}`);
}
