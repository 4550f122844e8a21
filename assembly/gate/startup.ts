import { equalsAscii } from '../bytes/ascii';
import { copy } from '../bytes/bytes';
import { literal } from '../bytes/literal';
import { scratch } from '../bytes/scratch';
import { ByteWriter } from '../bytes/writer';
import { Sha256 } from '../crypto/sha256';
import { openResident } from '../policy/view';
import { compilePolicy, GUEST_POLICY_BYTES, releaseCompiler, reserveForGuest } from '../snapshot/compile';
import {
  checkJson,
  findValue,
  firstItem,
  JSON_OBJECT,
  JSON_STRING,
  keyValue,
  kindOf,
  nextItem,
  readString,
  rootValue,
} from '../snapshot/json';
import { problems } from '../snapshot/problems';
import { Exchange } from './exchange';
import { Gate } from './gate';
import {
  REFUSING_BAD_KEY,
  REFUSING_CONFIG,
  REFUSING_DIRECTORY,
  REFUSING_KEY_FILE,
  REFUSING_NO_KEY,
  REFUSING_POLICY,
  REFUSING_SIZE,
  REFUSING_UNKNOWN_KEY,
} from './report';
import { System } from './system';

/** Longest path or key text. */
const MAX_SETTING: i32 = 256;
/** Image of an inline policy: its text is at most as long. */
const MAX_INLINE_IMAGE: i32 = 16 * 1024;

const DEFAULT_DIRECTORY = literal('/run/postern');
const DEFAULT_KEY_FILE = literal('/etc/postern/guest.key');
const EMPTY = new StaticArray<u8>(0);

/**
 * Makes a gate of the plugin's configuration and key. Compiling an inline
 * policy takes room that the gate needs later, so the gate's buffers come last,
 * when the compiler's have been collected.
 */
export class Startup {
  private directory: ByteWriter = new ByteWriter(new StaticArray<u8>(MAX_SETTING));
  private keyFile: ByteWriter = new ByteWriter(new StaticArray<u8>(MAX_SETTING));
  private keyText: StaticArray<u8> = new StaticArray<u8>(MAX_SETTING);
  /** Image of the inline policy; empty when there is none. */
  private inline: ByteWriter = new ByteWriter(EMPTY);

  constructor(
    private exchange: Exchange,
    private system: System,
  ) {}

  /** Reads the configuration; 0 or REFUSING_…. */
  configure(): i32 {
    let len = this.system.config(scratch);
    if (len < 0 || len > GUEST_POLICY_BYTES) return REFUSING_SIZE;
    let text = new StaticArray<u8>(len);
    copy(text, 0, scratch, 0, len);
    let code = this.readConfig(text, len);
    if (code != REFUSING_POLICY) releaseCompiler(); // else the problems are still to be reported
    return code;
  }

  /** The gate, with its key; null while there is no key or a bad one, see `keyCondition`. */
  open(): Gate | null {
    let len = this.readKey();
    if (len <= 0) {
      this.keyCondition = REFUSING_NO_KEY;
      return null;
    }
    __collect();
    let gate = new Gate(this.exchange, this.system, this.inline.len > 0);
    let good = gate.setKey(this.keyText, 0, len);
    memory.fill(changetype<usize>(this.keyText), 0, MAX_SETTING);
    if (!good) {
      this.keyCondition = REFUSING_BAD_KEY;
      return null;
    }
    gate.directory.locate(this.directory.buf, 0, this.directory.len);
    if (this.inline.len > 0) {
      let sha256 = new Sha256();
      sha256.update(this.inline.buf, 0, this.inline.len);
      sha256.digest(gate.inlineId, 0);
      openResident(this.inline.buf, 0, this.inline.len);
    }
    return gate;
  }

  /** Why `open` gave no gate: REFUSING_NO_KEY or REFUSING_BAD_KEY. */
  keyCondition: i32 = REFUSING_NO_KEY;

  private readConfig(text: StaticArray<u8>, end: i32): i32 {
    if (end == 0 || checkJson(text, 0, end) != 0) return REFUSING_CONFIG;
    let root = rootValue(text, 0, end);
    if (kindOf(text, root) != JSON_OBJECT) return REFUSING_CONFIG;
    if (!readSetting(text, root, end, 'directory', DEFAULT_DIRECTORY, this.directory))
      return REFUSING_DIRECTORY;
    if (!isAbsolute(this.directory)) return REFUSING_DIRECTORY;
    if (!readSetting(text, root, end, 'key_file', DEFAULT_KEY_FILE, this.keyFile)) return REFUSING_KEY_FILE;
    if (!isAbsolute(this.keyFile)) return REFUSING_KEY_FILE;
    if (findValue(text, root, end, 'access_control') >= 0) return this.readPolicy(text, end);
    return hasOnlySettings(text, root, end) ? 0 : REFUSING_UNKNOWN_KEY;
  }

  /** Compiles an inline policy. */
  private readPolicy(text: StaticArray<u8>, end: i32): i32 {
    this.inline.buf = new StaticArray<u8>(MAX_INLINE_IMAGE);
    this.inline.reset();
    reserveForGuest();
    return compilePolicy(text, 0, end, this.inline) == 0 ? 0 : REFUSING_POLICY;
  }

  /** Length of the guest key's text in `keyText`, from the environment or the file; not positive when there is none. */
  private readKey(): i32 {
    let len = this.system.variable('POSTERN_GUEST_KEY', this.keyText);
    if (len > 0) return len;
    let fd = this.system.open(this.keyFile.buf, this.keyFile.len);
    if (fd < 0) return -1;
    len = this.system.read(fd, 0, this.keyText, 0, MAX_SETTING);
    this.system.close(fd);
    return len;
  }
}

/** What the policy compiler found, JSON text of an array. */
export function policyProblems(): ByteWriter {
  return problems;
}

function readSetting(
  text: StaticArray<u8>,
  root: i32,
  end: i32,
  key: string,
  fallback: StaticArray<u8>,
  out: ByteWriter,
): bool {
  let value = findValue(text, root, end, key);
  out.reset();
  if (value < 0) {
    out.bytes(fallback, 0, fallback.length);
    return true;
  }
  if (kindOf(text, value) != JSON_STRING) return false;
  readString(text, value, end, out);
  return out.len > 0 && !out.overflow;
}

function isAbsolute(path: ByteWriter): bool {
  return path.len > 1 && path.buf[0] == 0x2f;
}

/** Without `access_control` the other keys of a policy would be ignored: better said than kept quiet. */
function hasOnlySettings(text: StaticArray<u8>, root: i32, end: i32): bool {
  for (let key = firstItem(text, root, end); key >= 0; ) {
    let value = keyValue(text, key, end);
    if (!isKey(text, key, 'directory') && !isKey(text, key, 'key_file')) return false;
    key = nextItem(text, value, end);
  }
  return true;
}

function isKey(text: StaticArray<u8>, at: i32, key: string): bool {
  return equalsAscii(text, at + 1, at + 1 + key.length, key) && text[at + 1 + key.length] == 0x22;
}
