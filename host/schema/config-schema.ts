import { FOREIGN_KEYS, FOREIGN_NAMES, type ForeignKey } from '../config/foreign-keys.ts';
import { isValueKey, POLICY_TREES, SPECIAL_KEYS, VALUE_KEYS, variableOf } from '../config/keys.ts';
import { type JsonSchema, KEY_DOCS, SPECIAL_DOCS } from './key-docs.ts';
import { POLICY_SCHEMAS } from './policy-schema.ts';

/** A key with what may stand below it. */
interface Node {
  schema: JsonSchema | undefined;
  foreign: ForeignKey | undefined;
  readonly below: Map<string, Node>;
  entry: Node | undefined;
}

/**
 * JSON Schema (draft 7) of `postern.yml`, from the tables that it is read by.
 * Editors offer and explain keys by it; `postern validate` knows more.
 */
export function configSchema(): JsonSchema {
  const root = newNode();
  for (const path of Object.keys(VALUE_KEYS)) at(root, path).schema = documented(path);
  for (const path of POLICY_TREES) at(root, path).schema = POLICY_SCHEMAS[path];
  for (const path of SPECIAL_KEYS) {
    // Those that are keys of Authelia's, too, are described there.
    if (Object.hasOwn(SPECIAL_DOCS, path)) at(root, path).schema = SPECIAL_DOCS[path];
  }
  for (const [path, foreign] of Object.entries(FOREIGN_KEYS)) at(root, path).foreign = foreign;
  for (const [path, names] of Object.entries(FOREIGN_NAMES)) {
    for (const name of names.split(' ')) at(root, `${path}.${name}`);
  }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of Postern (postern.yml)',
    ...objectOf(root),
    type: 'object',
  };
}

function documented(path: string): JsonSchema {
  const { description = '', ...schema } = KEY_DOCS[path] ?? {};
  const variable = isValueKey(path) ? ` Environment: \`${variableOf(path)}\`.` : '';
  return { description: `${description}${variable}`, ...schema };
}

function at(root: Node, path: string): Node {
  let node = root;
  for (const step of path.replaceAll('[]', '.[]').split('.')) {
    if (step === '[]') {
      node.entry ??= newNode();
      node = node.entry;
      continue;
    }
    const next: Node = node.below.get(step) ?? newNode();
    node.below.set(step, next);
    node = next;
  }
  return node;
}

function newNode(): Node {
  return { schema: undefined, foreign: undefined, below: new Map(), entry: undefined };
}

function render(node: Node): JsonSchema {
  const { schema, foreign } = node;
  if (foreign?.kind === 'refused') {
    // Many files hold such keys empty or switched off, which means nothing.
    const off = { properties: { disable: { const: true } }, required: ['disable'], type: 'object' };
    return {
      description: sentence(foreign),
      deprecated: true,
      doNotSuggest: true,
      anyOf: [{ enum: [null, false, '', []] }, off],
    };
  }
  const note =
    foreign === undefined ? {} : { description: sentence(foreign), deprecated: true, doNotSuggest: true };
  // A key without a value is as good as absent.
  if (schema !== undefined) return { ...orNull(schema), ...note };
  if (node.entry !== undefined) return { type: ['array', 'null'], items: render(node.entry), ...note };
  return node.below.size > 0 ? { ...objectOf(node), ...note } : note;
}

function objectOf(node: Node): JsonSchema {
  const properties = [...node.below].map(([name, below]) => [name, render(below)] as const);
  return {
    type: ['object', 'null'],
    additionalProperties: false,
    properties: Object.fromEntries(properties),
  };
}

function orNull(schema: JsonSchema): JsonSchema {
  const { description, default: value, examples, deprecated, ...rest } = schema;
  const shown = Object.entries({ description, default: value, examples, deprecated });
  return {
    ...Object.fromEntries(shown.filter(([, item]) => item !== undefined)),
    ...withNull(rest),
  };
}

function withNull(schema: JsonSchema): JsonSchema {
  const { type } = schema;
  // Other keywords of a text or number say nothing about null.
  if (typeof type === 'string' && schema.not === undefined) return { ...schema, type: [type, 'null'] };
  if (Array.isArray(type)) return schema;
  return { anyOf: [schema, { type: 'null' }] };
}

/** A message about a key as a sentence about "this key". */
function sentence({ message }: ForeignKey): string {
  return `${message[0]?.toUpperCase()}${message.slice(1)}.`;
}
