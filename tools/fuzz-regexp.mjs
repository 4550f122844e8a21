// Differential fuzzing of the regular expressions against Go's, by the small
// program in tools/regexp-oracle. Patterns are mutations of the corpus, so most
// stay valid; compared are the verdict on the pattern, error and offending
// part, the answer for each text and the places of User and Group.
import { Buffer } from 'node:buffer';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { fieldBytes } from './vectors-regexp.mjs';

const BATCH = 100;
const TEXTS = 6;
/** Longest pattern tried, in bytes: Go's time per pattern counts too. */
const MAX_PATTERN = 400;

const TOKENS = [
  ...[
    '.',
    '*',
    '+',
    '?',
    '|',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '^',
    '$',
    '\\',
    '-',
    ',',
    '/',
    '<',
    '>',
    ':',
    '=',
  ],
  ...['*?', '+?', '??', '{2}', '{0,2}', '{1,}', '{0}', '{3,2}', '{,2}', '{1000}', '{1001}', '{2}?', '{0,3}?'],
  ...[
    '(?:',
    '(?i)',
    '(?i:',
    '(?s)',
    '(?m)',
    '(?U)',
    '(?-i)',
    '(?im-s:',
    '(?P<User>',
    '(?P<Group>',
    '(?<User>',
  ],
  ...[
    '(?P<x>',
    '(?P<User',
    '(?=',
    '(?!',
    '(?#',
    '\\b',
    '\\B',
    '\\A',
    '\\z',
    '\\Z',
    '\\d',
    '\\D',
    '\\w',
    '\\W',
  ],
  ...['\\s', '\\S', '\\pL', '\\PL', '\\p{Greek}', '\\p{^Lu}', '\\P{Ll}', '\\p{Any}', '\\p{ASCII}', '\\p{lc}'],
  ...[
    '\\p{Cn}',
    '\\p{Han}',
    '\\p{Foo}',
    '\\p{letter}',
    '\\Q',
    '\\E',
    '\\Qa.b\\E',
    '\\x41',
    '\\x{1F600}',
    '\\x{',
  ],
  ...[
    '\\x{FFFD}',
    '\\x{110000}',
    '\\101',
    '\\1',
    '\\8',
    '\\07',
    '\\n',
    '\\t',
    '\\a',
    '\\v',
    '\\_',
    '\\C',
    '\\é',
  ],
  ...[
    '[^',
    '[a-z]',
    '[^/]',
    '[[:alpha:]]',
    '[[:^word:]]',
    '[[:foo:]]',
    '[\\d-z]',
    '[z-a]',
    '[]a]',
    '[^\\W_]',
  ],
  ...[
    '(?i:k)',
    '(?i:ſ)',
    '(?i:[^s])',
    '[K-k]',
    'ß',
    'ẞ',
    'σ',
    'ς',
    'Ω',
    '中',
    'é',
    '\u{10ffff}',
    '\ufffd',
    '(|a)',
  ],
  ...[
    '(a|aa)',
    '(a*)*',
    '(a*)+',
    '(a+)*?',
    '(?:)',
    '()',
    '[^\\x00-\\x{10FFFF}]',
    '(?P<User>a*)',
    '(?P<Group>.?)',
  ],
];

const CHARACTERS = [
  ...['a', 'b', 'k', 's', 'A', 'K', 'S', '0', '9', '_', '-', '/', '.', ' ', '\n', '\r', '\t', '\x00', '\x7f'],
  ...[
    'é',
    'ß',
    'ẞ',
    'ſ',
    '\u212a',
    'σ',
    'ς',
    'Σ',
    'Ω',
    '\u2126',
    '中',
    '\ufffd',
    '\u{1f600}',
    '\u{10ffff}',
    'ǅ',
  ],
];

const BYTES = [0x80, 0xbf, 0xc0, 0xc3, 0xe2, 0xed, 0xf0, 0xf4, 0xff];

/** A small generator, so that a run can be repeated from its seed (Marsaglia's xorshift32). */
export function randomFrom(seed) {
  let state = seed | 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
  const below = n => Math.floor(next() * n);
  return { next, below, pick: list => list[below(list.length)] };
}

function randomText(random, near) {
  const parts = [];
  for (let n = random.below(12); n > 0; n--) {
    const kind = random.next();
    if (kind < 0.1) parts.push(Buffer.from([random.pick(BYTES)]));
    else if (kind < 0.5 || near.length === 0) parts.push(Buffer.from(random.pick(CHARACTERS)));
    else {
      const at = random.below(near.length);
      parts.push(near.subarray(at, at + 1 + random.below(6)));
    }
  }
  const text = Buffer.concat(parts);
  // Long texts take another way through the simulation.
  return random.next() < 0.1 && text.length > 0
    ? Buffer.concat(Array(Math.ceil(300 / text.length)).fill(text))
    : text;
}

/** Cuts, doubles, moves or inserts something in the bytes of a pattern. */
function mutate(random, bytes, others) {
  const at = random.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + random.below(5));
  const [before, piece, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  const token = Buffer.from(random.pick(TOKENS));
  switch (random.below(8)) {
    case 0:
      return Buffer.concat([before, after]);
    case 1:
      return Buffer.concat([before, piece, piece, after]);
    case 2:
    case 3:
      return Buffer.concat([before, token, piece, after]);
    case 4:
      return Buffer.concat([before, token, after]);
    case 5: {
      const other = random.pick(others);
      const from = random.below(other.length + 1);
      return Buffer.concat([before, other.subarray(from, from + 1 + random.below(20)), piece, after]);
    }
    case 6:
      return Buffer.concat([
        before,
        Buffer.from('('),
        piece,
        Buffer.from(`)${random.pick(['', '*', '+?', '{2}'])}`),
        after,
      ]);
    default:
      return random.next() < 0.2
        ? Buffer.concat([before, Buffer.from([random.pick(BYTES)]), after])
        : Buffer.concat([
            Buffer.from(random.pick(['(?i)', '(?s)', '(?m)', '(?U)', '^', '(?P<User>'])),
            bytes,
          ]);
  }
}

/** Patterns and texts to mutate: the corpus and the project's own rows, those with captures many times over. */
export function seedLines() {
  const file = name => readFileSync(new URL(`../test/cases/regexp/${name}`, import.meta.url));
  const captures = JSON.parse(file('captures.json').toString('utf8')).map(row => JSON.stringify(row));
  return [
    ...gunzipSync(file('corpus.jsonl.gz')).toString('utf8').split('\n'),
    ...file('own.jsonl').toString('utf8').split('\n'),
    ...Array(20).fill(captures).flat(),
  ];
}

/** Builds the oracle and answers its path. Needs Go. */
export function buildOracle() {
  const source = join(dirname(fileURLToPath(import.meta.url)), 'regexp-oracle');
  const path = join(tmpdir(), `postern-regexp-oracle-${process.pid}`);
  const built = spawnSync('go', ['build', '-o', path, '.'], { cwd: source, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the oracle needs Go: building tools/regexp-oracle failed');
  return path;
}

/** What differs between the engine and Go's answer on one question, null when nothing does. */
export function difference(engine, question, answer) {
  const refused = engine.compile(question.pattern);
  if (answer.error !== undefined) {
    if (refused === null) return `accepted, Go says ${answer.error}`;
    const part = Buffer.from(answer.part ?? '', 'base64');
    if (refused.error !== answer.error) return `error ${refused.error}, Go says ${answer.error}`;
    if (!part.equals(refused.part)) return `offending part ${Buffer.from(refused.part)}, Go says ${part}`;
    return null;
  }
  if (refused !== null) {
    return /too large/.test(refused.error) ? null : `refused (${refused.error}), Go accepts`;
  }
  if (engine.groups() !== answer.groups) return `groups ${engine.groups()}, Go says ${answer.groups}`;
  for (const [i, input] of question.inputs.entries()) {
    const match = engine.isMatch(input);
    const at = `on ${JSON.stringify(input.toString('latin1'))}`;
    if (match !== answer.matches[i]) return `match ${match} ${at}, Go says ${answer.matches[i]}`;
    if (answer.groups === 0) continue;
    const spans = JSON.stringify(engine.find(input));
    if (spans !== JSON.stringify(answer.spans[i])) {
      return `groups at ${spans} ${at}, Go says ${JSON.stringify(answer.spans[i])}`;
    }
  }
  return null;
}

/**
 * @param {object} options
 * @param {import('./regexp-engine.mjs').RegexpEngine} options.engine
 * @param {string[]} [options.lines] rows in the format of the corpus to mutate
 * @param {number} options.seconds
 * @param {number} [options.seed]
 * @param {string} [options.oracle] path of the built oracle
 * @param {(line: string) => void} [options.report] called with each finding
 * @returns {Promise<{ patterns: number, valid: number, texts: number, tooLarge: number, findings: number }>}
 */
export async function fuzzRegexp({
  engine,
  lines = seedLines(),
  seconds,
  seed = Date.now(),
  oracle = buildOracle(),
  report = console.log,
}) {
  const random = randomFrom(seed);
  const rows = lines.filter(line => line.trim() !== '').map(line => JSON.parse(line));
  const patterns = rows.map(row => fieldBytes(row, 'pattern')).filter(bytes => bytes.length <= MAX_PATTERN);
  const inputs = rows.map(row => fieldBytes(row, 'input')).filter(bytes => bytes.length <= 200);
  const child = spawn(oracle, { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const result = { patterns: 0, valid: 0, texts: 0, tooLarge: 0, findings: 0 };
  const stop = performance.now() + seconds * 1000;
  while (performance.now() < stop) {
    const questions = Array.from({ length: BATCH }, () => {
      let pattern = random.pick(patterns);
      const seen = pattern;
      for (let n = random.below(4); n > 0; n--) pattern = mutate(random, pattern, patterns);
      pattern = pattern.subarray(0, MAX_PATTERN);
      const texts = Array.from({ length: TEXTS }, (_, i) =>
        i === 0 ? random.pick(inputs) : randomText(random, i < 4 ? seen : random.pick(inputs)),
      );
      return { pattern, inputs: texts };
    });
    for (const { pattern, inputs: texts } of questions) {
      const line = {
        pattern: pattern.toString('base64'),
        inputs: texts.map(text => text.toString('base64')),
      };
      child.stdin.write(`${JSON.stringify(line)}\n`);
    }
    for (const question of questions) {
      const answer = JSON.parse((await answers.next()).value);
      result.patterns++;
      if (answer.error === undefined) {
        result.valid++;
        result.texts += question.inputs.length;
        if (engine.compile(question.pattern)?.error !== undefined) result.tooLarge++;
      }
      const wrong = difference(engine, question, answer);
      if (wrong === null) continue;
      result.findings++;
      report(`${JSON.stringify(question.pattern.toString('latin1'))}: ${wrong}`);
    }
  }
  child.stdin.end();
  return result;
}
