import { lowerAscii } from '../bytes/ascii';
import { sameBytes } from '../bytes/bytes';
import { ByteWriter } from '../bytes/writer';
import { classCount, classHi, classLo } from '../regexp/char-class';
import { Assert, Node, Op } from '../regexp/tree';

/**
 * Literal texts without one of which an expression cannot match, read off its
 * tree: for the index, and so in the host only. Texts are folded as
 * `policy/path-filter.ts` folds a path. Whatever is not understood here is "no
 * texts", and the expression is then always tried.
 */

/** Alternatives of one expression; more would let most paths through. */
const MAX_TEXTS: i32 = 16;
/** Bytes of a text; what is longer is cut there. */
const MAX_TEXT: i32 = 64;
/** Shorter texts are in every path. */
const MIN_TEXT: i32 = 2;
/** Nesting looked into. */
const MAX_DEPTH: i32 = 48;
/** A class of more characters is no choice of literals. */
const MAX_RUNES: u32 = 8;
/** A beginning is looked for at one place only. */
const BEGINNING_BONUS: i32 = 24;

const UNKNOWN: i32 = -1;

/** A set of texts; `count` is UNKNOWN when it cannot be told. */
class Texts {
  count: i32 = UNKNOWN;
  lengths: StaticArray<i32> = new StaticArray<i32>(MAX_TEXTS);
  bytes: StaticArray<u8> = new StaticArray<u8>(MAX_TEXTS * MAX_TEXT);

  get isKnown(): bool {
    return this.count != UNKNOWN;
  }

  /** The empty text alone. */
  setEmpty(): void {
    this.count = 1;
    this.lengths[0] = 0;
  }

  isEmptyText(): bool {
    return this.count == 1 && this.lengths[0] == 0;
  }

  take(other: Texts): void {
    this.count = other.count;
    for (let i = 0; i < other.count; i++) this.lengths[i] = other.lengths[i];
    memory.copy(changetype<usize>(this.bytes), changetype<usize>(other.bytes), MAX_TEXTS * MAX_TEXT);
  }

  /** Adds a text; unknown when there are too many. */
  add(from: StaticArray<u8>, start: i32, len: i32): void {
    if (this.count == UNKNOWN) return;
    for (let i = 0; i < this.count; i++) {
      let at = i * MAX_TEXT;
      if (sameBytes(this.bytes, at, at + this.lengths[i], from, start, start + len)) return;
    }
    if (this.count == MAX_TEXTS || len > MAX_TEXT) {
      this.count = UNKNOWN;
      return;
    }
    memory.copy(changetype<usize>(this.bytes) + this.count * MAX_TEXT, changetype<usize>(from) + start, len);
    this.lengths[this.count++] = len;
  }

  /** Adds all texts of another set; unknown when either is. */
  unite(other: Texts): void {
    if (!other.isKnown) this.count = UNKNOWN;
    for (let i = 0; i < other.count; i++) this.add(other.bytes, i * MAX_TEXT, other.lengths[i]);
  }

  /** Appends each text of the other set to each here; false, and nothing done, when that is too much. */
  append(other: Texts): bool {
    if (this.count * other.count > MAX_TEXTS) return false;
    for (let i = 0; i < this.count; i++) {
      for (let j = 0; j < other.count; j++) {
        if (this.lengths[i] + other.lengths[j] > MAX_TEXT) return false;
      }
    }
    // From the end on, so that no text is overwritten before it has been copied.
    for (let i = this.count - 1; i >= 0; i--) {
      for (let j = other.count - 1; j >= 0; j--) {
        let to = i * other.count + j;
        let len = this.lengths[i];
        let target = changetype<usize>(this.bytes) + to * MAX_TEXT;
        memory.copy(target, changetype<usize>(this.bytes) + i * MAX_TEXT, len);
        memory.copy(target + len, changetype<usize>(other.bytes) + j * MAX_TEXT, other.lengths[j]);
        this.lengths[to] = len + other.lengths[j];
      }
    }
    this.count *= other.count;
    return true;
  }

  /** How much a path is told apart by these; 0 when not at all. */
  score(): i32 {
    if (this.count <= 0) return 0;
    let shortest = MAX_TEXT;
    for (let i = 0; i < this.count; i++) shortest = min(shortest, this.lengths[i]);
    return shortest < MIN_TEXT ? 0 : 32 + min(shortest, 16) * 8 - this.count;
  }
}

/** What is known of a node. */
class Known {
  /** All it can match. */
  exact: Texts = new Texts();
  /** The text begins with one of these when it matches. */
  begin: Texts = new Texts();
  /** One of these is in what it matches. */
  any: Texts = new Texts();
  /** Being put together. */
  run: Texts = new Texts();

  clear(): void {
    this.exact.count = this.begin.count = this.any.count = UNKNOWN;
  }

  /** Takes over the better of `any` and these. */
  consider(texts: Texts): void {
    if (texts.score() > this.any.score()) this.any.take(texts);
  }

  takeAll(other: Known): void {
    this.exact.take(other.exact);
    this.begin.take(other.begin);
    this.any.take(other.any);
  }
}

const levels = new StaticArray<Known>(MAX_DEPTH + 1);
for (let i = 0; i <= MAX_DEPTH; i++) levels[i] = new Known();
const rune = new StaticArray<u8>(4);

// Kinds of texts an expression is known by.
export const NO_TEXTS: u32 = 0;
export const BEGINNINGS: u32 = 1;
export const ANYWHERE: u32 = 2;

/**
 * Appends what the tree's expression is known by: u8 kind, u8 count, then each
 * text behind its u8 length. Nothing and false when there are no such texts.
 */
export function writeLiterals(tree: Node, out: ByteWriter): bool {
  explore(tree, 0);
  let known = levels[0];
  known.consider(known.exact);
  let begins = known.begin.score();
  let kind = begins > 0 && begins + BEGINNING_BONUS >= known.any.score() ? BEGINNINGS : ANYWHERE;
  let texts = kind == BEGINNINGS ? known.begin : known.any;
  if (texts.score() == 0) return false;
  out.u8(kind);
  out.u8(texts.count);
  for (let i = 0; i < texts.count; i++) {
    out.u8(texts.lengths[i]);
    out.bytes(texts.bytes, i * MAX_TEXT, i * MAX_TEXT + texts.lengths[i]);
  }
  return !out.overflow;
}

/** Leaves in `levels[depth]` what is known of the node. Recursion ends at MAX_DEPTH. */
function explore(node: Node, depth: i32): void {
  let known = levels[depth];
  known.clear();
  switch (<i32>node.op) {
    case Op.Empty:
    case Op.Assert:
      known.exact.setEmpty();
      return;
    case Op.Char:
      exploreClass(<i32>node.value, known.exact);
      return;
  }
  if (depth == MAX_DEPTH) return;
  let child = levels[depth + 1];
  switch (<i32>node.op) {
    case Op.Capture:
      explore(node.child, depth + 1);
      known.takeAll(child);
      return;
    case Op.Plus:
      explore(node.child, depth + 1);
      repeatAtLeastOnce(known, child);
      return;
    case Op.Quest:
      explore(node.child, depth + 1);
      maybe(known, child);
      return;
    case Op.Repeat:
      if (node.min == 0 && node.max != 1) return;
      explore(node.child, depth + 1);
      if (node.min == 0) maybe(known, child);
      else if (node.min == 1 && node.max == 1) known.takeAll(child);
      else repeatAtLeastOnce(known, child);
      return;
    case Op.Concat:
      exploreConcat(node, known, depth);
      return;
    case Op.Alternate:
      exploreAlternate(node, known, depth);
      return;
  }
}

function repeatAtLeastOnce(known: Known, child: Known): void {
  known.begin.take(child.begin);
  known.any.take(child.any);
  known.consider(child.exact);
}

function maybe(known: Known, child: Known): void {
  if (!child.exact.isKnown) return;
  known.exact.take(child.exact);
  known.exact.add(rune, 0, 0);
}

function exploreConcat(node: Node, known: Known, depth: i32): void {
  let child = levels[depth + 1];
  let run = known.run;
  run.setEmpty();
  // Nothing but `run` lies between the beginning and here.
  let whole = true;
  let anchored = false;
  for (let sub: Node | null = node.child; sub != null; sub = sub.next) {
    if (sub.op == Op.Assert) {
      if (sub.value == Assert.BeginText && whole && run.isEmptyText()) anchored = true;
      continue;
    }
    explore(sub, depth + 1);
    if (child.exact.isKnown && run.append(child.exact)) continue;
    endRun(known, whole, anchored);
    if (child.exact.isKnown) {
      run.take(child.exact);
    } else {
      if (whole && run.isEmptyText() && child.begin.isKnown) known.begin.take(child.begin);
      known.consider(child.any);
      run.setEmpty();
    }
    whole = false;
  }
  endRun(known, whole, anchored);
  if (whole) known.exact.take(run);
}

/** A run of literals has ended: it may be what the text begins with, or what is looked for. */
function endRun(known: Known, whole: bool, anchored: bool): void {
  if (whole && anchored) known.begin.take(known.run);
  known.consider(known.run);
}

function exploreAlternate(node: Node, known: Known, depth: i32): void {
  let child = levels[depth + 1];
  known.exact.count = known.begin.count = known.any.count = 0;
  for (let sub: Node | null = node.child; sub != null; sub = sub.next) {
    explore(sub, depth + 1);
    known.exact.unite(child.exact);
    known.begin.unite(child.begin);
    child.consider(child.exact);
    known.any.unite(child.any);
  }
}

/** The characters of a class, folded. */
function exploreClass(cls: i32, texts: Texts): void {
  let count = classCount(cls);
  let total: u32 = 0;
  for (let i = 0; i < count; i++) {
    let lo = classLo(cls, i);
    let hi = classHi(cls, i);
    total += hi - lo + 1;
    // An invalid byte matches what U+FFFD matches, and is not written like it.
    if (total > MAX_RUNES || (lo <= 0xfffd && hi >= 0xfffd)) return;
  }
  texts.count = 0;
  for (let i = 0; i < count; i++) {
    for (let value = classLo(cls, i); value <= classHi(cls, i); value++) {
      texts.add(rune, 0, encodeFolded(value));
    }
  }
  if (texts.count == 0) texts.count = UNKNOWN;
}

/** Writes the character as a folded path holds it; answers its length. */
function encodeFolded(value: u32): i32 {
  if (value == 0x17f) value = 0x73;
  else if (value == 0x212a) value = 0x6b;
  if (value < 0x80) {
    rune[0] = <u8>lowerAscii(value);
    return 1;
  }
  if (value < 0x800) {
    rune[0] = <u8>(0xc0 | (value >> 6));
    rune[1] = <u8>(0x80 | (value & 0x3f));
    return 2;
  }
  if (value < 0x10000) {
    rune[0] = <u8>(0xe0 | (value >> 12));
    rune[1] = <u8>(0x80 | ((value >> 6) & 0x3f));
    rune[2] = <u8>(0x80 | (value & 0x3f));
    return 3;
  }
  rune[0] = <u8>(0xf0 | (value >> 18));
  rune[1] = <u8>(0x80 | ((value >> 12) & 0x3f));
  rune[2] = <u8>(0x80 | ((value >> 6) & 0x3f));
  rune[3] = <u8>(0x80 | (value & 0x3f));
  return 4;
}
