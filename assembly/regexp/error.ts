import { ByteWriter } from '../bytes/writer';

/** Why a pattern is refused. Texts and offending parts are those of Go's `syntax.Error`. */
export enum RegexpError {
  None,
  InvalidCharRange,
  InvalidEscape,
  InvalidNamedCapture,
  InvalidPerlOp,
  InvalidRepeatOp,
  InvalidRepeatSize,
  InvalidUtf8,
  MissingBracket,
  MissingParen,
  MissingRepeatArgument,
  TrailingBackslash,
  UnexpectedParen,
  NestingDepth,
  /** Go's words for its own, higher limits. */
  TooLarge,
  /** Ours: the guest has no Unicode tables. */
  NeedsTables,
}

let from: i32 = 0;
let to: i32 = 0;

/** Records the offending part `[start, end)` of the pattern and answers `code`. */
export function fail(code: RegexpError, start: i32, end: i32): i32 {
  from = start;
  to = end;
  return code;
}

/** Start of the offending part, as an offset into the buffer of the pattern. */
export function errorStart(): i32 {
  return from;
}

export function errorEnd(): i32 {
  return to;
}

/** Appends the text of an error, e.g. `missing closing ]`. */
export function errorMessage(code: i32, out: ByteWriter): void {
  out.ascii(textOf(code));
}

function textOf(code: i32): string {
  switch (code) {
    case RegexpError.InvalidCharRange:
      return 'invalid character class range';
    case RegexpError.InvalidEscape:
      return 'invalid escape sequence';
    case RegexpError.InvalidNamedCapture:
      return 'invalid named capture';
    case RegexpError.InvalidPerlOp:
      return 'invalid or unsupported Perl syntax';
    case RegexpError.InvalidRepeatOp:
      return 'invalid nested repetition operator';
    case RegexpError.InvalidRepeatSize:
      return 'invalid repeat count';
    case RegexpError.InvalidUtf8:
      return 'invalid UTF-8';
    case RegexpError.MissingBracket:
      return 'missing closing ]';
    case RegexpError.MissingParen:
      return 'missing closing )';
    case RegexpError.MissingRepeatArgument:
      return 'missing argument to repetition operator';
    case RegexpError.TrailingBackslash:
      return 'trailing backslash at end of expression';
    case RegexpError.UnexpectedParen:
      return 'unexpected )';
    case RegexpError.NestingDepth:
      return 'expression nests too deeply';
    case RegexpError.TooLarge:
      return 'expression too large';
    case RegexpError.NeedsTables:
      return 'Unicode classes and folding need a snapshot compiled by the host';
    default:
      return '';
  }
}
