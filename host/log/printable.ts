/** Longer values are cut: a log line is for reading, and clients choose some of these. */
const MAX_VALUE = 1_024;
/** What ends a line, hides text or turns its direction: for `replace`. */
export const UNSAFE = /[\p{Cc}\p{Cs}\u061c\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * A text that stays within its line and its colour: control characters, line
 * separators, bidirectional overrides and broken surrogates become escapes.
 */
export function printable(text: string): string {
  const cut = text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
  return cut.replace(UNSAFE, character => {
    const code = character.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
