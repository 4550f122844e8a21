import { type KeyNode, newNode } from './key-tree.ts';

/**
 * Puts lines below the keys they belong to when their indentation is wrong or
 * lost, as it happens to what is copied from a web page. Only for showing what
 * was meant: a file that had to be mended is never used.
 *
 * Every line keeps its indentation where that fits; else it goes to the
 * innermost open key that knows it. Undefined when something in the file cannot
 * be judged line by line.
 */
export function reindent(text: string, tree: KeyNode): string | undefined {
  const out: string[] = [];
  /** Comments and empty lines go with the line behind them. */
  let waiting: string[] = [];
  const frames: Frames = Object.assign([mapping(tree, 0, 0)], { unindented: isUnindented(text) });
  for (const raw of text.split('\n')) {
    const line = readLine(raw.replace('\r', ''));
    if (line === 'blank') {
      waiting.push(raw);
      continue;
    }
    if (line === undefined) return undefined;
    const indent = line === 'marker' ? 0 : place(frames, line);
    if (indent === undefined) return undefined;
    const content = raw.trim();
    out.push(...waiting.map(comment => shift(comment, indent, line)));
    waiting = [];
    out.push(' '.repeat(indent) + content);
  }
  return [...out, ...waiting].join('\n');
}

/** A mapping, a list, or a key whose value has yet to come. */
interface Frame {
  kind: 'mapping' | 'list' | 'open';
  readonly node: KeyNode;
  /** Column of its keys or dashes as it should be and as it was; of the key itself while `open`. */
  indent: number;
  was: number;
  readonly seen: Set<string>;
}

/** From the outermost. `unindented`: nothing in the file is indented, so columns say nothing. */
type Frames = Frame[] & { readonly unindented: boolean };

function isUnindented(text: string): boolean {
  return !/^[\t ]+[^\s#]/m.test(text);
}

interface Line {
  readonly was: number;
  /** Columns of the dashes in front, from the first: `- - a` has 0 and 2. */
  readonly dashes: readonly number[];
  /** Column of what follows the dashes. */
  readonly at: number;
  readonly key: string | undefined;
  readonly hasValue: boolean;
}

/** Keys are plain or quoted; a value after them may be anything that ends in its line. */
const KEY = /^(?:([\w.@*{}+/-][^\s:#]*)|"([^"\\]*)"|'([^']*)')\s*:(?:\s+(.*))?$/;

function readLine(text: string): Line | 'blank' | 'marker' | undefined {
  const tabs = text.replace(/^[\t ]+/, blanks => blanks.replaceAll('\t', '  '));
  if (/^\s*(#.*)?$/.test(tabs)) return 'blank';
  if (/^(---|\.\.\.)\s*$/.test(tabs)) return 'marker';
  const was = tabs.length - tabs.trimStart().length;
  const dashes: number[] = [];
  let at = was;
  for (let dash = /^-(\s+|$)/.exec(tabs.slice(at)); dash !== null; dash = /^-(\s+|$)/.exec(tabs.slice(at))) {
    dashes.push(at);
    at += dash[0].length;
  }
  const content = tabs.slice(at);
  const [, plain, double, single, value] = KEY.exec(content) ?? [];
  const key = plain ?? double ?? single;
  const rest = (key === undefined ? content : (value ?? '')).replace(/(^|\s)#.*$/, '').trim();
  if (isOpenEnded(rest) || (key === undefined && dashes.length === 0)) return undefined;
  return { was, dashes, at, key, hasValue: rest !== '' };
}

/** Values that go on in the next line: block scalars, brackets and quotes without their end. */
function isOpenEnded(value: string): boolean {
  if (/^[|>]/.test(value)) return true;
  if (/^["']/.test(value)) return value.length < 2 || value.at(-1) !== value[0];
  if (!/^[[{]/.test(value)) return false;
  const bare = value.replaceAll(/'[^']*'|"[^"]*"/g, '');
  return bare.split(/[[{]/).length !== bare.split(/[\]}]/).length;
}

/** Closes and opens frames for a line; the column where it should begin. */
function place(frames: Frames, line: Line): number | undefined {
  return line.dashes.length > 0 ? placeEntry(frames, line) : placeKey(frames, line, line.was);
}

function placeKey(frames: Frames, line: Line, was: number): number | undefined {
  const key = line.key;
  if (key === undefined) return undefined;
  const found =
    candidate(frames, frame => knows(frame, key), was) ??
    candidate(frames, frame => named(frame, key, line, was), was) ??
    // A name of the writer's own, or an unknown key, where no column tells whose it is.
    (frames.unindented
      ? frames.findLast(frame => frame.kind !== 'list' && !frame.seen.has(key))
      : undefined) ??
    // A key that nobody knows stays where it stands.
    frames.findLast(frame => frame.kind === 'mapping' && frame.was === was && !frame.seen.has(key)) ??
    frames.findLast(frame => frame.kind === 'open' && frame.was < was);
  if (found === undefined) return undefined;
  const frame = enter(frames, found, was, 'mapping');
  frame.seen.add(key);
  const below = frame.node.below.get(key) ?? frame.node.any ?? newNode();
  if (!line.hasValue) frames.push({ kind: 'open', node: below, indent: frame.indent, was, seen: new Set() });
  return frame.indent;
}

function placeEntry(frames: Frames, line: Line): number | undefined {
  const [dash = 0, ...more] = line.dashes;
  const key = line.key;
  const fits = (frame: Frame): boolean => {
    if (frame.kind === 'mapping') return false;
    let entry = frame.node.entry;
    for (const _ of more) entry = entry?.entry;
    if (key !== undefined && !/^[[{"']/.test(key)) return entry?.below.has(key) === true;
    // Of lists of texts nothing is known but that no keys stand in them.
    return frame.node.below.size === 0 && frame.node.any === undefined;
  };
  const found = candidate(frames, fits, dash) ?? frames.findLast(frame => frame.kind !== 'mapping');
  if (found === undefined) return undefined;
  let frame = enter(frames, found, dash, 'list');
  const { indent } = frame;
  const moved = indent - dash;
  for (const inner of more) {
    const node = frame.node.entry ?? newNode();
    frame = { kind: 'list', node, indent: inner + moved, was: inner, seen: new Set() };
    frames.push(frame);
  }
  if (key !== undefined) {
    frames.push(mapping(frame.node.entry ?? newNode(), line.at + moved, line.at));
    if (placeKey(frames, { ...line, dashes: [] }, line.at) === undefined) return undefined;
  }
  return indent;
}

/** Of the frames that fit: a key that waits for its value, else the one in whose column the line stands, else the innermost. */
function candidate(frames: Frames, fits: (frame: Frame) => boolean, was: number): Frame | undefined {
  const able = frames.filter(fits);
  const inner = able.at(-1);
  if (frames.unindented || (inner?.kind === 'open' && inner.was <= was && inner === frames.at(-1)))
    return inner;
  return able.findLast(frame => frame.kind !== 'open' && frame.was === was) ?? inner;
}

function knows(frame: Frame, key: string): boolean {
  return frame.kind !== 'list' && !frame.seen.has(key) && frame.node.below.has(key);
}

/** A key of the writer's own: it stands where they do, or opens something. */
function named(frame: Frame, key: string, line: Line, was: number): boolean {
  if (frame.kind === 'list' || frame.node.any === undefined || frame.seen.has(key)) return false;
  return !line.hasValue || frame.was === was || (frame.kind === 'open' && frame.was < was);
}

/** Closes what is inside the frame; one that was open becomes what its first line makes of it. */
function enter(frames: Frame[], frame: Frame, was: number, kind: 'mapping' | 'list'): Frame {
  frames.length = frames.indexOf(frame) + 1;
  if (frame.kind !== 'open') return frame;
  // Dashes may stand in the column of their key; where that column was lost they are set off.
  const level = kind === 'list' && was === frame.was && frame.indent === frame.was;
  const deeper = was > frame.was ? was - frame.was : level ? 0 : 2;
  frame.kind = kind;
  frame.indent += deeper;
  frame.was = was;
  return frame;
}

function mapping(node: KeyNode, indent: number, was: number): Frame {
  return { kind: 'mapping', node, indent, was, seen: new Set() };
}

function shift(comment: string, indent: number, line: Line | 'marker'): string {
  const text = comment.trim();
  if (text === '' || line === 'marker') return comment;
  const was = comment.length - comment.trimStart().length;
  return ' '.repeat(was === line.was ? indent : was) + text;
}
