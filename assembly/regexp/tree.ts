import { takeHigh } from './arena';

/** The syntax tree. Nodes live in the arena, so links are plain pointers and nothing is counted or freed. */

export enum Op {
  /** Matches the empty string. */
  Empty,
  /** One character of the class `value`. */
  Char,
  /** An empty-width assertion, `value` one of `Assert`. */
  Assert,
  /** A group; `value` is its `Slot`, `Slot.None` for those nobody asks for. */
  Capture,
  Star,
  Plus,
  Quest,
  /** `min` to `max` times; `max` -1 is without end. */
  Repeat,
  Concat,
  Alternate,
  /** Only on the parser's stack: an open group with the flags before it in `min`. */
  LeftParen,
  Bar,
}

/** Empty-width conditions at a place in the text, also as a set of bits. */
export enum Assert {
  BeginText = 1,
  BeginLine = 2,
  EndText = 4,
  EndLine = 8,
  WordBoundary = 16,
  NoWordBoundary = 32,
}

export enum Slot {
  User,
  Group,
  None,
}

/** Bits of `Node.traits`. */
export enum Trait {
  /** Prefers fewer repetitions. */
  Lazy = 1,
  /** Can match the empty string. */
  Nullable = 2,
  /** A literal string, which in Go's tree is one node. */
  Literal = 4,
}

@unmanaged
export class Node {
  op: u8;
  traits: u8;
  /** Height of Go's tree for the same expression. */
  height: u16;
  min: i16;
  max: i16;
  value: u32;
  /** Instructions after expansion, saturated. */
  size: u32;
  /** Largest product of nested counts on a way down, 1 without any. */
  product: u32;
  /** First child, of those operators that have one; the others follow by `next`. */
  child: Node;
  /** Next sibling, or the element below on the parser's stack. */
  next: Node | null;
}

export function newNode(op: Op): Node {
  let node = changetype<Node>(takeHigh(offsetof<Node>()));
  node.op = <u8>op;
  node.height = 1;
  node.size = 1;
  node.product = 1;
  return node;
}

function saturate(size: u64): u32 {
  return size > <u64>u32.MAX_VALUE ? u32.MAX_VALUE : <u32>size;
}

/** Star, plus, quest, repeat or capture of `sub`; counts must be set before. */
export function wrap(node: Node, sub: Node): void {
  node.child = sub;
  sub.next = null;
  node.height = sub.height + 1;
  node.product = sub.product;
  let size = <u64>sub.size;
  let nullable = (sub.traits & Trait.Nullable) != 0;
  switch (<i32>node.op) {
    case Op.Capture:
      size += 2;
      break;
    case Op.Star:
      size += 2;
      nullable = true;
      break;
    case Op.Quest:
      size += 1;
      nullable = true;
      break;
    case Op.Plus:
      size += 1;
      break;
    case Op.Repeat: {
      let min = <u64>node.min;
      let max = <u64>node.max;
      if (node.max < 0) size = node.min == 0 ? 2 + size : 1 + min * size;
      else size = max * size + (max - min);
      if (node.min == 0) nullable = true;
      let times = node.max < 0 ? node.min : node.max;
      if (node.max == 0) node.product = 1;
      else if (times > 0) node.product *= <u32>times;
      break;
    }
  }
  node.size = max(1, saturate(size));
  if (nullable) node.traits |= <u8>Trait.Nullable;
}

/** Concatenation or alternation of the list `first` of at least two nodes. */
export function join(node: Node, first: Node | null): void {
  let alternate = node.op == Op.Alternate;
  let height: u16 = 0;
  let size: u64 = 0;
  let anyNullable = false;
  let allNullable = true;
  let allChars = true;
  let allLiteral = true;
  let sub: Node | null = first;
  while (sub != null) {
    // Go joins a concatenation inside a concatenation with its parent.
    height = max(height, <u16>(sub.op == node.op && sub.height > 1 ? sub.height - 1 : sub.height));
    size += <u64>sub.size + (alternate && sub != first ? 1 : 0);
    node.product = max(node.product, sub.product);
    if ((sub.traits & Trait.Nullable) != 0) anyNullable = true;
    else allNullable = false;
    if (sub.op != Op.Char) allChars = false;
    if ((sub.traits & Trait.Literal) == 0) allLiteral = false;
    sub = sub.next;
  }
  if (first != null) node.child = first;
  node.size = max(1, saturate(size));
  if (alternate) {
    // Go makes one class of single characters.
    node.height = allChars ? 1 : height + 1;
    if (anyNullable) node.traits |= <u8>Trait.Nullable;
  } else {
    node.height = allLiteral ? 1 : height + 1;
    if (allLiteral) node.traits |= <u8>Trait.Literal;
    if (allNullable) node.traits |= <u8>Trait.Nullable;
  }
}
