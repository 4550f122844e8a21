import { lowAddress, lowMark, takeLow } from './arena';
import { classCount, classHi, classLo, MAX_RUNE, nextClass } from './char-class';
import { MAX_CLASSES } from './limits';

/**
 * Cuts the code points into the fewest classes that tell all the pattern's
 * character classes apart. The borders of all their ranges cut the code points
 * into pieces; starting from one class, each character class splits those that
 * it holds in part. Numbers follow the first code point, so ASCII comes first.
 */

/** First code point of each piece, ascending; the first is 0. */
let borders: usize = 0;
let pieces: i32 = 0;
/** Class of each piece. */
let ids: usize = 0;
let total: u32 = 0;

export function alphabetSize(): u32 {
  return total;
}

export function pieceCount(): i32 {
  return pieces;
}

export function pieceStart(i: i32): u32 {
  return load<u32>(borders + (i << 2));
}

export function pieceClass(i: i32): u32 {
  return load<u16>(ids + (i << 1));
}

/** Builds the alphabet of the classes in `[0, end)` of the arena; false when it does not fit. */
export function buildAlphabet(end: i32): bool {
  if (!collectBorders(end)) return false;
  ids = takeLow(pieces << 1);
  let most = min(<u32>pieces, MAX_CLASSES);
  let counts = takeLow(most << 3);
  if (ids == 0 || counts == 0) return false;
  memory.fill(ids, 0, pieces << 1);
  memory.fill(counts, 0, most << 3);
  total = 1;
  store<u16>(counts, <u16>min(pieces, 0xffff));
  for (let at = 0; at < end; at = nextClass(at)) {
    if (!split(at, counts)) return false;
  }
  renumber(counts);
  return true;
}

function collectBorders(end: i32): bool {
  borders = lowAddress(lowMark());
  pieces = 0;
  if (!addBorder(0) || !addBorder(0x80)) return false;
  for (let at = 0; at < end; at = nextClass(at)) {
    for (let i = 0; i < classCount(at); i++) {
      if (!addBorder(classLo(at, i))) return false;
      if (classHi(at, i) < MAX_RUNE && !addBorder(classHi(at, i) + 1)) return false;
    }
  }
  // Shell's method again: in place, without recursion.
  for (let gap = pieces >> 1; gap > 0; gap = gap == 2 ? 1 : (gap * 5) / 11) {
    for (let i = gap; i < pieces; i++) {
      let border = load<u32>(borders + (i << 2));
      let j = i;
      while (j >= gap && load<u32>(borders + ((j - gap) << 2)) > border) {
        store<u32>(borders + (j << 2), load<u32>(borders + ((j - gap) << 2)));
        j -= gap;
      }
      store<u32>(borders + (j << 2), border);
    }
  }
  let kept = 1;
  for (let i = 1; i < pieces; i++) {
    let border = load<u32>(borders + (i << 2));
    if (border != load<u32>(borders + ((kept - 1) << 2))) store<u32>(borders + (kept++ << 2), border);
  }
  pieces = kept;
  return pieces <= 0xffff;
}

function addBorder(at: u32): bool {
  // Taken in pairs, since the arena hands out multiples of eight bytes.
  if ((pieces & 1) == 0 && takeLow(8) == 0) return false;
  store<u32>(borders + (pieces << 2), at);
  pieces++;
  return true;
}

/** Index of the piece that starts at `at`, a border. */
function pieceAt(at: u32): i32 {
  let low = 0;
  let high = pieces;
  while (high - low > 1) {
    let middle = (low + high) >> 1;
    if (pieceStart(middle) <= at) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * Splits each class that the character class at `at` holds in part.
 * `counts[id]` is the number of its pieces (16 bits), of those inside (16
 * bits), and the class that takes those over (32 bits).
 */
function split(at: i32, counts: usize): bool {
  for (let i = 0; i < classCount(at); i++) {
    let hi = classHi(at, i);
    for (let p = pieceAt(classLo(at, i)); p < pieces && pieceStart(p) <= hi; p++) {
      let entry = counts + (pieceClass(p) << 3);
      store<u16>(entry, load<u16>(entry, 2) + 1, 2);
    }
  }
  for (let i = 0; i < classCount(at); i++) {
    let hi = classHi(at, i);
    for (let p = pieceAt(classLo(at, i)); p < pieces && pieceStart(p) <= hi; p++) {
      let entry = counts + (pieceClass(p) << 3);
      let to = load<u32>(entry, 4);
      if (to == 0) {
        if (load<u16>(entry, 2) == load<u16>(entry)) continue;
        if (total == MAX_CLASSES) return false;
        to = total++;
        store<u32>(entry, to, 4);
      }
      store<u16>(ids + (p << 1), <u16>to);
      store<u16>(entry, load<u16>(entry) - 1);
      store<u16>(counts + (to << 3), load<u16>(counts + (to << 3)) + 1);
    }
  }
  for (let id: u32 = 0; id < total; id++) {
    store<u16>(counts + (id << 3), 0, 2);
    store<u32>(counts + (id << 3), 0, 4);
  }
  return true;
}

/** Numbers the classes by their first piece. */
function renumber(map: usize): void {
  // The counts are done with; their space holds the numbers.
  memory.fill(map, 0, total << 1);
  let next: u32 = 0;
  for (let p = 0; p < pieces; p++) {
    let entry = map + (pieceClass(p) << 1);
    if (load<u16>(entry) == 0) store<u16>(entry, <u16>++next);
    store<u16>(ids + (p << 1), load<u16>(entry) - 1);
  }
}

/** Marks the members of the character class at `at` in `bits` and answers their number. */
export function members(at: i32, bits: usize): u32 {
  memory.fill(bits, 0, (total + 7) >> 3);
  let found: u32 = 0;
  for (let i = 0; i < classCount(at); i++) {
    let hi = classHi(at, i);
    for (let p = pieceAt(classLo(at, i)); p < pieces && pieceStart(p) <= hi; p++) {
      let id = pieceClass(p);
      let byte = bits + (id >> 3);
      if ((load<u8>(byte) >> (id & 7)) & 1) continue;
      store<u8>(byte, <u8>(<u32>load<u8>(byte) | (1 << (id & 7))));
      found++;
    }
  }
  return found;
}
