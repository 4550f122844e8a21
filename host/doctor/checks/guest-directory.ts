import { because, type Finding } from '../finding.ts';
import { shellWord } from '../mend.ts';
import type { Check } from '../observation.ts';

const exists = because(
  'host and plugin meet in the guest directory: what is not there is deferred or refused.',
);
const modes = because(
  'whoever writes there can bring revoked grants back, and whoever reads there can guess at credentials.',
);
const memory = because('on a disk grants outlive their revocation, and each reading is slower.');
const files = because(
  'a file that the state page names and that is not good makes the plugin ask the host about everything.',
);

/** The directory itself and the files that the state page names. */
export const checkGuestDirectory: Check = ({ directory, mend }) => {
  const { path } = directory;
  const word = shellWord(path);
  if (directory.problem === 'EACCES') {
    return [
      exists.unseen('directory.unseen', `${path} may not be read by this user: run doctor as the host's`),
    ];
  }
  if (directory.problem !== undefined || !directory.isDirectory) {
    return [
      exists.error(
        'directory.missing',
        `${path}: ${directory.problem ?? 'not a directory'}`,
        `# as the user that the host runs as\ninstall -d -m 750 ${word}\n# and in postern.yml\nguest:\n  directory: '${path}'`,
      ),
    ];
  }
  const findings: Finding[] = [];
  const octal = directory.mode.toString(8).padStart(4, '0');
  if ((directory.mode & 0o022) !== 0) {
    findings.push(
      modes.error('directory.mode', `${path} can be written by others (${octal})`, `chmod 750 ${word}`),
    );
  } else if ((directory.mode & 0o007) !== 0) {
    findings.push(
      modes.warning('directory.mode', `${path} can be entered by everybody (${octal})`, `chmod 750 ${word}`),
    );
  }
  const { owner } = directory.state;
  if (owner !== undefined && owner !== directory.owner && directory.owner !== 0) {
    findings.push(
      modes.error(
        'directory.owner',
        `${path} belongs to user ${directory.owner}, its state page to user ${owner}`,
        `chown ${owner} ${word}`,
      ),
    );
  }
  if (!directory.tmpfs) {
    findings.push(
      memory.warning(
        'directory.disk',
        `${path} is not on tmpfs`,
        `# in /etc/fstab\ntmpfs ${path} tmpfs size=64m,mode=0750,nodev,nosuid,noexec 0 0`,
      ),
    );
  }
  const renew = `# restart the host, which writes its files anew\n${mend.postern('serve')}`;
  const { snapshot, grants } = directory;
  if (snapshot?.problem !== undefined) {
    findings.push(files.error('directory.snapshot', `${snapshot.name}: ${snapshot.problem}`, renew));
  }
  if (grants?.problem !== undefined || (grants && grants.size !== grants.expectedSize)) {
    findings.push(
      files.error(
        'directory.grants',
        `${grants.name}: ${grants.problem ?? `${grants.size} bytes, not ${grants.expectedSize}`}`,
        renew,
      ),
    );
  }
  for (const file of [snapshot, grants]) {
    if (file !== undefined && (file.mode & 0o027) !== 0) {
      findings.push(
        modes.warning(
          'directory.file-mode',
          `${file.name} is open to others (${file.mode.toString(8).padStart(4, '0')})`,
          `chmod 640 ${shellWord(`${path}/${file.name}`)}`,
        ),
      );
    }
  }
  return findings.length > 0
    ? findings
    : [exists.ok('directory.good', `${path} is tmpfs with mode ${octal}`)];
};
