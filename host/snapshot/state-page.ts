import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  FORMAT_VERSION,
  ID_LENGTH,
  STATE_BOOT_ID,
  STATE_FLAGS,
  STATE_LENGTH,
  STATE_MAC,
  STATE_MAC_LENGTH,
  STATE_MAGIC,
  STATE_NOT_BEFORE,
  STATE_OFFLINE_GRACE,
  STATE_SEQUENCE,
  STATE_SLOT_COUNT,
  STATE_SLOT_SIZE,
  STATE_SNAPSHOT_ID,
  STATE_STOPPED,
  STATE_STORE_CONTACT,
  STATE_TABLE_ID,
  STATE_VERSION,
  STATE_WALL_TIME,
} from '../../assembly/contract.ts';

/** The state page, `contract.ts`. Times in milliseconds since 1970, ids of 16 bytes. */
export interface StatePage {
  readonly bootId: Uint8Array;
  readonly wallTime: number;
  readonly sequence: number;
  readonly notBefore: number;
  readonly storeContact: number;
  readonly tableId: Uint8Array;
  readonly snapshotId: Uint8Array;
  readonly slotSize: number;
  readonly slotCount: number;
  readonly stopped: boolean;
  readonly offlineGraceSeconds: number;
}

/** The layout of `contract.ts`, with its MAC by `stateKey`. */
export function encodeStatePage(page: StatePage, stateKey: Uint8Array): Uint8Array {
  const out = Buffer.alloc(STATE_LENGTH);
  out.writeUInt32LE(STATE_MAGIC, 0);
  out.writeUInt32LE(FORMAT_VERSION, STATE_VERSION);
  out.set(page.bootId, STATE_BOOT_ID);
  out.writeBigUInt64LE(BigInt(page.wallTime), STATE_WALL_TIME);
  out.writeBigUInt64LE(BigInt(page.sequence), STATE_SEQUENCE);
  out.writeBigUInt64LE(BigInt(page.notBefore), STATE_NOT_BEFORE);
  out.writeBigUInt64LE(BigInt(page.storeContact), STATE_STORE_CONTACT);
  out.set(page.tableId, STATE_TABLE_ID);
  out.set(page.snapshotId, STATE_SNAPSHOT_ID);
  out.writeUInt32LE(page.slotSize, STATE_SLOT_SIZE);
  out.writeUInt32LE(page.slotCount, STATE_SLOT_COUNT);
  out.writeUInt32LE(page.stopped ? STATE_STOPPED : 0, STATE_FLAGS);
  out.writeUInt32LE(page.offlineGraceSeconds, STATE_OFFLINE_GRACE);
  out.set(mac(out, stateKey), STATE_MAC);
  return out;
}

/** The page of a host with the same secret and format, undefined for anything else. */
export function decodeStatePage(bytes: Uint8Array, stateKey: Uint8Array): StatePage | undefined {
  if (bytes.length !== STATE_LENGTH) return undefined;
  const page = Buffer.from(bytes);
  if (!timingSafeEqual(page.subarray(STATE_MAC, STATE_MAC + STATE_MAC_LENGTH), mac(page, stateKey))) {
    return undefined;
  }
  if (page.readUInt32LE(0) !== STATE_MAGIC || page.readUInt32LE(STATE_VERSION) !== FORMAT_VERSION) {
    return undefined;
  }
  const id = (offset: number) => Uint8Array.from(page.subarray(offset, offset + ID_LENGTH));
  const u64 = (offset: number) => Number(page.readBigUInt64LE(offset));
  return {
    bootId: id(STATE_BOOT_ID),
    wallTime: u64(STATE_WALL_TIME),
    sequence: u64(STATE_SEQUENCE),
    notBefore: u64(STATE_NOT_BEFORE),
    storeContact: u64(STATE_STORE_CONTACT),
    tableId: id(STATE_TABLE_ID),
    snapshotId: id(STATE_SNAPSHOT_ID),
    slotSize: page.readUInt32LE(STATE_SLOT_SIZE),
    slotCount: page.readUInt32LE(STATE_SLOT_COUNT),
    stopped: (page.readUInt32LE(STATE_FLAGS) & STATE_STOPPED) !== 0,
    offlineGraceSeconds: page.readUInt32LE(STATE_OFFLINE_GRACE),
  };
}

function mac(page: Buffer, stateKey: Uint8Array): Buffer {
  const full = createHmac('sha256', stateKey).update(page.subarray(0, STATE_MAC)).digest();
  return full.subarray(0, STATE_MAC_LENGTH);
}
