import { Node, NodeKind, Token } from 'assemblyscript';

/**
 * A transform of asc: in `assembly/` a string literal becomes the address of its
 * length (u16) and its bytes, and type `string` becomes `Text`
 * (`assembly/bytes/text.ts`), which reads them. AssemblyScript's strings take two
 * bytes a character and a header; all texts together would fill a tenth of the
 * guest's memory that way. The type of a runtime's string is never written.
 */
const TEXT = 'assembly/bytes/text';
/** Keys of a node that lead out of its tree, or hold a literal that is no value. */
const NOT_VALUES = new Set(['parent', 'path', 'decorators']);

export default {
  afterParse(parser) {
    for (const source of parser.sources) {
      if (!source.internalPath.startsWith('assembly/') || source.internalPath === TEXT) continue;
      rewrite(source);
      // Where no literal and no such type is the import is idle.
      source.statements.unshift(importOf(source));
    }
  },
};

/** `import { Text as __Text } from '…/bytes/text'`. */
function importOf({ range, internalPath }) {
  const up = '../'.repeat(internalPath.split('/').length - 2) || './';
  const name = text => Node.createIdentifierExpression(text, range);
  return Node.createImportStatement(
    [Node.createImportDeclaration(name('Text'), name('__Text'), range)],
    Node.createStringLiteralExpression(`${up}bytes/text`, range),
    range,
  );
}

function rewrite(node) {
  for (const [key, value] of Object.entries(node)) {
    if (NOT_VALUES.has(key)) continue;
    if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) if (item instanceof Node) value[i] = rewritten(item);
    } else if (value instanceof Node) {
      node[key] = rewritten(value);
    }
  }
}

function rewritten(node) {
  if (node.kind === NodeKind.NamedType && node.name.identifier.text === 'string') {
    node.name.identifier.text = '__Text';
    return node;
  }
  const text = textOf(node);
  if (text !== undefined) return addressOf(text, node.range);
  rewrite(node);
  return node;
}

/** Of a literal, and of literals put together. */
function textOf(node) {
  if (node.kind === NodeKind.Literal && typeof node.value === 'string') return node.value;
  if (node.kind !== NodeKind.Binary || node.operator !== Token.Plus) return undefined;
  const left = textOf(node.left);
  const right = left === undefined ? undefined : textOf(node.right);
  return right === undefined ? undefined : left + right;
}

/** `changetype<Text>(memory.data<u8>([…]))`. */
function addressOf(text, range) {
  if (!/^[\x20-\x7e]*$/.test(text)) throw new Error(`texts must be printable ASCII: ${text}`);
  const bytes = Buffer.from(text, 'latin1');
  const numbers = [bytes.length & 0xff, bytes.length >> 8, ...bytes];
  const name = word => Node.createIdentifierExpression(word, range);
  const type = word => Node.createNamedType(Node.createSimpleTypeName(word, range), null, false, range);
  const data = Node.createCallExpression(
    Node.createPropertyAccessExpression(name('memory'), name('data'), range),
    [type('u8')],
    [
      Node.createArrayLiteralExpression(
        numbers.map(byte => Node.createIntegerLiteralExpression(globalThis.i64_new(byte, 0), range)),
        range,
      ),
    ],
    range,
  );
  return Node.createCallExpression(name('changetype'), [type('__Text')], [data], range);
}
