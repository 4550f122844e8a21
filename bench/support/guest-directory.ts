import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  GRANT_DEFAULT_SLOTS,
  GRANT_SLOT_SIZE,
  KIND_BASIC,
  LABEL_SNAPSHOT,
  LABEL_STATE,
  POLICY_FILE_PREFIX,
} from '../../assembly/contract.ts';
import { systemClock } from '../../host/clock.ts';
import { Issuer, NO_SCOPE } from '../../host/grant/issuer.ts';
import { basicCredential, deriveGrantKeys } from '../../host/grant/keys.ts';
import type { Logger } from '../../host/log/logger.ts';
import type { PolicyDocument, Principal } from '../../host/policy/engine.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { deriveGuestKey, deriveKey } from '../../host/secret/derive.ts';
import { formatGuestKey } from '../../host/secret/secret.ts';
import { Publisher } from '../../host/snapshot/publisher.ts';
import type { Directory, User } from '../../host/users/directory.ts';
import { userEpoch } from '../../host/users/epoch.ts';
import { passwordOf } from './policy.ts';

export interface GuestFiles {
  /** State page with a living heartbeat, policy snapshot, grants of all principals. */
  readonly directory: string;
  readonly keyDirectory: string;
  readonly imageBytes: number;
  /** The policy snapshot's file. */
  readonly snapshotBytes: number;
  /** Ends the heartbeat. */
  stop(): void;
}

const quiet: Logger = {
  isEnabled: () => false,
  debug() {},
  info() {},
  warn: fail,
  error: fail,
} as unknown as Logger;

function fail(message: string): never {
  throw new Error(message);
}

/** Compiles a policy and writes it below `home`, with a grant for each principal. */
export function writeGuestFiles(
  home: string,
  policy: PolicyDocument,
  principals: readonly Principal[],
): GuestFiles {
  const compiled = loadEngine(join(process.cwd(), 'dist/embed.wasm')).compile(policy);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return publishGuestFiles(home, compiled.image, principals, GRANT_DEFAULT_SLOTS);
}

/** Writes a guest directory and key below `home` by the host's own parts, without its passwords. */
export function publishGuestFiles(
  home: string,
  image: Uint8Array,
  principals: readonly Principal[],
  slots: number,
): GuestFiles {
  const directory = join(home, 'guest');
  const keyDirectory = join(home, 'key');
  for (const path of [directory, keyDirectory]) mkdirSync(path, { mode: 0o750 });
  const guestKey = deriveGuestKey(randomBytes(32));
  writeFileSync(join(keyDirectory, 'guest.key'), formatGuestKey(guestKey), { mode: 0o640 });

  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  const shared = { clock: systemClock, random, log: quiet };
  const publisher = new Publisher({
    ...shared,
    directory,
    keys: { state: deriveKey(guestKey, LABEL_STATE), snapshot: deriveKey(guestKey, LABEL_SNAPSHOT) },
    geometry: { slotSize: GRANT_SLOT_SIZE, slots },
    offlineGraceSeconds: 900,
    mayWrite: () => true,
  });
  publisher.open(image, () => false);
  publisher.start();

  const users = new Map(principals.map(principal => [principal.username, userOf(principal)]));
  const issuer = new Issuer({
    ...shared,
    keys: deriveGrantKeys(guestKey),
    directory: { find: name => users.get(name) } as Directory,
    tables: publisher,
    lifetimeSeconds: 3_600,
    slotSize: GRANT_SLOT_SIZE,
    onResult: result => {
      if (result !== 'written') fail(`grant not written: ${result}`);
    },
  });
  for (const [username, { epoch }] of users) {
    const credential = basicCredential(username, passwordOf(username));
    issuer.issue({ username, epoch, kind: KIND_BASIC, level: 1, scope: NO_SCOPE, credential });
  }
  return {
    directory,
    keyDirectory,
    imageBytes: image.length,
    snapshotBytes: snapshotBytes(directory),
    stop: () => publisher.stop('stopped'),
  };
}

function snapshotBytes(directory: string): number {
  const names = readdirSync(directory).filter(name => name.startsWith(POLICY_FILE_PREFIX));
  return names.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

function userOf(principal: Principal): User {
  return { principal, disabled: false, digest: '', epoch: userEpoch(principal, false, '') };
}
