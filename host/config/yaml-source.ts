import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { indentationProblems } from './indentation.ts';
import type { KeyNode } from './key-tree.ts';
import type { Problem } from './problem.ts';
import { reindent } from './reindent.ts';
import { readRest } from './yaml-rest.ts';

/** Aliases may multiply content (a "billion laughs"); no configuration needs more. */
const MAX_ALIASES = 100;

export type ReadYaml =
  | { readonly ok: true; readonly source: YamlSource }
  | {
      readonly ok: false;
      readonly problems: readonly Problem[];
      /** As far as it can be read or guessed, for finding what else is wrong. Never to be used. */
      readonly source: YamlSource | undefined;
    };

/** A YAML file that was read: its values, and where each of them stands. */
export interface YamlSource {
  readonly file: string;
  readonly value: unknown;
  /** Line of a path like `access_control.rules[0].subject`, or of the nearest thing above it that exists. */
  lineOf(path: string): number | undefined;
  /** Top-level keys that could not be read whole. */
  readonly damaged: ReadonlySet<string>;
}

export interface YamlOptions {
  /**
   * `core` gives booleans, numbers and null (YAML 1.2). `failsafe` gives every
   * scalar as it is written and mappings as `Map`: names like `007` stay whole.
   */
  readonly schema: 'core' | 'failsafe';
  /** Which keys belong below which, to understand lines with a wrong indentation. */
  readonly tree?: () => KeyNode;
}

const WHOLE: ReadonlySet<string> = new Set();

/** Reads YAML 1.2 with merge keys, as Authelia does. */
export function readYaml(file: string, text: string, options: YamlOptions): ReadYaml {
  const problem = (code: string, message: string, line?: number): Problem => ({
    code,
    severity: 'error',
    path: '',
    message,
    file,
    ...(line === undefined ? {} : { line }),
  });
  try {
    const parsed = parse(text, options);
    const { errors } = parsed.document;
    if (errors.length === 0) return { ok: true, source: sourceOf(file, parsed, options, WHOLE) };
    return { ok: false, ...readBroken(file, text, parsed, options, problem) };
  } catch (error) {
    // An alias without its anchor, too many aliases, or nesting beyond the stack.
    const message =
      error instanceof ReferenceError
        ? 'not valid YAML: an alias (`*name`) has no anchor (`&name`) before it, or there are too many of them'
        : 'not valid YAML: nested too deeply';
    return { ok: false, problems: [problem('yaml.alias', message)], source: undefined };
  }
}

interface ParsedYaml {
  readonly document: Document;
  readonly lines: LineCounter;
}

function parse(text: string, options: YamlOptions): ParsedYaml {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: options.schema,
    merge: true,
    lineCounter: lines,
    // Pretty errors quote the source, which may hold secrets.
    prettyErrors: false,
    // `silent` would also let a second document pass unnoticed.
    logLevel: 'error',
  });
  return { document, lines };
}

function sourceOf(
  file: string,
  { document, lines }: ParsedYaml,
  options: YamlOptions,
  damaged: ReadonlySet<string>,
): YamlSource {
  const value: unknown = document.toJS({
    maxAliasCount: MAX_ALIASES,
    mapAsMap: options.schema === 'failsafe',
  });
  return { file, value, lineOf: path => lineOf(document, lines, path), damaged };
}

type MakeProblem = (code: string, message: string, line?: number) => Problem;

/** Problems of a file that is no valid YAML, and what else it says as far as that can be told. */
function readBroken(
  file: string,
  text: string,
  broken: ParsedYaml,
  options: YamlOptions,
  problem: MakeProblem,
): { problems: Problem[]; source: YamlSource | undefined } {
  const right = options.tree === undefined ? undefined : reindent(text, options.tree());
  if (right !== undefined && right !== text) {
    const parsed = parse(right, options);
    if (parsed.document.errors.length === 0) {
      return {
        problems: indentationProblems(file, text, right),
        source: sourceOf(file, parsed, options, WHOLE),
      };
    }
  }
  let last = broken;
  const rest = readRest(
    text,
    left => {
      last = parse(left, options);
      return last.document;
    },
    offset => last.lines.linePos(offset).line,
  );
  if (rest === undefined) {
    return { problems: syntaxProblems(broken.document, text, broken.lines, problem), source: undefined };
  }
  const problems = [...rest.mistakes].map(([line, code]) =>
    problem('yaml.syntax', syntaxMessage(code, text, offsetOf(text, line)), line),
  );
  problems.push(...syntaxProblems(last.document, text, last.lines, problem));
  try {
    return { problems, source: sourceOf(file, last, options, rest.damaged) };
  } catch {
    return { problems, source: undefined };
  }
}

/** Of the last character before the end of a line. */
function offsetOf(text: string, line: number): number {
  return Math.max(0, text.split('\n').slice(0, line).join('\n').length - 1);
}

/** Every duplicate key, or the first syntax error: those behind it are its echoes. */
function syntaxProblems(
  document: Document,
  text: string,
  lines: LineCounter,
  problem: (code: string, message: string, line: number) => Problem,
): Problem[] {
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const duplicates: Problem[] = [];
  for (const error of document.errors) {
    const at = error.pos[0];
    if (error.code === 'DUPLICATE_KEY') {
      const key = /^[\w.-]{1,64}/.exec(text.slice(at).replace(/^["']/, ''))?.[0];
      const name = key === undefined ? 'a key' : `\`${key}\``;
      duplicates.push(
        problem('yaml.duplicate-key', `${name} stands twice in one mapping: keep one`, lineAt(at)),
      );
    } else {
      return [problem('yaml.syntax', syntaxMessage(error.code, text, at), lineAt(at))];
    }
  }
  return duplicates;
}

/** The library's own messages name no way out and may quote the file. */
function syntaxMessage(code: string, text: string, at: number): string {
  const line = text.slice(text.lastIndexOf('\n', at - 1) + 1, at + 1);
  if (code === 'TAB_AS_INDENT' || /^ *\t/.test(line)) {
    return 'not valid YAML: a tab stands where the line is indented; use spaces';
  }
  switch (code) {
    case 'BAD_INDENT':
      return 'not valid YAML: this line is not indented as its neighbours are; keys of one mapping begin in one column, and brackets are closed before the next key';
    case 'MULTILINE_IMPLICIT_KEY':
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'UNEXPECTED_TOKEN':
    case 'KEY_OVER_1024_CHARS':
      return 'not valid YAML: this line does not fit what stands before it; write `key: value` with a space behind the colon, indent as the neighbours are, and quote values that hold `: `';
    case 'MISSING_CHAR':
      return 'not valid YAML: a quote, bracket or colon is missing here or before';
    case 'BAD_SCALAR_START':
      return 'not valid YAML: a value that begins with this character must be quoted';
    case 'BAD_DQ_ESCAPE':
      return "not valid YAML: in double quotes a backslash begins an escape; use single quotes: '^/api$'";
    case 'MULTIPLE_DOCS':
      return 'several YAML documents in one file (`---`): keep one';
    default:
      return `not valid YAML (${code.toLowerCase().replaceAll('_', ' ')})`;
  }
}

/** Keys may hold dots themselves, so the path is matched against the keys that exist, longest first. */
function lineOf(document: Document, lines: LineCounter, path: string): number | undefined {
  let node: Node | undefined = document.contents ?? undefined;
  let line: number | undefined;
  let rest = path;
  while (node !== undefined && rest !== '') {
    if (isAlias(node)) node = node.resolve(document);
    const index = /^\[(\d+)\]\.?/.exec(rest);
    if (isSeq(node) && index !== null) {
      const item: unknown = node.items[Number(index[1])];
      if (!isNode(item)) return line;
      node = item;
      rest = rest.slice(index[0].length);
    } else if (isMap(node)) {
      let best: { key: string; keyNode: Node; value: unknown } | undefined;
      for (const pair of node.items) {
        if (!isScalar(pair.key)) continue;
        const key = typeof pair.key.value === 'string' ? pair.key.value : String(pair.key.source);
        const next = rest[key.length];
        if (rest.startsWith(key) && (next === undefined || next === '.' || next === '[')) {
          if (best === undefined || key.length > best.key.length)
            best = { key, keyNode: pair.key, value: pair.value };
        }
      }
      if (best === undefined) return line;
      rest = rest.slice(best.key.length).replace(/^\./, '');
      line = startLine(best.keyNode, lines) ?? line;
      node = isNode(best.value) ? best.value : undefined;
      continue;
    } else {
      return line;
    }
    line = startLine(node, lines) ?? line;
  }
  return line;
}

function startLine(node: Node, lines: LineCounter): number | undefined {
  return node.range ? lines.linePos(node.range[0]).line : undefined;
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value);
}
