import { Node, Op, Trait } from './tree';

/**
 * Rewriting before code is made, with Go's results: `x{0,}` is `x*`, `x{1}` is
 * `x`, `(x*)*` is `x*`, and repeating nothing is nothing. Counted repetitions
 * that remain are expanded by `compile.ts`. Works down chains of single
 * children in a loop; each node is looked at where it is compiled, and a chain
 * that was walked is cut out of the tree, so the work stays linear.
 */

/** The operator a repetition comes to. */
function reduced(node: Node): Op {
  if (node.op != Op.Repeat) return <Op>node.op;
  if (node.min == 0) {
    if (node.max == 0) return Op.Empty;
    if (node.max == 1) return Op.Quest;
    if (node.max < 0) return Op.Star;
  } else if (node.min == 1) {
    if (node.max == 1) return Op.Concat;
    if (node.max < 0) return Op.Plus;
  }
  return Op.Repeat;
}

function isLoop(op: Op): bool {
  return op == Op.Star || op == Op.Plus || op == Op.Quest;
}

/** The node to compile in the place of `node`; `node` itself is simplified in place. */
export function simplify(node: Node): Node {
  while (node.op == Op.Repeat && node.min == 1 && node.max == 1) node = node.child;
  let op = reduced(node);
  node.op = <u8>op;
  if (!isLoop(op)) return node;
  let sub = node.child;
  while (true) {
    let inner = reduced(sub);
    if (sub.op == Op.Repeat && inner == Op.Concat) sub = sub.child;
    else if (inner == op && ((sub.traits ^ node.traits) & Trait.Lazy) == 0) sub = sub.child;
    else break;
  }
  node.child = sub;
  if (sub.op == Op.Empty) node.op = <u8>Op.Empty;
  return node;
}
