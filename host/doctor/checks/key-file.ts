import { because, type Finding } from '../finding.ts';
import { shellWord } from '../mend.ts';
import type { Check } from '../observation.ts';

const right = because(
  'with another key the plugin cannot read what the host writes, and its verdicts match no router.',
);
const secret = because('guest directory and guest key together allow guessing at credentials offline.');
const root = because(
  'the plugin is given the whole directory of its key, and with the root secret Traefik could do everything.',
);

/** The guest key that Traefik is given, when its file is named. */
export const checkKeyFile: Check = ({ keyFile, previousTag, mend }) => {
  if (keyFile === undefined) {
    return [
      right.unseen('key.unseen', 'the guest key of Traefik was not looked at: name its file with --key-file'),
    ];
  }
  const { path, mode, key, problem } = keyFile;
  const word = shellWord(path);
  const renew = `rm -f ${word}\n${mend.postern('secret guest')} --out ${word}`;
  const findings: Finding[] = [];
  switch (key) {
    case 'current':
      break;
    case 'previous':
      findings.push(
        right.warning(
          'key.previous',
          `${path} is the key of the previous secret: the plugin with it defers everything`,
          renew,
        ),
      );
      break;
    case 'foreign':
      findings.push(
        right.error(
          'key.foreign',
          `${path} is a guest key of another secret${previousTag === undefined ? '' : ', neither this one nor the previous'}`,
          renew,
        ),
      );
      break;
    default:
      findings.push(
        problem === 'EACCES'
          ? right.unseen('key.unseen', `${path} may not be read by this user`)
          : right.error('key.bad', `${path}: ${problem ?? 'unreadable'}`, renew),
      );
  }
  if (mode !== undefined && (mode & 0o027) !== 0) {
    findings.push(
      secret.error(
        'key.mode',
        `${path} is open to others (${mode.toString(8).padStart(4, '0')})`,
        `chmod 640 ${word}`,
      ),
    );
  }
  if (keyFile.besideSecret) {
    findings.push(
      root.error(
        'key.beside-secret',
        `${path} lies in the directory of the root secret`,
        '# in a directory of its own\n/etc/postern/traefik/guest.key',
      ),
    );
  }
  return findings.length > 0 ? findings : [right.ok('key.right', `${path} holds this secret's guest key`)];
};
