import type { WasmMemory } from './web-assembly.ts';

/** A failure that ends the guest's call, as a panic of the runtime's host function does. */
export class GuestTrap extends Error {
  override readonly name = 'GuestTrap';
}

/** Bounds-checked access to a guest's linear memory; offsets and lengths are unsigned 32-bit. */
export interface GuestMemory {
  /** Bytes in place, valid until the guest runs again; undefined outside the memory. */
  bytes(at: number, length: number): Uint8Array | undefined;
  /** As `bytes`, but a trap outside the memory. `what` is named in its text. */
  read(at: number, length: number, what: string): Uint8Array;
  readLatin1(at: number, length: number, what: string): string;
  /** Whether all of `value` lay inside the memory. */
  write(at: number, value: Uint8Array): boolean;
  writeU32(at: number, value: number): boolean;
  writeU64(at: number, value: bigint): boolean;
}

/** `memory` is asked for at each access: imports are made before the instance, and a memory that grows moves. */
export function guestMemory(memory: () => WasmMemory): GuestMemory {
  function bytes(at: number, length: number): Uint8Array | undefined {
    const start = at >>> 0;
    const count = length >>> 0;
    const { buffer } = memory();
    if (start + count > buffer.byteLength) return undefined;
    return new Uint8Array(buffer, start, count);
  }

  function read(at: number, length: number, what: string): Uint8Array {
    if (length === 0) return new Uint8Array(0);
    const found = bytes(at, length);
    if (found === undefined) throw new GuestTrap(`out of memory reading ${what}`);
    return found;
  }

  function view(at: number, length: number): DataView | undefined {
    const found = bytes(at, length);
    return found && new DataView(found.buffer, found.byteOffset, length);
  }

  return {
    bytes,
    read,
    readLatin1: (at, length, what) => Buffer.from(read(at, length, what)).toString('latin1'),
    write(at, value) {
      const target = bytes(at, value.length);
      target?.set(value);
      return target !== undefined;
    },
    writeU32(at, value) {
      const target = view(at, 4);
      target?.setUint32(0, value, true);
      return target !== undefined;
    },
    writeU64(at, value) {
      const target = view(at, 8);
      target?.setBigUint64(0, value, true);
      return target !== undefined;
    },
  };
}
