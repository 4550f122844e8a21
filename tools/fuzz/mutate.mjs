// Seeded mutation of texts (latin-1 strings), bytes and JSON values.
import { Buffer } from 'node:buffer';

/** What readers of headers, paths and credentials trip over, if anything does. */
const TOKENS = [
  ...[
    '\0',
    '\xff',
    '\x80',
    '\x7f',
    '\r\n',
    '\t',
    ' ',
    ',',
    ';',
    ':',
    '=',
    '"',
    '\\',
    '#',
    '?',
    '&',
    '@',
    '[',
    ']',
  ],
  ...[
    '%',
    '%2',
    '%zz',
    '%00',
    '%2f',
    '%5C',
    '%252e',
    '%3F',
    '..',
    '/../',
    '/./',
    '//',
    '/..;/',
    '.',
    '-',
    '_',
  ],
  ...['\xc3\xa9', '\xc0\xaf', '\xed\xa0\x80', '\xf4\x90\x80\x80', '65536', '-1', 'Basic ', 'bearer ', '::1'],
  ...['postern-verdict', 'Remote_User', 'allow-', 'websocket', '127.0.0.1', '10.0.0.1', '::ffff:10.0.0.1'],
];
const BYTES = [0, 1, 0x7f, 0x80, 0xff, 0x22, 0x2f, 0x5c];
/** Around every limit of `contract.ts`, and far beyond. */
const LENGTHS = [15, 31, 32, 63, 253, 255, 256, 261, 512, 1024, 2048, 4095, 4096, 8191, 8192, 8193, 70_000];

/** One to four small changes. */
export function mutateText(random, text, times = 1 + random.below(4)) {
  let out = text;
  for (let n = times; n > 0; n--) out = changeText(random, out);
  return out;
}

function changeText(random, text) {
  const at = random.below(text.length + 1);
  const end = Math.min(text.length, at + 1 + random.below(6));
  switch (random.below(10)) {
    case 0:
      return text.slice(0, at) + text.slice(end);
    case 1:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    case 2:
      return text.slice(0, end) + text.slice(at);
    case 3:
      return text.slice(0, at);
    case 4:
      return (
        text.slice(0, at) +
        text.slice(at, end).replace(/[a-z]/g, letter => letter.toUpperCase()) +
        text.slice(end)
      );
    case 5:
      // Seldom: long ones cost the most time.
      if (random.below(8) !== 0) return text + random.pick(TOKENS);
      return (
        text.slice(0, at) +
        (text.slice(at, end) || 'x').repeat(LENGTHS.length).padEnd(random.pick(LENGTHS), 'x')
      );
    default:
      return text.slice(0, at) + random.pick(TOKENS) + text.slice(at);
  }
}

/** A changed copy: bits, bytes, words, cuts, doubled and moved parts. */
export function mutateBytes(random, bytes) {
  let out = Buffer.from(bytes);
  for (let n = 1 + random.below(4); n > 0; n--) {
    const at = random.below(out.length + 1);
    const to = Math.min(out.length, at + random.below(64));
    switch (random.below(8)) {
      case 0:
        out = out.subarray(0, at);
        break;
      case 1:
        out = Buffer.concat([out.subarray(0, at), out.subarray(to)]);
        break;
      case 2:
        out = Buffer.concat([out.subarray(0, to), out.subarray(at)]);
        break;
      case 3:
        if (at + 4 <= out.length)
          out.writeUInt32LE(random.pick([0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xffff, out.length]), at);
        break;
      case 4:
        if (at < out.length) out[at] ^= 1 << random.below(8);
        break;
      case 5:
        if (at < out.length) out[at] = random.pick(BYTES);
        break;
      case 6:
        if (at < out.length) out.fill(random.below(256), at, to);
        break;
      default:
        if (at < out.length) out[at] = random.below(256);
    }
  }
  return out;
}

const VALUES = [
  null,
  true,
  false,
  0,
  -1,
  1e308,
  '',
  '*',
  '{user}',
  '(?P<User>.*)',
  '\u017f',
  '\ud800',
  [],
  {},
  [[]],
  [''],
  '1',
];

/** A changed copy of a JSON value: members removed, renamed, doubled or replaced at any depth. */
export function mutateJson(random, value, depth = 0) {
  if (depth > 12 || random.below(12) === 0) return random.pick(VALUES);
  if (typeof value === 'string') return random.below(2) ? mutateText(random, value) : value;
  if (Array.isArray(value)) {
    const out = value.map(item => (random.below(3) === 0 ? mutateJson(random, item, depth + 1) : item));
    if (random.below(6) === 0) out.splice(random.below(out.length + 1), 1);
    if (random.below(6) === 0 && out.length > 0)
      out.push(...Array(1 + random.below(70)).fill(random.pick(out)));
    return out;
  }
  if (typeof value !== 'object' || value === null) return random.pick(VALUES);
  const out = {};
  for (const [key, member] of Object.entries(value)) {
    if (random.below(20) === 0) continue;
    const name = random.below(20) === 0 ? mutateText(random, key) : key;
    out[name] = random.below(3) === 0 ? mutateJson(random, member, depth + 1) : member;
  }
  return out;
}

/** Random bytes of a seeded generator. */
export function randomBytes(random, length) {
  const out = Buffer.alloc(length);
  for (let i = 0; i < length; i++) out[i] = random.below(256);
  return out;
}
