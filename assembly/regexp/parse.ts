import { equalsAscii } from '../bytes/ascii';
import { arenaFull, resetArena } from './arena';
import { addRange, beginClass, endClass, MAX_RUNE, resetClasses, runeClass } from './char-class';
import { fail, RegexpError } from './error';
import { escapeRune, readEscape } from './escape';
import { MAX_HEIGHT, MAX_REPEAT, MAX_SIZE } from './limits';
import { addChecked, parsedClass, readClass, readPerlEscape, readUnicodeEscape } from './parse-class';
import {
  checkUtf8,
  END,
  indexOf,
  lastRune,
  nextRune,
  openPattern,
  pattern,
  patternEnd,
  peek,
  position,
  setPosition,
} from './scan';
import { Assert, join, Node, newNode, Op, Slot, Trait, wrap } from './tree';

/**
 * Pattern to tree, in one pass with a stack of finished parts, like Go's
 * parser: every error is found at the same place and in the same order.
 * Grammar: pkg.go.dev/regexp/syntax.
 */

enum Flag {
  Fold = 1,
  MultiLine = 2,
  DotAll = 4,
  Ungreedy = 8,
}

/** Top of the stack; the elements below follow by `next`. */
let top: Node | null = null;
let tree: Node = changetype<Node>(0);
let flags: u32 = 0;
let patternStart: i32 = 0;
/** Groups named User (bit 0) and Group (bit 1) seen. */
let named: i32 = 0;
/** Assertions seen, as bits of `Assert`. */
let asserts: u32 = 0;

/** The tree of the pattern parsed last. */
export function parsedTree(): Node {
  return tree;
}

export function parsedGroups(): i32 {
  return named;
}

export function parsedAsserts(): u32 {
  return asserts;
}

function whole(code: RegexpError): i32 {
  return fail(code, patternStart, patternEnd());
}

/** Parses `[start, end)` into `parsedTree()`. Answers an error code. */
export function parse(buf: StaticArray<u8>, start: i32, end: i32): i32 {
  openPattern(buf, start, end);
  patternStart = start;
  top = null;
  flags = 0;
  named = 0;
  asserts = 0;
  if (!resetArena()) return whole(RegexpError.TooLarge);
  resetClasses();
  // Offset of the repetition operator read last, -1 when something else was.
  let lastRepeat = -1;
  while (position() < end) {
    let before = position();
    let repeated = false;
    let code = 0;
    switch (peek(0)) {
      case 0x28: // (
        code = openGroup();
        break;
      case 0x7c: // |
        setPosition(before + 1);
        code = concat();
        if (code == 0) code = push(newNode(Op.Bar));
        break;
      case 0x29: // )
        setPosition(before + 1);
        code = closeGroup();
        break;
      case 0x5e: // ^
        setPosition(before + 1);
        code = assertion((flags & Flag.MultiLine) != 0 ? Assert.BeginLine : Assert.BeginText);
        break;
      case 0x24: // $
        setPosition(before + 1);
        code = assertion((flags & Flag.MultiLine) != 0 ? Assert.EndLine : Assert.EndText);
        break;
      case 0x2e: // .
        setPosition(before + 1);
        code = dot();
        break;
      case 0x5b: // [
        code = readClass((flags & Flag.Fold) != 0);
        if (code == 0) code = pushClass(parsedClass());
        break;
      case 0x2a: // *
        repeated = true;
        code = repeat(Op.Star, 0, 0, before, before + 1, lastRepeat);
        break;
      case 0x2b: // +
        repeated = true;
        code = repeat(Op.Plus, 0, 0, before, before + 1, lastRepeat);
        break;
      case 0x3f: // ?
        repeated = true;
        code = repeat(Op.Quest, 0, 0, before, before + 1, lastRepeat);
        break;
      case 0x7b: // {
        if (readCounts()) {
          repeated = true;
          let after = position();
          if (
            countMin < 0 ||
            countMin > MAX_REPEAT ||
            countMax > MAX_REPEAT ||
            (countMax >= 0 && countMin > countMax)
          ) {
            return fail(RegexpError.InvalidRepeatSize, before, after);
          }
          code = repeat(Op.Repeat, countMin, countMax, before, after, lastRepeat);
        } else {
          setPosition(before + 1);
          code = literal(0x7b, before);
        }
        break;
      case 0x5c: // backslash
        code = readBackslash();
        break;
      default:
        code = nextRune(end);
        if (code == 0) code = literal(lastRune(), before);
    }
    if (code != 0) return code;
    if (arenaFull()) return whole(RegexpError.TooLarge);
    lastRepeat = repeated ? before : -1;
  }
  let code = concat();
  if (code == 0) code = alternate();
  if (code != 0) return code;
  if (arenaFull()) return whole(RegexpError.TooLarge);
  let last = top;
  if (last == null || last.next != null) return whole(RegexpError.MissingParen);
  tree = last;
  return 0;
}

function push(node: Node): i32 {
  node.next = top;
  top = node;
  return checkLimits(node);
}

function checkLimits(node: Node): i32 {
  if (node.size > MAX_SIZE) return whole(RegexpError.TooLarge);
  if (<i32>node.height > MAX_HEIGHT) return whole(RegexpError.NestingDepth);
  return 0;
}

function assertion(kind: Assert): i32 {
  asserts |= kind;
  let node = newNode(Op.Assert);
  node.value = kind;
  node.traits = <u8>Trait.Nullable;
  return push(node);
}

function pushClass(at: i32): i32 {
  let node = newNode(Op.Char);
  node.value = at;
  return push(node);
}

function dot(): i32 {
  beginClass();
  if ((flags & Flag.DotAll) != 0) addRange(0, MAX_RUNE);
  else {
    addRange(0, 9);
    addRange(11, MAX_RUNE);
  }
  return pushClass(endClass(false));
}

/** A literal character that starts at `from` of the pattern. */
function literal(rune: u32, from: i32): i32 {
  let node = newNode(Op.Char);
  node.traits = <u8>Trait.Literal;
  if ((flags & Flag.Fold) != 0) {
    beginClass();
    let code = addChecked(rune, rune, true, from);
    if (code != 0) return code;
    node.value = endClass(false);
  } else node.value = runeClass(rune);
  return push(node);
}

/** Replaces the elements above the last `(` or `|` by their concatenation. */
function concat(): i32 {
  let first: Node | null = null;
  let count = 0;
  let node = top;
  while (node != null && <i32>node.op < Op.LeftParen) {
    let below = node.next;
    node.next = first;
    first = node;
    node = below;
    count++;
  }
  top = node;
  if (first != null && count == 1) return push(first);
  let made = newNode(count == 0 ? Op.Empty : Op.Concat);
  if (count == 0) made.traits = <u8>Trait.Nullable;
  else join(made, first);
  return push(made);
}

/** Replaces the alternatives above the last `(` by their alternation. */
function alternate(): i32 {
  let first: Node | null = null;
  let count = 0;
  let node = top;
  while (node != null && node.op != Op.LeftParen) {
    let below = node.next;
    if (node.op != Op.Bar) {
      node.next = first;
      first = node;
      count++;
    }
    node = below;
  }
  top = node;
  if (first != null && count == 1) return push(first);
  let made = newNode(Op.Alternate);
  join(made, first);
  return push(made);
}

function leftParen(slot: Slot, capture: bool): i32 {
  let node = newNode(Op.LeftParen);
  node.value = slot;
  node.max = capture ? 1 : 0;
  node.min = <i16>flags;
  return push(node);
}

function closeGroup(): i32 {
  let code = concat();
  if (code == 0) code = alternate();
  if (code != 0) return code;
  let inner = top;
  if (inner == null) return whole(RegexpError.UnexpectedParen);
  let paren = inner.next;
  if (paren == null) return whole(RegexpError.UnexpectedParen);
  flags = paren.min;
  top = paren.next;
  if (paren.max == 0) return push(inner);
  paren.op = <u8>Op.Capture;
  paren.min = 0;
  paren.max = 0;
  wrap(paren, inner);
  return push(paren);
}

/** From a `(` on: a group, or flags up to the end of the group around. */
function openGroup(): i32 {
  let start = position();
  if (peek(1) != 0x3f) {
    setPosition(start + 1);
    return leftParen(Slot.None, true);
  }
  // Go's lengths: a name needs one more byte than its introduction.
  if (peek(2) == 0x50 && peek(3) == 0x3c && peek(4) != END) return openNamed(start, start + 4);
  if (peek(2) == 0x3c && peek(3) != END) return openNamed(start, start + 3);
  setPosition(start + 2);
  let set = flags;
  let negative = false;
  let sawFlag = false;
  while (peek(0) != END) {
    let code = nextRune(patternEnd());
    if (code != 0) return code;
    let bit: u32 = 0;
    switch (lastRune()) {
      case 0x69: // i
        bit = Flag.Fold;
        break;
      case 0x6d: // m
        bit = Flag.MultiLine;
        break;
      case 0x73: // s
        bit = Flag.DotAll;
        break;
      case 0x55: // U
        bit = Flag.Ungreedy;
        break;
      case 0x2d: // -
        if (negative) return fail(RegexpError.InvalidPerlOp, start, position());
        negative = true;
        sawFlag = false;
        continue;
      case 0x3a: // :
      case 0x29: // )
        if (negative && !sawFlag) return fail(RegexpError.InvalidPerlOp, start, position());
        if (lastRune() == 0x3a) code = leftParen(Slot.None, false);
        flags = set;
        return code;
      default:
        return fail(RegexpError.InvalidPerlOp, start, position());
    }
    sawFlag = true;
    set = negative ? set & ~bit : set | bit;
  }
  return fail(RegexpError.InvalidPerlOp, start, position());
}

/** `(?P<name>` and `(?<name>`. */
function openNamed(start: i32, nameStart: i32): i32 {
  let nameEnd = indexOf(0x3e, start);
  if (nameEnd < 0) {
    let code = checkUtf8(start, patternEnd());
    return code != 0 ? code : fail(RegexpError.InvalidNamedCapture, start, patternEnd());
  }
  let code = checkUtf8(nameStart, nameEnd);
  if (code != 0) return code;
  let valid = nameEnd > nameStart;
  for (let i = nameStart; i < nameEnd; i++) {
    let c = <u32>unchecked(pattern()[i]);
    if (!(c == 0x5f || c - 0x30 < 10 || (c | 0x20) - 0x61 < 26)) valid = false;
  }
  if (!valid) return fail(RegexpError.InvalidNamedCapture, start, nameEnd + 1);
  let slot = Slot.None;
  if (equalsAscii(pattern(), nameStart, nameEnd, 'User')) slot = Slot.User;
  else if (equalsAscii(pattern(), nameStart, nameEnd, 'Group')) slot = Slot.Group;
  // Of several groups with one name the first counts.
  if (slot != Slot.None && (named & (1 << slot)) != 0) slot = Slot.None;
  if (slot != Slot.None) named |= 1 << slot;
  setPosition(nameEnd + 1);
  return leftParen(slot, true);
}

/** Repeats the element on the stack. `before` is the operator's offset, `after` the one behind it. */
function repeat(op: Op, min: i32, max: i32, before: i32, after: i32, lastRepeat: i32): i32 {
  setPosition(after);
  let lazy = (flags & Flag.Ungreedy) != 0;
  if (peek(0) == 0x3f) {
    lazy = !lazy;
    after++;
    setPosition(after);
  }
  if (lastRepeat >= 0) return fail(RegexpError.InvalidRepeatOp, lastRepeat, after);
  let sub = top;
  if (sub == null || <i32>sub.op >= Op.LeftParen)
    return fail(RegexpError.MissingRepeatArgument, before, after);
  let node = newNode(op);
  node.min = <i16>min;
  node.max = <i16>max;
  if (lazy) node.traits = <u8>Trait.Lazy;
  node.next = sub.next;
  wrap(node, sub);
  top = node;
  let code = checkLimits(node);
  if (code != 0) return code;
  if (op == Op.Repeat && (min >= 2 || max >= 2) && <i32>node.product > MAX_REPEAT) {
    return fail(RegexpError.InvalidRepeatSize, before, after);
  }
  return 0;
}

let countMin: i32 = 0;
let countMax: i32 = 0;

/**
 * `{n}`, `{n,}` or `{n,m}` into `countMin` and `countMax` (-1 without end;
 * `countMin` -1 when a number is too big). False, position unchanged, when this
 * is a literal brace.
 */
function readCounts(): bool {
  let start = position();
  setPosition(start + 1);
  if (readCount()) {
    countMin = countMax = count;
    if (peek(0) == 0x2c) {
      setPosition(position() + 1);
      if (peek(0) == 0x7d) countMax = -1;
      else if (readCount()) {
        countMax = count;
        if (count < 0) countMin = -1;
      } else {
        setPosition(start);
        return false;
      }
    }
    if (peek(0) == 0x7d) {
      setPosition(position() + 1);
      return true;
    }
  }
  setPosition(start);
  return false;
}

let count: i32 = 0;

/** A decimal number without leading zero into `count`, -1 when it is over 1e8. */
function readCount(): bool {
  if (peek(0) - 0x30 >= 10 || (peek(0) == 0x30 && peek(1) - 0x30 < 10)) return false;
  count = 0;
  while (peek(0) - 0x30 < 10) {
    if (count >= 100_000_000) count = -1;
    if (count >= 0) count = count * 10 + <i32>(peek(0) - 0x30);
    setPosition(position() + 1);
  }
  return true;
}

/** From a backslash on. */
function readBackslash(): i32 {
  let start = position();
  let fold = (flags & Flag.Fold) != 0;
  switch (peek(1)) {
    case 0x41: // A
      setPosition(start + 2);
      return assertion(Assert.BeginText);
    case 0x62: // b
      setPosition(start + 2);
      return assertion(Assert.WordBoundary);
    case 0x42: // B
      setPosition(start + 2);
      return assertion(Assert.NoWordBoundary);
    case 0x43: // C
      return fail(RegexpError.InvalidEscape, start, start + 2);
    case 0x51: // Q
      return quoted();
    case 0x7a: // z
      setPosition(start + 2);
      return assertion(Assert.EndText);
    case 0x70: // p
    case 0x50: {
      let code = readUnicodeEscape(fold);
      return code != 0 ? code : pushClass(parsedClass());
    }
  }
  if (readPerlEscape(fold)) return pushClass(parsedClass());
  let code = readEscape();
  return code != 0 ? code : literal(escapeRune(), start);
}

/** `\Q...\E`, or up to the end of the pattern. */
function quoted(): i32 {
  setPosition(position() + 2);
  let stop = position();
  while (stop < patternEnd() && !equalsAscii(pattern(), stop, min(stop + 2, patternEnd()), '\\E')) stop++;
  while (position() < stop) {
    let from = position();
    let code = nextRune(stop);
    if (code == 0) code = literal(lastRune(), from);
    if (code != 0) return code;
    if (arenaFull()) return whole(RegexpError.TooLarge);
  }
  if (stop < patternEnd()) setPosition(stop + 2);
  return 0;
}
