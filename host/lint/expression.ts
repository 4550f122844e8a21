/**
 * Reads as much of an expression as it takes to say where it is open and to make
 * a text that it matches. Nothing is decided by it: what an expression matches
 * is asked of the engine, with these texts.
 */
export interface Alternative {
  readonly source: string;
  /** A text that it should match. */
  readonly sample: string;
  /** Begins with `^`. */
  readonly start: boolean;
  /** The character it begins with, where there is only one. */
  readonly first: string | undefined;
  /** What may follow: nothing, anything as written (`.*`), anything behind a `/`, `?`, `=` or `&`, or anything unforeseen. */
  readonly end: 'closed' | 'any' | 'boundary' | 'open';
  /** It ends in something that may be absent or in a class, not in fixed text. */
  readonly loose: boolean;
}

/** Groups in groups; more is no expression anybody writes into a rule. */
const MAX_DEPTH = 20;
const MAX_REPEAT = 64;

/** The alternatives of an expression; undefined for one that is not understood. */
export function readExpression(source: string): readonly Alternative[] | undefined {
  const reader = new Reader(source.replace(/^\(\?[imsU]+\)/, ''));
  const found = reader.alternatives(0);
  return found === undefined || !reader.atEnd() ? undefined : found;
}

type Piece = Omit<Alternative, 'source'> & { readonly optional: boolean };

const RANK = { closed: 0, any: 1, boundary: 2, open: 3 } as const;

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  alternatives(depth: number): Alternative[] | undefined {
    if (depth > MAX_DEPTH) return undefined;
    const found: Alternative[] = [];
    do {
      if (found.length > 0) this.#at++;
      const one = this.#sequence(depth);
      if (one === undefined) return undefined;
      found.push(one);
    } while (this.#text[this.#at] === '|');
    return found;
  }

  #sequence(depth: number): Alternative | undefined {
    const from = this.#at;
    let sample = '';
    let start = false;
    let first: string | undefined;
    let end: Alternative['end'] = 'open';
    let loose = false;
    let isFirst = true;
    while (!this.atEnd() && this.#text[this.#at] !== '|' && this.#text[this.#at] !== ')') {
      const piece = this.#piece(depth);
      if (piece === undefined) return undefined;
      if (isFirst) {
        start ||= piece.start && !piece.optional;
        first = piece.optional ? undefined : piece.first;
        // `^` stands for no character: what follows is the first.
        isFirst = piece.start && piece.sample === '';
      }
      end = piece.optional && RANK[end] > RANK[piece.end] ? end : piece.end;
      loose = piece.loose || piece.optional;
      if (!piece.optional) sample += piece.sample;
    }
    return { source: this.#text.slice(from, this.#at), sample, start, first, end, loose };
  }

  #piece(depth: number): Piece | undefined {
    const isDot = this.#text[this.#at] === '.';
    const atom = this.#atom(depth);
    if (atom === undefined) return undefined;
    const quantifier = /^(?:[*+?]|\{(\d+)(,\d*)?\})\??/.exec(this.#text.slice(this.#at));
    if (quantifier === null) return { ...atom, optional: false };
    this.#at += quantifier[0].length;
    const sign = quantifier[0][0] ?? '';
    const least = quantifier[1] === undefined ? (sign === '+' ? 1 : 0) : Number(quantifier[1]);
    const repeats = sign === '*' || sign === '+' || quantifier[2] !== undefined;
    return {
      ...atom,
      sample: atom.sample.repeat(Math.min(least, MAX_REPEAT)),
      optional: least === 0,
      loose: true,
      end: isDot && repeats ? 'any' : atom.end,
    };
  }

  #atom(depth: number): Omit<Piece, 'optional'> | undefined {
    const char = this.#text[this.#at++] ?? '';
    switch (char) {
      case '^':
        return { sample: '', start: true, first: undefined, end: 'open', loose: false };
      case '$':
        return { sample: '', start: false, first: undefined, end: 'closed', loose: false };
      case '.':
        return { sample: ANY, start: false, first: undefined, end: 'open', loose: true };
      case '(':
        return this.#group(depth);
      case '[':
        return this.#class();
      case '\\':
        return this.#escape();
      case '*':
      case '+':
      case '?':
        return undefined;
      default:
        return literal(char);
    }
  }

  #group(depth: number): Omit<Piece, 'optional'> | undefined {
    const head = /^\?(?:[imsU-]*:|P?<\w+>)/.exec(this.#text.slice(this.#at));
    if (head === null && this.#text[this.#at] === '?') return undefined;
    this.#at += head?.[0].length ?? 0;
    const inner = this.alternatives(depth + 1);
    if (inner === undefined || this.#text[this.#at] !== ')') return undefined;
    this.#at++;
    const [one] = inner;
    if (one === undefined) return undefined;
    return {
      sample: one.sample,
      start: inner.every(({ start }) => start),
      first: inner.every(({ first }) => first === one.first) ? one.first : undefined,
      end: inner.map(({ end }) => end).sort((a, b) => RANK[b] - RANK[a])[0] ?? 'open',
      loose: inner.some(({ loose }) => loose),
    };
  }

  #class(): Omit<Piece, 'optional'> | undefined {
    const match = /^(\^?)(\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*)\]/s.exec(this.#text.slice(this.#at));
    if (match === null) return undefined;
    this.#at += match[0].length;
    const [, negated, body = ''] = match;
    const first = body.startsWith('\\') ? escaped(body[1] ?? '') : body.startsWith('[:') ? ANY : body[0];
    const sample = negated === '^' ? (['a', 'z', '0', '-'].find(char => !body.includes(char)) ?? 'a') : first;
    // `[/?]` is where a path ends.
    const boundary = negated !== '^' && /^[/?&=]+$/.test(body);
    return {
      sample: sample ?? ANY,
      start: false,
      first: undefined,
      end: boundary ? 'boundary' : 'open',
      loose: true,
    };
  }

  #escape(): Omit<Piece, 'optional'> | undefined {
    const char = this.#text[this.#at++];
    if (char === undefined || char === 'Q' || char === 'x') return undefined;
    if (char === 'A') return { sample: '', start: true, first: undefined, end: 'open', loose: false };
    if (char === 'z') return { sample: '', start: false, first: undefined, end: 'closed', loose: false };
    if (char === 'b' || char === 'B')
      return { sample: '', start: false, first: undefined, end: 'boundary', loose: false };
    if (char === 'p' || char === 'P') {
      const name = /^(\w|\{\^?\w+\})/.exec(this.#text.slice(this.#at));
      this.#at += name?.[0].length ?? 0;
      return { sample: ANY, start: false, first: undefined, end: 'open', loose: true };
    }
    if (/\w/.test(char)) {
      return { sample: escaped(char), start: false, first: undefined, end: 'open', loose: true };
    }
    return literal(char);
  }
}

/** What stands for any character. */
const ANY = 'a';

function literal(char: string): Omit<Piece, 'optional'> {
  return {
    sample: char,
    start: false,
    first: char,
    end: '/?=&'.includes(char) ? 'boundary' : 'open',
    loose: false,
  };
}

function escaped(char: string): string {
  const known: Readonly<Record<string, string>> = { d: '1', s: ' ', W: '-' };
  return known[char] ?? (/\w/.test(char) ? ANY : char);
}
