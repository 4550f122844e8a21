import { ByteWriter } from '../bytes/writer';
import {
  DIRECTORY_BAD_SNAPSHOT,
  DIRECTORY_BAD_STATE,
  DIRECTORY_GOOD,
  DIRECTORY_LARGE_SNAPSHOT,
  DIRECTORY_NO_SNAPSHOT,
  DIRECTORY_NO_STATE,
} from './guest-directory';
import { scratch } from './scratch';
import { System } from './system';

/** The guest's log lines: what is wrong and what to do. Never a secret, never a client's bytes. */

const line = new ByteWriter(scratch);

/** Why the guest refuses every request. */
export const REFUSING_NO_KEY: i32 = 1;
export const REFUSING_BAD_KEY: i32 = 2;
export const REFUSING_CONFIG: i32 = 3;
export const REFUSING_POLICY: i32 = 4;

/** One line when the guest begins to refuse; `detail` is the first problem of the configuration. */
export function reportRefusal(system: System, why: i32, detail: ByteWriter): void {
  line.reset();
  line.ascii('postern: ');
  if (why == REFUSING_NO_KEY) {
    line.ascii(
      'no guest key: name POSTERN_GUEST_KEY in settings.envs, or mount the file that `postern secret guest` ' +
        'filled (settings.mounts) and give its path as key_file, default /etc/postern/guest.key',
    );
  } else if (why == REFUSING_BAD_KEY) {
    line.ascii(
      'the guest key is not what `postern secret guest` prints: cut, mistyped, or another secret ' +
        '(the root secret never belongs here)',
    );
  } else {
    line.ascii('plugin configuration: ');
    line.bytes(detail.buf, 0, detail.len);
  }
  line.ascii('; every request is answered with 503');
  system.logError(line.buf, line.len);
}

/** One line whenever the guest directory becomes unusable, or for another reason than before. */
export function reportDirectory(system: System, condition: i32): void {
  if (condition == DIRECTORY_GOOD) return;
  line.reset();
  line.ascii('postern: guest directory: ');
  switch (condition) {
    case DIRECTORY_NO_STATE:
      line.ascii(
        'no state page: is `postern serve` running, and its guest.directory mounted (settings.mounts)? ' +
          'Every request that needs a grant or a rule goes to the host',
      );
      break;
    case DIRECTORY_BAD_STATE:
      line.ascii(
        'the state page was written with another secret or by another version, or is damaged; ' +
          'every request that needs a grant or a rule goes to the host',
      );
      break;
    case DIRECTORY_NO_SNAPSHOT:
      line.ascii('the policy snapshot that the state page names is missing; every request goes to the host');
      break;
    case DIRECTORY_BAD_SNAPSHOT:
      line.ascii(
        'the policy snapshot was written with another secret or by another version, or is damaged; ' +
          'every request goes to the host',
      );
      break;
    case DIRECTORY_LARGE_SNAPSHOT:
      line.ascii('the policy is larger than the guest can hold; every request goes to the host');
      break;
    default:
      line.ascii('unknown condition');
  }
  system.logWarning(line.buf, line.len);
}
