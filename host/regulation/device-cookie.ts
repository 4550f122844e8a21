import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { deriveKey } from '../secret/derive.ts';

/** `__Host-`: set by the portal for itself alone, so no sister domain can plant one. */
export const DEVICE_COOKIE = '__Host-postern_device';
/** Who stays away longer is unknown again. */
export const DEVICE_SECONDS = 365 * 86_400;
/** Of one browser: a family's computer. The one who signed in longest ago goes first. */
export const MAX_DEVICE_USERS = 4;

/** HKDF label under the root secret. */
const LABEL_DEVICE = 'device';
const VERSION = 1;
const ID_LENGTH = 16;
const TIME_LENGTH = 4;
const MAC_LENGTH = 16;
/** 36 bytes need no padding, so each entry has one text. */
const ENTRY = /^[A-Za-z0-9_-]{48}$/;

export interface DeviceCookiesDeps {
  /** Makes and verifies. */
  readonly secret: Uint8Array;
  /** Verifies alone. */
  readonly previousSecret?: Uint8Array | undefined;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: (bytes: number) => Uint8Array;
}

/**
 * Says that somebody signed in as this user in this browser before. Nobody gets in
 * by it: all it is good for is a counter of failed attempts of its own, so that
 * strangers who guess cannot lock the owner out.
 *
 * The value is at most four entries with `.` between them, each base64url of
 * id (16) ‖ u32le seconds since 1970 ‖ MAC (16); the name of the user is in the
 * MAC alone, so that the cookie tells nobody who lives here.
 */
export class DeviceCookies {
  readonly #keys: readonly Uint8Array[];
  readonly #clock: Pick<Clock, 'now'>;
  readonly #random: (bytes: number) => Uint8Array;

  constructor({ secret, previousSecret, clock, random }: DeviceCookiesDeps) {
    const secrets = previousSecret === undefined ? [secret] : [secret, previousSecret];
    this.#keys = secrets.map(root => deriveKey(root, LABEL_DEVICE));
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * After a sign-in: a value for `Set-Cookie`.
   *
   * @param username the account's own name, not what was typed
   * @param previous the value that the browser sent: other users stay in it, and this one keeps their id
   */
  make(username: string, previous = ''): { readonly id: string; readonly cookie: string } {
    const entries = entriesOf(previous);
    const others = entries.filter(entry => this.#idOf(entry, username) === undefined);
    const id = this.verify(previous, username) ?? Buffer.from(this.#random(ID_LENGTH)).toString('base64url');
    const head = Buffer.alloc(ID_LENGTH + TIME_LENGTH);
    Buffer.from(id, 'base64url').copy(head);
    head.writeUInt32LE(Math.floor(this.#clock.now() / 1_000), ID_LENGTH);
    const own = Buffer.concat([head, mac(this.#keys[0] as Uint8Array, head, username)]).toString('base64url');
    const value = [own, ...others.slice(0, MAX_DEVICE_USERS - 1)].join('.');
    const attributes = `Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${DEVICE_SECONDS}`;
    return { id, cookie: `${DEVICE_COOKIE}=${value}; ${attributes}` };
  }

  /**
   * The device's id when this user signed in there within a year.
   *
   * @param value the cookie's, undefined when there is none or more than one
   * @param username the account's own name
   */
  verify(value: string | undefined, username: string): string | undefined {
    for (const entry of entriesOf(value ?? '')) {
      const id = this.#idOf(entry, username);
      if (id !== undefined) return id;
    }
    return undefined;
  }

  #idOf(entry: string, username: string): string | undefined {
    const bytes = Buffer.from(entry, 'base64url');
    const head = bytes.subarray(0, ID_LENGTH + TIME_LENGTH);
    const given = bytes.subarray(head.length);
    if (!this.#keys.some(key => timingSafeEqual(mac(key, head, username), given))) return undefined;
    const age = this.#clock.now() / 1_000 - head.readUInt32LE(ID_LENGTH);
    return age <= DEVICE_SECONDS ? head.toString('base64url', 0, ID_LENGTH) : undefined;
  }
}

/** None when there is anything in it that we do not write. */
function entriesOf(value: string): readonly string[] {
  const entries = value.split('.', MAX_DEVICE_USERS + 1);
  return entries.length <= MAX_DEVICE_USERS && entries.every(entry => ENTRY.test(entry)) ? entries : [];
}

function mac(key: Uint8Array, head: Uint8Array, username: string): Buffer {
  const hmac = createHmac('sha256', key).update(Uint8Array.of(VERSION)).update(head).update(username, 'utf8');
  return hmac.digest().subarray(0, MAC_LENGTH);
}
