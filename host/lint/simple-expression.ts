import { ANY_TEXT, type Probe } from './probe.ts';
import { uriOf } from './uri.ts';

/**
 * Expressions of the few shapes that nearly all rules have: a fixed text, and
 * behind it its end, anything, or anything from a `/` or `?` on. Of these a few
 * samples stand for everything they match, so the engine can be asked whether
 * one matches all that another does.
 */
export interface SimpleExpression {
  readonly anchored: boolean;
  readonly literal: string;
  /** Texts that stand for all that may follow. */
  readonly tails: readonly string[];
}

const TAILS: Readonly<Record<string, readonly string[]>> = {
  $: [''],
  '': ['', ANY_TEXT, `\n${ANY_TEXT}`],
  '.*': ['', ANY_TEXT, `\n${ANY_TEXT}`],
  '.*$': ['', ANY_TEXT],
  '([/?].*)?$': ['', `/${ANY_TEXT}`, `?${ANY_TEXT}`],
  '(/.*)?$': ['', `/${ANY_TEXT}`],
  '(\\?.*)?$': ['', `?${ANY_TEXT}`],
};

const SHAPE =
  /^(\^)?((?:[\w/~!@%&=:;,'"<> -]|\\[^\w\s])*)(\$|\.\*\$?|\(\[\/\?\]\.\*\)\?\$|\(\/\.\*\)\?\$|\(\\\?\.\*\)\?\$)?$/;

/** Undefined for an expression with more to it than a text and one of the known tails. */
export function readSimple(expression: string): SimpleExpression | undefined {
  const match = SHAPE.exec(expression);
  if (match === null) return undefined;
  const tails = TAILS[match[3] ?? ''];
  if (tails === undefined) return undefined;
  return { anchored: match[1] !== undefined, literal: (match[2] ?? '').replaceAll(/\\(.)/g, '$1'), tails };
}

/** Whether an expression matches every path. */
export function isUniversal(expression: string): boolean {
  const { literal, tails } = readSimple(expression) ?? { literal: undefined, tails: [] };
  return (literal === '' || literal === '/') && tails.includes(ANY_TEXT);
}

/** An expression as it is written, and its shape if it has one of these. */
export interface Shaped {
  readonly text: string;
  readonly simple: SimpleExpression | undefined;
}

/** Whether the outer expression matches all that the inner one does. False when that cannot be told. */
export function holdsExpression(outer: Shaped, inner: Shaped, probe: Probe): boolean {
  if (outer.text === inner.text) return true;
  const a = outer.simple;
  const b = inner.simple;
  if (a === undefined || b === undefined || !mayHold(a, b)) return false;
  let held = 0;
  for (const uri of samples(b)) {
    const matches = probe.resource(outer.text, uri);
    // A path that no request can have is no exception.
    if (matches === undefined) continue;
    if (!matches) return false;
    held++;
  }
  return held > 0;
}

/** Spares the engine most questions; it has the last word on the others. */
function mayHold(a: SimpleExpression, b: SimpleExpression): boolean {
  if (!a.anchored) return b.literal.includes(a.literal);
  return b.anchored ? b.literal.startsWith(a.literal) : a.literal.length < 2;
}

/** Paths that stand for all that the expression matches; every path begins with `/`. */
function* samples({ anchored, literal, tails }: SimpleExpression): Iterable<string> {
  for (const before of anchored ? [''] : ['', `/${ANY_TEXT}`, '/']) {
    for (const tail of tails) {
      const text = before + literal + tail;
      if (text.startsWith('/')) yield uriOf(text);
    }
  }
}
