import { scratch } from '../bytes/scratch';
import { ByteWriter } from '../bytes/writer';
import {
  DIRECTORY_BAD_SNAPSHOT,
  DIRECTORY_BAD_STATE,
  DIRECTORY_GOOD,
  DIRECTORY_LARGE_SNAPSHOT,
  DIRECTORY_NO_SNAPSHOT,
  DIRECTORY_NO_STATE,
  DIRECTORY_NO_TABLE,
  DIRECTORY_OLD_STATE,
  DIRECTORY_OTHER_VERSION,
} from './guest-directory';
import { System } from './system';

/** The guest's log lines: what is wrong and what to do. Never a secret, never a client's bytes. */

/** Why the guest refuses every request; 0 when it does not. */
export const REFUSING_NO_KEY: i32 = 1;
export const REFUSING_BAD_KEY: i32 = 2;
export const REFUSING_SIZE: i32 = 3;
export const REFUSING_CONFIG: i32 = 4;
export const REFUSING_DIRECTORY: i32 = 5;
export const REFUSING_KEY_FILE: i32 = 6;
export const REFUSING_UNKNOWN_KEY: i32 = 7;
export const REFUSING_POLICY: i32 = 8;

const line = new ByteWriter(scratch);

/** One line when the guest begins to refuse; `problems` is shown for REFUSING_POLICY. */
export function reportRefusal(system: System, why: i32, problems: ByteWriter): void {
  line.reset();
  line.ascii('postern: ');
  line.ascii(refusalText(why));
  if (why == REFUSING_POLICY) line.bytes(problems.buf, 0, problems.len);
  line.ascii('; every request is answered with 503');
  system.logError(line.buf, line.len);
}

function refusalText(why: i32): string {
  switch (why) {
    case REFUSING_NO_KEY:
      return 'no guest key: name POSTERN_GUEST_KEY in settings.envs, or mount the file with what `postern secret guest` prints and name it as key_file (default /etc/postern/guest.key)';
    case REFUSING_BAD_KEY:
      return 'the guest key is not what `postern secret guest` prints: cut, mistyped, or another secret (the root secret never belongs here)';
    case REFUSING_SIZE:
      return 'plugin configuration: longer than 16 KiB; leave the rules to postern.yml';
    case REFUSING_CONFIG:
      return 'plugin configuration: not a JSON object';
    case REFUSING_DIRECTORY:
      return 'plugin configuration: directory must be an absolute path of at most 255 bytes';
    case REFUSING_KEY_FILE:
      return 'plugin configuration: key_file must be an absolute path of at most 255 bytes';
    case REFUSING_UNKNOWN_KEY:
      return 'plugin configuration: only directory and key_file mean something without access_control';
    default:
      return 'plugin configuration: ';
  }
}

/** One line whenever the guest directory becomes unusable, or for another reason than before. */
export function reportDirectory(system: System, condition: i32): void {
  if (condition == DIRECTORY_GOOD) return;
  line.reset();
  line.ascii('postern: guest directory: ');
  line.ascii(directoryText(condition));
  line.ascii(concerned(condition));
  line.ascii(' goes to the host');
  system.logWarning(line.buf, line.len);
}

function concerned(condition: i32): string {
  if (condition == DIRECTORY_NO_TABLE) return '; what needs a grant';
  return condition == DIRECTORY_LARGE_SNAPSHOT ? '; what needs it' : '; what needs a grant or a rule';
}

function directoryText(condition: i32): string {
  switch (condition) {
    case DIRECTORY_NO_STATE:
      return 'no state page: is `postern serve` running, and its guest.directory mounted (settings.mounts)?';
    case DIRECTORY_BAD_STATE:
      return 'the state page is damaged, or written with another secret or by another version';
    case DIRECTORY_OLD_STATE:
      return 'the state page is older than one seen before: the directory was rolled back, or two hosts write it';
    case DIRECTORY_NO_SNAPSHOT:
      return 'the policy snapshot that the state page names is missing';
    case DIRECTORY_BAD_SNAPSHOT:
      return 'the policy snapshot is damaged, or written with another secret';
    case DIRECTORY_OTHER_VERSION:
      return 'the policy snapshot was written by another version of Postern: give the proxy the plugin.wasm of the host';
    case DIRECTORY_LARGE_SNAPSHOT:
      return 'an expression or a list of networks in the policy is larger than the guest can hold';
    case DIRECTORY_NO_TABLE:
      return 'the grant table that the state page names is missing: the disk is full, or something removed it';
    default:
      return 'unusable';
  }
}
