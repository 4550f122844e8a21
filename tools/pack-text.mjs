import { Node, NodeKind } from 'assemblyscript';

/**
 * A transform of asc: `packed('text')` becomes the address of the text's length
 * (u16) and its bytes. AssemblyScript's strings take two bytes a character and
 * a header; what people read, and nothing else, would fill a tenth of the
 * guest's memory that way. What it is read by: `assembly/bytes/packed.ts`.
 */
export default {
  afterParse(parser) {
    for (const source of parser.sources) {
      if (!source.internalPath.startsWith('~lib/')) rewrite(source);
    }
  },
};

/** Replaces the calls in all that hangs from a node. */
function rewrite(node) {
  for (const [key, value] of Object.entries(node)) {
    if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) if (item instanceof Node) value[i] = rewritten(item);
    } else if (value instanceof Node && key !== 'parent') {
      node[key] = rewritten(value);
    }
  }
}

function rewritten(node) {
  const text = packedText(node);
  if (text === undefined) {
    rewrite(node);
    return node;
  }
  const { range } = node;
  const bytes = Buffer.from(text, 'latin1');
  if (!/^[\x20-\x7e]*$/.test(text)) throw new Error(`packed text must be printable ASCII: ${text}`);
  const numbers = [bytes.length & 0xff, bytes.length >> 8, ...bytes];
  const name = word => Node.createIdentifierExpression(word, range);
  const u8 = Node.createNamedType(Node.createSimpleTypeName('u8', range), null, false, range);
  return Node.createCallExpression(
    Node.createPropertyAccessExpression(name('memory'), name('data'), range),
    [u8],
    [
      Node.createArrayLiteralExpression(
        numbers.map(byte => Node.createIntegerLiteralExpression(globalThis.i64_new(byte, 0), range)),
        range,
      ),
    ],
    range,
  );
}

/** Text of a call of `packed`; undefined for every other node. */
function packedText(node) {
  if (node.kind !== NodeKind.Call || node.expression.text !== 'packed') return undefined;
  const [argument] = node.args;
  return typeof argument?.value === 'string' ? argument.value : undefined;
}
