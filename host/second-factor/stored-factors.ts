import type { Cache } from '../cache/cache.ts';
import type { Clock } from '../clock.ts';
import type { TotpSetup } from '../config/totp.ts';
import { UNSAFE } from '../log/printable.ts';
import type { FactorStore } from '../store/store.ts';
import { Attempts } from './attempts.ts';
import { type Pending, PendingSecrets } from './pending.ts';
import { qrCode } from './qr.ts';
import { asciiDigits } from './random-text.ts';
import { makeRecoveryCodes, readRecoveryCode, shownRecoveryCode } from './recovery-codes.ts';
import type { Device, Finished, Registration, SecondFactors, Verified, Who } from './second-factors.ts';
import { base32, keyUri, matchingStep } from './totp.ts';

/** Each is compared at each sign-in, and each makes guessing easier. */
export const MAX_DEVICES = 10;
export const MAX_DEVICE_NAME = 50;

export interface StoredFactorsDeps {
  readonly setup: TotpSetup;
  readonly store: FactorStore;
  readonly cache: Cache;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: (bytes: number) => Uint8Array;
}

/** Second factors in the database, shared by all hosts that have the same one. */
export class StoredFactors implements SecondFactors {
  readonly #deps: StoredFactorsDeps;
  readonly #attempts: Attempts;
  readonly #pending: PendingSecrets;

  constructor(deps: StoredFactorsDeps) {
    this.#deps = deps;
    this.#attempts = new Attempts(deps.cache);
    this.#pending = new PendingSecrets(deps.cache);
  }

  async devices(username: string): Promise<readonly Device[]> {
    const devices = await this.#deps.store.ofUser(username);
    return devices.map(({ id, name, createdAt }) => ({ id, name, createdAt }));
  }

  recoveryCodesLeft(username: string): Promise<number> {
    return this.#deps.store.recoveryCodesLeft(username);
  }

  async verifyCode(username: string, code: string): Promise<Verified> {
    const digits = normalDigits(code);
    if (digits === undefined) return 'bad';
    const { store, setup, clock } = this.#deps;
    return this.#limited(username, async () => {
      const now = clock.now();
      const found: { readonly id: string; readonly step: number }[] = [];
      for (const device of await store.ofUser(username)) {
        const step = matchingStep(device, digits, now, setup.skew);
        if (step !== undefined) found.push({ id: device.id, step });
      }
      // Of several devices that show it by chance each is used, so that it works once all the same.
      for (const { id, step } of found) if (!(await store.useStep(username, id, step))) return false;
      return found.length > 0;
    });
  }

  async verifyRecoveryCode(username: string, code: string): Promise<Verified> {
    const read = readRecoveryCode(code);
    if (read === undefined) return 'bad';
    return this.#limited(username, () => this.#deps.store.useRecoveryCode(username, read));
  }

  async beginRegistration(who: Who): Promise<Registration> {
    const { setup, random } = this.#deps;
    const { algorithm, digits, period, secretSize } = setup;
    const pending = { id: randomId(random), secret: random(secretSize), algorithm, digits, period };
    await this.#pending.put(who, pending);
    return this.#registration(who, pending);
  }

  async pendingRegistration(who: Who): Promise<Registration | undefined> {
    const pending = await this.#pending.find(who);
    return pending === undefined ? undefined : this.#registration(who, pending);
  }

  async finishRegistration(
    who: Who,
    { code, name }: { readonly code: string; readonly name: string },
  ): Promise<Finished> {
    const { store, setup, clock, random } = this.#deps;
    const pending = await this.#pending.find(who);
    if (pending === undefined) return { state: 'gone' };
    if (!(await this.#pending.mayTry(pending))) {
      await this.#pending.take(who);
      return { state: 'gone' };
    }
    const digits = normalDigits(code);
    const now = clock.now();
    const lastStep = digits === undefined ? undefined : matchingStep(pending, digits, now, setup.skew);
    if (lastStep === undefined) return { state: 'bad' };
    const devices = await store.ofUser(who.username);
    if (devices.length >= MAX_DEVICES) return { state: 'full' };
    if (!(await this.#pending.take(who))) return { state: 'gone' };
    const { secret, algorithm, digits: length, period } = pending;
    await store.add({
      id: randomId(random),
      username: who.username,
      name: deviceName(name, devices),
      ...{ secret, algorithm, digits: length, period, lastStep, createdAt: now },
    });
    const left = await store.recoveryCodesLeft(who.username);
    const recoveryCodes = left > 0 ? undefined : await this.newRecoveryCodes(who.username);
    return { state: 'good', recoveryCodes };
  }

  async removeDevice(username: string, id: string): Promise<boolean> {
    const { store } = this.#deps;
    if (!(await store.remove(username, id))) return false;
    // Recovery codes stand in for a device; without one they would be a second factor that nobody sees.
    if ((await store.ofUser(username)).length === 0) await store.setRecoveryCodes(username, []);
    return true;
  }

  async newRecoveryCodes(username: string): Promise<readonly string[]> {
    const codes = makeRecoveryCodes(this.#deps.random);
    await this.#deps.store.setRecoveryCodes(username, codes);
    return codes.map(shownRecoveryCode);
  }

  async #limited(username: string, verify: () => Promise<boolean>): Promise<Verified> {
    if (!(await this.#attempts.take(username))) return 'too-many';
    if (!(await verify())) return 'bad';
    await this.#attempts.giveBack(username);
    return 'good';
  }

  #registration({ username }: Who, pending: Pending): Registration {
    const uri = keyUri(pending, { issuer: this.#deps.setup.issuer, username });
    return { secret: base32(pending.secret), uri, qr: qrCode(uri) };
  }
}

/** Six or eight digits, as some type them: `123 456`, or `١٢٣٤٥٦`. */
function normalDigits(typed: string): string | undefined {
  const digits = asciiDigits(typed).replace(/\s/g, '');
  return /^(\d{6}|\d{8})$/.test(digits) ? digits : undefined;
}

/** What people call it, in one short line; else its number. */
function deviceName(typed: string, devices: readonly Device[]): string {
  const name = typed.replace(UNSAFE, ' ').replace(/\s+/g, ' ').trim();
  return [...name].slice(0, MAX_DEVICE_NAME).join('') || `Authenticator ${devices.length + 1}`;
}

function randomId(random: (bytes: number) => Uint8Array): string {
  return Buffer.from(random(16)).toString('base64url');
}
