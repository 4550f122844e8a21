/** Without what is taken for something else, by eye or by ear: 0 O, 1 I L, 2 Z, 5 S, 8 B. Upper case. */
export const ALPHABET = 'ACDEFGHJKMNPQRTUVWXY34679';

/** Characters of the alphabet, each as likely as any other. */
export function randomText(length: number, random: (bytes: number) => Uint8Array): string {
  const limit = 256 - (256 % ALPHABET.length);
  let text = '';
  while (text.length < length) {
    for (const byte of random(length)) {
      // What is above would make the first characters likelier.
      if (byte < limit && text.length < length) text += ALPHABET[byte % ALPHABET.length];
    }
  }
  return text;
}

/** The digits that an Arabic or a Persian keyboard types, as `0` to `9`. */
export function asciiDigits(typed: string): string {
  return typed.replace(/[\u0660-\u0669\u06f0-\u06f9]/g, digit => String(digit.charCodeAt(0) & 15));
}

/** What was typed: in any case, with blanks and hyphens anywhere. */
export function normalText(typed: string): string {
  return asciiDigits(typed)
    .replace(/[\s\u2010-\u2015-]/g, '')
    .toUpperCase();
}
