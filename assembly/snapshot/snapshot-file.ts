import { readU32, sameBytes, wipe, writeU32 } from '../bytes/bytes';
import {
  ID_LENGTH,
  SNAPSHOT_FORMAT,
  SNAPSHOT_HEADER_LENGTH,
  SNAPSHOT_HEADER_NONCE,
  SNAPSHOT_ID,
  SNAPSHOT_IMAGE_LENGTH,
  SNAPSHOT_MAGIC,
  SNAPSHOT_TAG_LENGTH,
  SNAPSHOT_UNITS,
  SNAPSHOT_VERSION,
} from '../contract';
import { openSealed } from '../crypto/chacha20-poly1305';
import { Hmac, HmacKey } from '../crypto/hmac';
import { closeImage, openThrough } from '../policy/view';
import { ImageFile, UnitCache } from './unit-cache';

/** Opening a policy snapshot, whose units are then read as they are asked for. */

// What came of it.
export const SNAPSHOT_OPENED: i32 = 0;
/** Not a snapshot, damaged, or another secret's. */
export const SNAPSHOT_BAD: i32 = 1;
/** Of another version of Postern. */
export const SNAPSHOT_OTHER_VERSION: i32 = 2;

const header = new StaticArray<u8>(SNAPSHOT_UNITS);
const nonce = new StaticArray<u8>(12);
const hmac = new Hmac();

/** Makes the snapshot in `file`, which must have the id at `idAt` of `id`, the policy that decides. */
export function openSnapshot(
  cache: UnitCache,
  file: ImageFile,
  key: HmacKey,
  id: StaticArray<u8>,
  idAt: i32,
): i32 {
  closeImage();
  wipe(header, 0, header.length);
  if (file.read(0, header, SNAPSHOT_UNITS) != SNAPSHOT_UNITS) return SNAPSHOT_BAD;
  if (readU32(header, 0) != SNAPSHOT_MAGIC) return SNAPSHOT_BAD;
  if (readU32(header, SNAPSHOT_VERSION) != SNAPSHOT_FORMAT) return SNAPSHOT_OTHER_VERSION;
  if (!sameBytes(header, SNAPSHOT_ID, SNAPSHOT_ID + ID_LENGTH, id, idAt, idAt + ID_LENGTH))
    return SNAPSHOT_BAD;
  hmac.begin(key);
  hmac.update(header, SNAPSHOT_ID, SNAPSHOT_ID + ID_LENGTH);
  hmac.finish(cache.key, 0);
  if (!isHeader(cache.key)) return SNAPSHOT_BAD;
  let len = readU32(header, SNAPSHOT_IMAGE_LENGTH);
  cache.open(file);
  if (len > <u32>i32.MAX_VALUE || !openThrough(cache, cache.bytes, <i32>len)) return SNAPSHOT_BAD;
  return SNAPSHOT_OPENED;
}

function isHeader(key: StaticArray<u8>): bool {
  writeU32(nonce, 0, SNAPSHOT_HEADER_NONCE);
  let at = SNAPSHOT_HEADER_LENGTH;
  let end = at + SNAPSHOT_TAG_LENGTH;
  return openSealed(key, 0, nonce, 0, header, 0, at, header, at, end, header, at) == 0;
}
