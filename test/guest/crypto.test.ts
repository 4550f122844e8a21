import { execFileSync } from 'node:child_process';
import { createCipheriv, createHash, createHmac, hkdfSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ASUtil, instantiateSync } from '@assemblyscript/loader';
import { describe, expect, it } from 'vitest';
import aeadCases from '../cases/crypto/aead.json' with { type: 'json' };
import chacha20Cases from '../cases/crypto/chacha20.json' with { type: 'json' };
import hkdfCases from '../cases/crypto/hkdf.json' with { type: 'json' };
import hmacCases from '../cases/crypto/hmac.json' with { type: 'json' };
import poly1305Cases from '../cases/crypto/poly1305.json' with { type: 'json' };
import sha256Cases from '../cases/crypto/sha256.json' with { type: 'json' };

const root = fileURLToPath(new URL('../..', import.meta.url));

/** An argument: a number as it is, bytes copied in; after the call they hold what the module left. */
type Argument = number | Uint8Array;
type Call = (name: string, ...args: Argument[]) => number;

/** Compiles the folder alone, with or without vector instructions. */
function buildEngine(flags: string[]): Buffer {
  const dir = mkdtempSync(join(tmpdir(), 'postern-crypto-'));
  try {
    const asc = join(root, 'node_modules/assemblyscript/bin/asc.js');
    const output = join(dir, 'crypto.wasm');
    const args = [asc, 'assembly/crypto/exports.ts', '--target', 'embed', '-o', output, ...flags];
    execFileSync(process.execPath, args, { cwd: root });
    return readFileSync(output);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function loadEngine(flags: string[]): Call {
  const { exports } = instantiateSync(buildEngine(flags));
  const module = exports as unknown as ASUtil &
    Record<string, (...args: number[]) => number> & {
      _initialize(): void;
      CRYPTO_BYTES_ID: { value: number };
    };
  module._initialize();
  return (name, ...args) => {
    const pointers = new Map<Uint8Array, number>();
    const call = module[name];
    if (call === undefined) throw new TypeError(`no export ${name}`);
    const passed = args.map(arg => {
      if (typeof arg === 'number') return arg;
      const known = pointers.get(arg);
      if (known !== undefined) return known;
      const pointer = module.__pin(module.__newArray(module.CRYPTO_BYTES_ID.value, arg));
      pointers.set(arg, pointer);
      return pointer;
    });
    const result = call(...passed);
    for (const [bytes, pointer] of pointers) {
      bytes.set(module.__getUint8Array(pointer));
      module.__unpin(pointer);
    }
    module.__collect();
    return result;
  };
}

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Bytes that look random and are the same in every run. */
function bytes(length: number, seed: string): Uint8Array {
  const parts: Buffer[] = [];
  for (let i = 0; i * 32 < length; i++) parts.push(createHash('sha256').update(`${seed} ${i}`).digest());
  return new Uint8Array(Buffer.concat(parts).subarray(0, length));
}

/** The definition of RFC 8439 section 2.5 with integers of any size. */
function poly1305Reference(key: Uint8Array, message: Uint8Array): string {
  const little = (part: Uint8Array) => BigInt(`0x0${text(part.toReversed())}`);
  const r = little(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const block = new Uint8Array([...message.subarray(at, at + 16), 1]);
    sum = ((sum + little(block)) * r) % ((1n << 130n) - 5n);
  }
  const tag = (sum + little(key.subarray(16))) & ((1n << 128n) - 1n);
  return text(hex(tag.toString(16).padStart(32, '0')).toReversed());
}

function sealReference(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): string {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  cipher.setAAD(aad, { plaintextLength: plain.length });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('hex');
}

describe.each([
  ['without vectors', []],
  ['with vectors', ['--enable', 'simd']],
])('%s', (_name, flags) => {
  const call = loadEngine(flags);

  function sha256(message: Uint8Array, step: number): string {
    const out = new Uint8Array(32);
    expect(call('cryptoSha256', message, 0, message.length, step, out, 0)).toBe(1);
    return text(out);
  }

  function hmac(key: Uint8Array, data: Uint8Array, step: number): string {
    const out = new Uint8Array(32);
    expect(call('cryptoHmac', key, 0, key.length, data, 0, data.length, step, out, 0)).toBe(1);
    return text(out);
  }

  function expand(prk: Uint8Array, info: Uint8Array, length: number): string {
    const out = new Uint8Array(length);
    expect(call('cryptoHkdfExpand', prk, 0, info, 0, info.length, out, 0, length)).toBe(1);
    return text(out);
  }

  function poly1305(key: Uint8Array, message: Uint8Array): string {
    const out = new Uint8Array(16);
    expect(call('cryptoPoly1305', key, 0, message, 0, message.length, out, 0)).toBe(1);
    return text(out);
  }

  function seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): string {
    const out = new Uint8Array(plain.length + 16);
    const length = call('cryptoSeal', key, 0, nonce, 0, aad, 0, aad.length, plain, 0, plain.length, out, 0);
    expect(length).toBe(out.length);
    return text(out);
  }

  function open(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
    out: Uint8Array,
  ): number {
    return call('cryptoOpen', key, 0, nonce, 0, aad, 0, aad.length, sealed, 0, sealed.length, out, 0);
  }

  describe('SHA-256', () => {
    it.each(sha256Cases)('$name', ({ message, repeat, digest }) => {
      const whole = Buffer.alloc((message.length / 2) * (repeat ?? 1), message, 'hex');
      expect(sha256(whole, 0)).toBe(digest);
    });

    it('agrees with node:crypto for every length to 300, in pieces of any size', () => {
      const message = bytes(300, 'message');
      for (let length = 0; length <= 300; length++) {
        const part = message.subarray(0, length);
        const digest = createHash('sha256').update(part).digest('hex');
        expect(sha256(part, 0)).toBe(digest);
        expect(sha256(part, 1 + (length % 131))).toBe(digest);
        expect(sha256(part, 1 + ((length * 7) % 67))).toBe(digest);
      }
    });

    it.each([
      ['start before the array', -1, 10, 0],
      ['end behind the array', 0, 41, 0],
      ['end before start', 10, 9, 0],
      ['range that wraps', 2147483647, -2147483648, 0],
      ['no room for the digest', 0, 40, 1],
      ['digest before the array', 0, 40, -1],
    ])('refuses: %s', (_reason, start, end, at) => {
      const out = new Uint8Array(32);
      expect(call('cryptoSha256', bytes(40, 'x'), start, end, 0, out, at)).toBe(0);
      expect(out).toEqual(new Uint8Array(32));
    });
  });

  describe('HMAC', () => {
    it.each(hmacCases)('$name', ({ key, data, mac }) => {
      expect(hmac(hex(key), hex(data), 0)).toBe(mac);
    });

    it('agrees with node:crypto for every length of key and data to 300', () => {
      for (let length = 0; length <= 300; length++) {
        const key = bytes((length * 37) % 301, 'key');
        const data = bytes(length, 'data');
        const mac = createHmac('sha256', key).update(data).digest('hex');
        expect(hmac(key, data, 1 + (length % 71))).toBe(mac);
      }
    });

    it.each([
      ['key outside its array', 0, 33, 0, 40, 0],
      ['key range reversed', 2, 1, 0, 40, 0],
      ['data outside its array', 0, 32, 0, 41, 0],
      ['no room for the MAC', 0, 32, 0, 40, 1],
    ])('refuses: %s', (_reason, keyStart, keyEnd, start, end, at) => {
      const out = new Uint8Array(32);
      const done = call(
        'cryptoHmac',
        bytes(32, 'k'),
        keyStart,
        keyEnd,
        bytes(40, 'd'),
        start,
        end,
        0,
        out,
        at,
      );
      expect(done).toBe(0);
      expect(out).toEqual(new Uint8Array(32));
    });
  });

  describe('HKDF', () => {
    it.each(hkdfCases)('$name', ({ ikm, salt, info, prk, okm }) => {
      const out = new Uint8Array(32);
      const [saltBytes, ikmBytes] = [hex(salt), hex(ikm)];
      const sizes = [saltBytes.length, ikmBytes.length] as const;
      expect(call('cryptoHkdfExtract', saltBytes, 0, sizes[0], ikmBytes, 0, sizes[1], out, 0)).toBe(1);
      expect(text(out)).toBe(prk);
      expect(expand(out, hex(info), okm.length / 2)).toBe(okm);
    });

    it('expands to every length around a block, and to the longest', () => {
      const ikm = bytes(32, 'ikm');
      const prk = createHmac('sha256', '').update(ikm).digest();
      for (const length of [1, 31, 32, 33, 63, 64, 65, 96, 300, 8160]) {
        const info = bytes(length % 90, 'info');
        const okm = Buffer.from(hkdfSync('sha256', ikm, '', info, length)).toString('hex');
        expect(expand(prk, info, length)).toBe(okm);
      }
    });

    it.each([
      ['no length', 0, 0, 10, 0, 0],
      ['a length no counter reaches', 0, 0, 10, 0, 8161],
      ['key outside its array', 1, 0, 10, 0, 32],
      ['info outside its array', 0, 0, 11, 0, 32],
      ['info reversed', 0, 5, 4, 0, 32],
      ['no room', 0, 0, 10, 8170, 32],
    ])('refuses: %s', (_reason, prkAt, infoStart, infoEnd, at, length) => {
      const out = new Uint8Array(8200);
      const done = call(
        'cryptoHkdfExpand',
        bytes(32, 'k'),
        prkAt,
        bytes(10, 'i'),
        infoStart,
        infoEnd,
        out,
        at,
        length,
      );
      expect(done).toBe(0);
      expect(out).toEqual(new Uint8Array(8200));
    });
  });

  describe('ChaCha20', () => {
    it.each(chacha20Cases)('$name', ({ key, nonce, counter, block }) => {
      const out = new Uint8Array(64);
      expect(call('cryptoChaCha20Block', hex(key), 0, counter, hex(nonce), 0, out, 0)).toBe(1);
      expect(text(out)).toBe(block);
    });

    it.each([
      ['key', 1, 0, 0],
      ['nonce', 0, 1, 0],
      ['output', 0, 0, 1],
      ['output before the array', 0, 0, -1],
    ])('refuses: %s', (_reason, keyAt, nonceAt, outAt) => {
      const out = new Uint8Array(64);
      expect(call('cryptoChaCha20Block', bytes(32, 'k'), keyAt, 0, bytes(12, 'n'), nonceAt, out, outAt)).toBe(
        0,
      );
      expect(out).toEqual(new Uint8Array(64));
    });
  });

  describe('Poly1305', () => {
    it.each(poly1305Cases)('$name', ({ key, message, tag }) => {
      expect(poly1305(hex(key), hex(message))).toBe(tag);
      expect(poly1305Reference(hex(key), hex(message))).toBe(tag);
    });

    it('agrees with the definition for every length to 300', () => {
      for (let length = 0; length <= 300; length++) {
        const [key, message] = [bytes(32, `key ${length}`), bytes(length, `message ${length}`)];
        expect(poly1305(key, message)).toBe(poly1305Reference(key, message));
      }
    });

    it('agrees with the definition where limbs are full or empty', () => {
      const limbs = ['00000000', 'ffffffff', '01000000', 'fbffffff', 'feffffff', '00000080'];
      for (let i = 0; i < 400; i++) {
        const choice = bytes(56, `limbs ${i}`);
        const pick = (from: number, count: number) =>
          hex(Array.from(choice.subarray(from, from + count), n => limbs[n % limbs.length]).join(''));
        const [key, message] = [pick(0, 8), pick(8, 48)];
        expect(poly1305(key, message)).toBe(poly1305Reference(key, message));
      }
    });
  });

  describe('ChaCha20-Poly1305', () => {
    it.each(aeadCases)('$name', ({ key, nonce, aad, plain, sealed }) => {
      expect(seal(hex(key), hex(nonce), hex(aad), hex(plain))).toBe(sealed);
      const out = new Uint8Array(plain.length / 2);
      expect(open(hex(key), hex(nonce), hex(aad), hex(sealed), out)).toBe(out.length);
      expect(text(out)).toBe(plain);
    });

    it('agrees with node:crypto for every length to 300 and some beyond', () => {
      const lengths = [...Array(301).keys(), 447, 448, 449, 703, 704, 705, 4096];
      for (const length of lengths) {
        const [key, nonce] = [bytes(32, `key ${length}`), bytes(12, `nonce ${length}`)];
        const [aad, plain] = [bytes((length * 13) % 301, 'aad'), bytes(length, 'plain')];
        const sealed = sealReference(key, nonce, aad, plain);
        expect(seal(key, nonce, aad, plain)).toBe(sealed);
        const out = new Uint8Array(length);
        expect(open(key, nonce, aad, hex(sealed), out)).toBe(length);
        expect(text(out)).toBe(text(plain));
      }
    });

    it('works in place, and to a place before', () => {
      const [key, nonce, aad, plain] = [bytes(32, 'k'), bytes(12, 'n'), bytes(88, 'a'), bytes(500, 'p')];
      const sealed = hex(sealReference(key, nonce, aad, plain));
      const end = 20 + sealed.length;
      for (const outAt of [0, 1, 19, 20]) {
        const buf = new Uint8Array(600);
        buf.set(plain, 20);
        expect(call('cryptoSeal', key, 0, nonce, 0, aad, 0, 88, buf, 20, 520, buf, outAt)).toBe(516);
        expect(buf.subarray(outAt, outAt + 516)).toEqual(sealed);
        buf.set(sealed, 20);
        expect(call('cryptoOpen', key, 0, nonce, 0, aad, 0, 88, buf, 20, end, buf, outAt)).toBe(500);
        expect(buf.subarray(outAt, outAt + 500)).toEqual(plain);
      }
      const buf = new Uint8Array(600);
      buf.set(sealed, 20);
      const before = buf.slice();
      expect(call('cryptoOpen', key, 0, nonce, 0, aad, 0, 88, buf, 20, end, buf, 21)).toBe(-1);
      expect(buf).toEqual(before);
    });

    it('refuses every flip of one bit and writes nothing', () => {
      const parts = [bytes(32, 'key'), bytes(12, 'nonce'), bytes(88, 'aad'), bytes(150, 'plain')] as const;
      const [key, nonce, aad] = parts;
      const sealed = hex(sealReference(...parts));
      const out = bytes(150, 'before');
      const before = out.slice();
      for (const part of [key, nonce, aad, sealed]) {
        for (let bit = 0; bit < part.length * 8; bit++) {
          const byte = part[bit >> 3] ?? 0;
          part[bit >> 3] = byte ^ (1 << (bit & 7));
          if (open(key, nonce, aad, sealed, out) !== -1) expect.fail(`bit ${bit} of ${part.length} bytes`);
          part[bit >> 3] = byte;
        }
      }
      expect(out).toEqual(before);
      expect(open(key, nonce, aad, sealed, out)).toBe(150);
    });

    it('refuses every truncation, and bytes moved between data and text', () => {
      const [key, nonce, aad, plain] = [bytes(32, 'k'), bytes(12, 'n'), bytes(88, 'a'), bytes(40, 'p')];
      const sealed = hex(sealReference(key, nonce, aad, plain));
      const out = new Uint8Array(64);
      for (let length = 0; length < sealed.length; length++) {
        expect(open(key, nonce, aad, sealed.subarray(0, length), out)).toBe(-1);
        expect(open(key, nonce, aad, sealed.subarray(sealed.length - length), out)).toBe(-1);
      }
      for (let length = 0; length < aad.length; length++) {
        expect(open(key, nonce, aad.subarray(0, length), sealed, out)).toBe(-1);
      }
      const padded = new Uint8Array([...aad, ...new Uint8Array(8)]); // to a whole block, as `pad16` does
      expect(open(key, nonce, padded, sealed, out)).toBe(-1);
      expect(out).toEqual(new Uint8Array(64));
    });

    it.each([
      ['key', 1, 0, 0, 88, 0, 56, 0],
      ['nonce', 0, 1, 0, 88, 0, 56, 0],
      ['data behind the array', 0, 0, 0, 89, 0, 56, 0],
      ['data reversed', 0, 0, 5, 4, 0, 56, 0],
      ['text behind the array', 0, 0, 0, 88, 0, 57, 0],
      ['text before the array', 0, 0, 0, 88, -1, 56, 0],
      ['text shorter than a tag', 0, 0, 0, 88, 0, 15, 0],
      ['text that wraps', 0, 0, 0, 88, 2147483647, -2147483648, 0],
      ['no room', 0, 0, 0, 88, 0, 56, 1],
      ['output before the array', 0, 0, 0, 88, 0, 56, -1],
    ])('refuses ranges: %s', (_reason, keyAt, nonceAt, aadStart, aadEnd, start, end, outAt) => {
      const [key, nonce, aad, plain] = [bytes(32, 'k'), bytes(12, 'n'), bytes(88, 'a'), bytes(40, 'p')];
      const sealed = hex(sealReference(key, nonce, aad, plain));
      const out = new Uint8Array(40);
      const ranges = [key, keyAt, nonce, nonceAt, aad, aadStart, aadEnd] as const;
      expect(call('cryptoOpen', ...ranges, sealed, start, end, out, outAt)).toBe(-1);
      expect(out).toEqual(new Uint8Array(40));
      const room = new Uint8Array(56);
      expect(call('cryptoSeal', ...ranges, plain, start, end - 16, room, outAt)).toBe(-1);
      expect(room).toEqual(new Uint8Array(56));
    });
  });

  describe('equalConstantTime', () => {
    it('tells every flip of one bit, at every length to 40', () => {
      for (let length = 1; length <= 40; length++) {
        const [a, b] = [bytes(48, 'a'), bytes(48, 'a')];
        expect(call('cryptoEqual', a, 3, b, 3, length)).toBe(1);
        for (const at of [0, length >> 1, length - 1]) {
          for (let bit = 0; bit < 8; bit++) {
            const byte = b[3 + at] ?? 0;
            b[3 + at] = byte ^ (1 << bit);
            expect(call('cryptoEqual', a, 3, b, 3, length)).toBe(0);
            b[3 + at] = byte;
          }
        }
      }
    });

    it.each([
      ['no bytes', 0, 0, 0],
      ['negative length', 0, 0, -1],
      ['first range outside', 9, 0, 8],
      ['second range outside', 0, 9, 8],
      ['before the array', -1, -1, 8],
    ])('refuses: %s', (_reason, aAt, bAt, length) => {
      const same = bytes(16, 'same');
      expect(call('cryptoEqual', same, aAt, same.slice(), bAt, length)).toBe(0);
    });
  });
});
