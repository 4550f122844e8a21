import { copyBytes, within } from '../bytes/bytes';

/**
 * SHA-256 (FIPS 180-4) in pieces: `reset`, any number of `update`s, `digest`.
 * A range outside its array makes the digest refuse: a hash of less than what
 * was meant would be worse than none.
 */

/** Bytes of a digest. */
export const DIGEST_LENGTH: i32 = 32;
/** Bytes the compression function takes at once. */
export const BLOCK_LENGTH: i32 = 64;

/** FIPS 180-4 section 4.2.2: fractions of the cube roots of the first 64 primes. */
const ROUND_CONSTANTS = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);

function choose(x: u32, y: u32, z: u32): u32 {
  return z ^ (x & (y ^ z));
}

function majority(x: u32, y: u32, z: u32): u32 {
  return y ^ ((x ^ y) & (y ^ z));
}

function sum0(x: u32): u32 {
  return rotr(x, 2) ^ rotr(x, 13) ^ rotr(x, 22);
}

function sum1(x: u32): u32 {
  return rotr(x, 6) ^ rotr(x, 11) ^ rotr(x, 25);
}

function sigma0(x: u32): u32 {
  return rotr(x, 7) ^ rotr(x, 18) ^ (x >> 3);
}

function sigma1(x: u32): u32 {
  return rotr(x, 17) ^ rotr(x, 19) ^ (x >> 10);
}

/**
 * One block at `p` into the eight words at `state` (FIPS 180-4 section 6.2.2).
 * Sixteen rounds stand written out, because then neither the working variables
 * nor the message words are ever moved. All 64 would be 15 % faster in wazero
 * and take 5 KiB more.
 */
function compress(state: usize, p: usize): void {
  // The highest address first: wazero then checks the bounds of `p` only once.
  let w15 = bswap(load<u32>(p, 60));
  let w14 = bswap(load<u32>(p, 56));
  let w13 = bswap(load<u32>(p, 52));
  let w12 = bswap(load<u32>(p, 48));
  let w11 = bswap(load<u32>(p, 44));
  let w10 = bswap(load<u32>(p, 40));
  let w9 = bswap(load<u32>(p, 36));
  let w8 = bswap(load<u32>(p, 32));
  let w7 = bswap(load<u32>(p, 28));
  let w6 = bswap(load<u32>(p, 24));
  let w5 = bswap(load<u32>(p, 20));
  let w4 = bswap(load<u32>(p, 16));
  let w3 = bswap(load<u32>(p, 12));
  let w2 = bswap(load<u32>(p, 8));
  let w1 = bswap(load<u32>(p, 4));
  let w0 = bswap(load<u32>(p));
  let h = load<u32>(state, 28);
  let g = load<u32>(state, 24);
  let f = load<u32>(state, 20);
  let e = load<u32>(state, 16);
  let d = load<u32>(state, 12);
  let c = load<u32>(state, 8);
  let b = load<u32>(state, 4);
  let a = load<u32>(state);
  let t: u32;
  let k = ROUND_CONSTANTS;
  let last = ROUND_CONSTANTS + 192;
  while (true) {
    t = load<u32>(k) + w0 + h + choose(e, f, g) + sum1(e);
    d += t;
    h = t + sum0(a) + majority(a, b, c);
    t = load<u32>(k, 4) + w1 + g + choose(d, e, f) + sum1(d);
    c += t;
    g = t + sum0(h) + majority(h, a, b);
    t = load<u32>(k, 8) + w2 + f + choose(c, d, e) + sum1(c);
    b += t;
    f = t + sum0(g) + majority(g, h, a);
    t = load<u32>(k, 12) + w3 + e + choose(b, c, d) + sum1(b);
    a += t;
    e = t + sum0(f) + majority(f, g, h);
    t = load<u32>(k, 16) + w4 + d + choose(a, b, c) + sum1(a);
    h += t;
    d = t + sum0(e) + majority(e, f, g);
    t = load<u32>(k, 20) + w5 + c + choose(h, a, b) + sum1(h);
    g += t;
    c = t + sum0(d) + majority(d, e, f);
    t = load<u32>(k, 24) + w6 + b + choose(g, h, a) + sum1(g);
    f += t;
    b = t + sum0(c) + majority(c, d, e);
    t = load<u32>(k, 28) + w7 + a + choose(f, g, h) + sum1(f);
    e += t;
    a = t + sum0(b) + majority(b, c, d);
    t = load<u32>(k, 32) + w8 + h + choose(e, f, g) + sum1(e);
    d += t;
    h = t + sum0(a) + majority(a, b, c);
    t = load<u32>(k, 36) + w9 + g + choose(d, e, f) + sum1(d);
    c += t;
    g = t + sum0(h) + majority(h, a, b);
    t = load<u32>(k, 40) + w10 + f + choose(c, d, e) + sum1(c);
    b += t;
    f = t + sum0(g) + majority(g, h, a);
    t = load<u32>(k, 44) + w11 + e + choose(b, c, d) + sum1(b);
    a += t;
    e = t + sum0(f) + majority(f, g, h);
    t = load<u32>(k, 48) + w12 + d + choose(a, b, c) + sum1(a);
    h += t;
    d = t + sum0(e) + majority(e, f, g);
    t = load<u32>(k, 52) + w13 + c + choose(h, a, b) + sum1(h);
    g += t;
    c = t + sum0(d) + majority(d, e, f);
    t = load<u32>(k, 56) + w14 + b + choose(g, h, a) + sum1(g);
    f += t;
    b = t + sum0(c) + majority(c, d, e);
    t = load<u32>(k, 60) + w15 + a + choose(f, g, h) + sum1(f);
    e += t;
    a = t + sum0(b) + majority(b, c, d);
    if (k == last) break;
    k += 64;
    w0 += sigma1(w14) + w9 + sigma0(w1);
    w1 += sigma1(w15) + w10 + sigma0(w2);
    w2 += sigma1(w0) + w11 + sigma0(w3);
    w3 += sigma1(w1) + w12 + sigma0(w4);
    w4 += sigma1(w2) + w13 + sigma0(w5);
    w5 += sigma1(w3) + w14 + sigma0(w6);
    w6 += sigma1(w4) + w15 + sigma0(w7);
    w7 += sigma1(w5) + w0 + sigma0(w8);
    w8 += sigma1(w6) + w1 + sigma0(w9);
    w9 += sigma1(w7) + w2 + sigma0(w10);
    w10 += sigma1(w8) + w3 + sigma0(w11);
    w11 += sigma1(w9) + w4 + sigma0(w12);
    w12 += sigma1(w10) + w5 + sigma0(w13);
    w13 += sigma1(w11) + w6 + sigma0(w14);
    w14 += sigma1(w12) + w7 + sigma0(w15);
    w15 += sigma1(w13) + w8 + sigma0(w0);
  }
  store<u32>(state, load<u32>(state) + a);
  store<u32>(state, load<u32>(state, 4) + b, 4);
  store<u32>(state, load<u32>(state, 8) + c, 8);
  store<u32>(state, load<u32>(state, 12) + d, 12);
  store<u32>(state, load<u32>(state, 16) + e, 16);
  store<u32>(state, load<u32>(state, 20) + f, 20);
  store<u32>(state, load<u32>(state, 24) + g, 24);
  store<u32>(state, load<u32>(state, 28) + h, 28);
}

export class Sha256 {
  /** False once a range was refused. */
  ok: bool = true;
  /** Bytes waiting in `block`, 0-63. */
  fill: i32 = 0;
  /** Bytes taken so far. */
  total: u64 = 0;
  state: StaticArray<u32> = new StaticArray<u32>(8);
  block: StaticArray<u8> = new StaticArray<u8>(BLOCK_LENGTH);

  constructor() {
    this.reset();
  }

  /** Starts a new message. */
  reset(): void {
    this.ok = true;
    this.fill = 0;
    this.total = 0;
    // FIPS 180-4 section 5.3.3
    let state = changetype<usize>(this.state);
    store<u32>(state, 0x6a09e667);
    store<u32>(state, 0xbb67ae85, 4);
    store<u32>(state, 0x3c6ef372, 8);
    store<u32>(state, 0xa54ff53a, 12);
    store<u32>(state, 0x510e527f, 16);
    store<u32>(state, 0x9b05688c, 20);
    store<u32>(state, 0x1f83d9ab, 24);
    store<u32>(state, 0x5be0cd19, 28);
  }

  /** Continues from where `other` stands. */
  copyFrom(other: Sha256): void {
    this.ok = other.ok;
    this.fill = other.fill;
    this.total = other.total;
    let to = changetype<usize>(this.state);
    let from = changetype<usize>(other.state);
    for (let i = 0; i < DIGEST_LENGTH; i += 8) store<u64>(to + i, load<u64>(from + i));
    if (other.fill > 0) copyBytes(changetype<usize>(this.block), changetype<usize>(other.block), other.fill);
  }

  /** Takes `[start, end)` of `buf`. */
  update(buf: StaticArray<u8>, start: i32, end: i32): void {
    let len = end - start;
    if (!within(buf, start, len)) {
      this.ok = false;
      return;
    }
    this.total += len;
    let state = changetype<usize>(this.state);
    let block = changetype<usize>(this.block);
    let p = changetype<usize>(buf) + start;
    let fill = this.fill;
    if (fill > 0) {
      let part = min(len, BLOCK_LENGTH - fill);
      copyBytes(block + fill, p, part);
      fill += part;
      if (fill == BLOCK_LENGTH) {
        compress(state, block);
        fill = 0;
      }
      p += part;
      len -= part;
    }
    for (; len >= BLOCK_LENGTH; len -= BLOCK_LENGTH) {
      compress(state, p);
      p += BLOCK_LENGTH;
    }
    if (len > 0) {
      copyBytes(block, p, len);
      fill = len;
    }
    this.fill = fill;
  }

  /**
   * Writes the 32 bytes of the digest to `out` at `at`; false, and nothing
   * written, when they do not fit or an `update` was refused. The message is
   * over then: `reset` or `copyFrom` comes next. `out` may be the hash's own
   * block.
   */
  digest(out: StaticArray<u8>, at: i32): bool {
    if (!this.ok || !within(out, at, DIGEST_LENGTH)) return false;
    let state = changetype<usize>(this.state);
    let block = changetype<usize>(this.block);
    // FIPS 180-4 section 5.1.1: a one bit, zeros, the length in bits.
    // By whole words, because a processor waits when it loads what two stores wrote.
    let bits = (this.fill & 3) << 3;
    let fill = this.fill & ~3;
    store<u32>(block + fill, (load<u32>(block + fill) & ((1 << bits) - 1)) | (0x80 << bits));
    fill += 4;
    if ((fill & 4) != 0) {
      store<u32>(block + fill, 0);
      fill += 4;
    }
    if (fill > 56) {
      compress(state, block);
      fill = 0;
    }
    for (; fill < 56; fill += 8) store<u64>(block + fill, 0);
    store<u64>(block, bswap(this.total << 3), 56);
    compress(state, block);
    let to = changetype<usize>(out) + at;
    for (let i = 0; i < DIGEST_LENGTH; i += 8) {
      let high = <u64>bswap(load<u32>(state + i, 4));
      store<u64>(to + i, (high << 32) | <u64>bswap(load<u32>(state + i)));
    }
    this.ok = false;
    return true;
  }
}
