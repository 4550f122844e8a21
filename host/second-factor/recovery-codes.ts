import { ALPHABET, normalText, randomText } from './random-text.ts';

/** As many as fit a note; Authelia has none, others give eight to twelve. */
const COUNT = 10;
/** 55 bits: more than the failures that are let pass in an account's life. */
const LENGTH = 12;
const GROUP = 4;
const CODE = new RegExp(`^[${ALPHABET}]{${LENGTH}}$`);

/** New ones, as they are stored. */
export function makeRecoveryCodes(random: (bytes: number) => Uint8Array): readonly string[] {
  const codes = new Set<string>();
  while (codes.size < COUNT) codes.add(randomText(LENGTH, random));
  return [...codes];
}

/** `ACDE-FGHJ-KMNP`, as they are shown. */
export function shownRecoveryCode(code: string): string {
  return code.match(new RegExp(`.{${GROUP}}`, 'g'))?.join('-') ?? code;
}

/** As it is stored; undefined for what is none. */
export function readRecoveryCode(typed: string): string | undefined {
  const code = normalText(typed);
  return CODE.test(code) ? code : undefined;
}
