import type { ASUtil } from '@assemblyscript/loader';

/** Of AssemblyScript's array views: u32 buffer, u32 first byte, u32 length in bytes. */
const VIEW_START = 4;
const VIEW_LENGTH = 8;
/** Copies that calls leave behind in the module before they are collected: collecting costs as much as ten decisions. */
const MAX_GARBAGE = 65_536;
/** Beside its bytes, what a copy takes. */
const OVERHEAD = 64;

type Module = Pick<ASUtil, 'memory' | '__newArray' | '__pin' | '__unpin' | '__collect'> & {
  readonly Uint8Array_ID: { readonly value: number };
};

/** The module's memory, and when what calls left there is collected. */
export class ModuleMemory {
  readonly module: Module;
  #view = Buffer.alloc(0);
  #garbage = 0;

  constructor(module: Module) {
    this.module = module;
  }

  /** All of it; another object once the module has grown. */
  get bytes(): Buffer {
    // Growing takes the memory away from what looked at it before.
    if (this.#view.length > 0) return this.#view;
    const { memory } = this.module;
    if (memory === undefined) throw new TypeError('the module has no memory');
    this.#view = Buffer.from(memory.buffer);
    return this.#view;
  }

  /** Before a call to which that many bytes are given: whatever the calls before left can go. */
  willCopy(bytes: number): void {
    this.#garbage += bytes + OVERHEAD;
    if (this.#garbage <= MAX_GARBAGE) return;
    this.#garbage = 0;
    this.module.__collect();
  }

  /** The bytes of an array that the module gave, one a character. */
  latin1(array: number): string {
    const { bytes } = this;
    const start = bytes.readUInt32LE(array + VIEW_START);
    return bytes.toString('latin1', start, start + bytes.readUInt32LE(array + VIEW_LENGTH));
  }

  /** They are zeros then. */
  wipe(array: number): void {
    const { bytes } = this;
    const start = bytes.readUInt32LE(array + VIEW_START);
    bytes.fill(0, start, start + bytes.readUInt32LE(array + VIEW_LENGTH));
  }
}

/**
 * An array in the module's memory, made once and written anew for each call:
 * the module copies what it is given. Not to be used by two callers at a time,
 * which synchronous calls never do.
 */
export class Argument {
  readonly #memory: ModuleMemory;
  #array = 0;
  #capacity = 0;

  constructor(memory: ModuleMemory, capacity: number) {
    this.#memory = memory;
    this.#reserve(capacity);
  }

  /** @param text one byte a character; answers the array */
  latin1(text: string): number {
    const bytes = this.#begin(text.length);
    bytes.write(text, this.#start(bytes), 'latin1');
    return this.#array;
  }

  bytes(value: Uint8Array): number {
    const bytes = this.#begin(value.length);
    bytes.set(value, this.#start(bytes));
    return this.#array;
  }

  /** Each text behind its u32 length, one byte a character; written in one piece, as each piece is a call. */
  fields(values: readonly string[]): number {
    let text = '';
    for (const value of values) text += u32(value.length) + value;
    return this.latin1(text);
  }

  /** What was written last, of that length, is no longer there. */
  wipe(length: number): void {
    const { bytes } = this.#memory;
    const start = this.#start(bytes);
    bytes.fill(0, start, start + length);
  }

  #begin(length: number): Buffer {
    if (length > this.#capacity) this.#reserve(2 * length);
    this.#memory.willCopy(length);
    const { bytes } = this.#memory;
    bytes.writeUInt32LE(length, this.#array + VIEW_LENGTH);
    return bytes;
  }

  #start(bytes: Buffer): number {
    return bytes.readUInt32LE(this.#array + VIEW_START);
  }

  #reserve(capacity: number): void {
    const { module } = this.#memory;
    const empty = new Uint8Array(capacity) as unknown as number[];
    const array = module.__pin(module.__newArray(module.Uint8Array_ID.value, empty));
    if (this.#array !== 0) module.__unpin(this.#array);
    this.#array = array;
    this.#capacity = capacity;
  }
}

/** Four bytes, the lowest first, one a character. */
function u32(value: number): string {
  return String.fromCharCode(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24);
}
