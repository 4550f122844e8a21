import { createHmac } from 'node:crypto';
import {
  FORMAT_VERSION,
  LABEL_INDEX,
  LABEL_RECORD,
  LABEL_USER,
  RECORD_EPOCH,
  RECORD_USER_TAG,
} from '../../assembly/contract.ts';
import { deriveKey } from '../secret/derive.ts';

/** Keys of the grant table, 32 bytes each. */
export interface GrantKeys {
  readonly index: Uint8Array;
  readonly record: Uint8Array;
  readonly user: Uint8Array;
}

/** @param guestKey 32 bytes */
export function deriveGrantKeys(guestKey: Uint8Array): GrantKeys {
  return {
    index: deriveKey(guestKey, LABEL_INDEX),
    record: deriveKey(guestKey, LABEL_RECORD),
    user: deriveKey(guestKey, LABEL_USER),
  };
}

/** T of `contract.ts`: 32 bytes from a credential; its beginning is the lookup tag. */
export function grantTag(
  keys: GrantKeys,
  kind: number,
  scope: Uint8Array,
  credential: Uint8Array,
): Uint8Array {
  return createHmac('sha256', keys.index)
    .update(Uint8Array.of(FORMAT_VERSION, kind))
    .update(u32(scope.length))
    .update(scope)
    .update(u32(credential.length))
    .update(credential)
    .digest();
}

/** Names a user in a record's clear header, 16 bytes. */
export function userTag(keys: GrantKeys, username: string): Uint8Array {
  const mac = createHmac('sha256', keys.user).update(username, 'utf8').digest();
  return mac.subarray(0, RECORD_EPOCH - RECORD_USER_TAG);
}

/** A Basic credential as it enters T: name, `:`, password. */
export function basicCredential(username: string, password: string): Uint8Array {
  return Buffer.from(`${username}:${password}`, 'utf8');
}

function u32(value: number): Uint8Array {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}
