import { copy } from '../bytes/bytes';
import { arrayOf, bytesOf } from '../bytes/loader';
import { GRANT_MAX_SLOT_SIZE, GRANT_WAYS } from '../contract';
import { GuestKeys } from './guest-keys';
import { credentialTag, TAG_LENGTH } from './seal';
import { GrantTable, SlotFile } from './table';

/** This folder for the loader. The only file here that allocates per call. */

/** A table of one set, all slots the same size, held in memory. */
class MemoryTable extends SlotFile {
  slots: StaticArray<u8> = new StaticArray<u8>(GRANT_WAYS * GRANT_MAX_SLOT_SIZE);
  reads: i32 = 0;

  read(offset: u64, buf: StaticArray<u8>, len: i32): i32 {
    this.reads++;
    return copy(buf, 0, this.slots, <i32>offset, len) ? len : -1;
  }
}

const keys = new GuestKeys();
const table = new GrantTable();
const inMemory = new MemoryTable();
const tag = new StaticArray<u8>(TAG_LENGTH);
const id = new StaticArray<u8>(16);

/** Derives all keys from the text of a guest key; false when it is none. */
export function grantKeys(text: Uint8Array): bool {
  return keys.fromText(bytesOf(text), 0, text.length);
}

/** T of a credential; the scope is empty but for sessions. */
export function grantTag(kind: i32, scope: Uint8Array, credential: Uint8Array): Uint8Array {
  let domain = bytesOf(scope);
  credentialTag(keys, kind, domain, 0, domain.length, bytesOf(credential), 0, credential.length, tag);
  return arrayOf(tag, 0, TAG_LENGTH);
}

/** Tag in hexadecimal as it ends the verdict header's value. */
export function grantVerdictTag(): Uint8Array {
  return arrayOf(keys.verdictTag, 0, keys.verdictTag.length);
}

/** Empties the table in memory. */
export function grantClear(): void {
  inMemory.slots.fill(0);
}

/** Puts a record into slot `way` of the one set. */
export function grantPut(way: i32, slotSize: i32, record: Uint8Array): void {
  copy(inMemory.slots, way * slotSize, bytesOf(record), 0, record.length);
}

/** Looks T up; the claims, empty for a miss. Level and times by `grantFound`. */
export function grantFind(
  t: Uint8Array,
  kind: i32,
  tableId: Uint8Array,
  slotSize: i32,
  now: u64,
): Uint8Array {
  inMemory.reads = 0;
  copy(id, 0, bytesOf(tableId), 0, id.length);
  if (!table.find(keys, inMemory, id, 0, slotSize, GRANT_WAYS, bytesOf(t), kind, now))
    return new Uint8Array(0);
  return arrayOf(table.claims.buf, 0, table.claimsLength);
}

export function grantFoundLevel(): i32 {
  return table.level;
}

/** From when on the host wants to be asked about the one found last; all bits for never. */
export function grantFoundRefresh(): u64 {
  return table.refresh;
}

/** Slots read by the last search. */
export function grantReads(): i32 {
  return inMemory.reads;
}
