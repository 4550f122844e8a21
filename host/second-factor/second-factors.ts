import type { QrCode } from './qr.ts';

/** The second factors of users: time-based codes of their devices, and recovery codes. */
export interface SecondFactors {
  /** In the order in which they were registered. */
  devices(username: string): Promise<readonly Device[]>;
  recoveryCodesLeft(username: string): Promise<number>;
  /** Takes a code of any of the user's devices; each works once, whoever asks at the same time. */
  verifyCode(username: string, code: string): Promise<Verified>;
  verifyRecoveryCode(username: string, code: string): Promise<Verified>;
  /** A new secret, kept for this session until a code of it confirms it; the one before is forgotten. */
  beginRegistration(who: Who): Promise<Registration>;
  /** The one that was begun, for showing it once more. */
  pendingRegistration(who: Who): Promise<Registration | undefined>;
  finishRegistration(who: Who, entered: { readonly code: string; readonly name: string }): Promise<Finished>;
  removeDevice(username: string, id: string): Promise<boolean>;
  /** New ones in the place of all of before. */
  newRecoveryCodes(username: string): Promise<readonly string[]>;
}

export interface Device {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
}

/** Whoever is at it, in which session: what one session began no other one ends. */
export interface Who {
  readonly username: string;
  readonly sessionId: string;
}

/** `too-many`: not looked at, because of the failures before. */
export type Verified = 'good' | 'bad' | 'too-many';

export interface Registration {
  /** In base32, for typing it. */
  readonly secret: string;
  /** `otpauth://totp/…`. */
  readonly uri: string;
  /** The same for a camera. */
  readonly qr: QrCode;
}

/**
 * `gone`: nothing was begun, or it has expired, or there were too many failures:
 * begin anew. `full`: the user has as many devices as anybody may.
 */
export type Finished =
  | {
      readonly state: 'good';
      /** The first ones, to be shown once; undefined when those of before still work. */
      readonly recoveryCodes: readonly string[] | undefined;
    }
  | { readonly state: 'bad' | 'gone' | 'full' };
