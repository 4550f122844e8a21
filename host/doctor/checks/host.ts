import { because, type Finding } from '../finding.ts';
import { type Check, hasFailed } from '../observation.ts';

const up = because(
  'without the host nobody new can sign in, and after offline_grace nobody is let in at all.',
);
const beats = because('a stale heartbeat makes the plugin answer 503 to whatever needs the host.');
const users = because(
  'while the users file cannot be read, changes to it, removed users among them, do not count.',
);
const grants = because('without its grant table every password is verified anew at every request.');

/** What the host says of itself at /health. */
export const checkHost: Check = ({ host, hostAddress, mend }) => {
  if (hasFailed(host)) {
    return [
      up.error(
        'host.down',
        `the host does not answer at ${hostAddress}: ${host.failed}`,
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
  if (host.grants !== 'ok') {
    findings.push(
      grants.warning(
        'host.grants',
        'the host has no grant table yet',
        '# another host holds the guest directory: end that one, or give this one a directory of its own\nguest:\n  directory: /run/postern-2',
      ),
    );
  }
  return findings;
};
