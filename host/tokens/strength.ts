import { MAX_TOKEN } from '../../assembly/contract.ts';
import { isMadeToken } from '../secret/secret.ts';

/** Shorter ones are guessed within hours, whatever they are made of. */
export const MIN_TOKEN = 8;
/** What a token should hold at least: nobody tries that many against a service that delays failures. */
const STRONG_BITS = 96;

/**
 * Why a secret cannot be a token, undefined when it can: it must travel whole
 * in `Authorization: Bearer`, in a header of its own and as Basic password.
 */
export function tokenProblem(secret: string): string | undefined {
  if (!/^[\x21-\x7e]*$/.test(secret)) {
    return 'a token holds printable ASCII characters without blanks: others do not travel in every header';
  }
  if (secret.length < MIN_TOKEN) {
    return `a token has at least ${MIN_TOKEN} characters: a shorter one is found by trying`;
  }
  if (secret.length > MAX_TOKEN) return `a token has at most ${MAX_TOKEN} characters`;
  return undefined;
}

/**
 * Whether the secret may be guessed. An estimate from above: each character is
 * worth the entropy of the characters' frequencies, and runs like `123` or
 * `aaa` count once. Words are worth less than it says.
 */
export function isWeak(secret: string): boolean {
  if (isMadeToken(secret)) return false;
  const counts = new Map<string, number>();
  let length = 0;
  let step = Number.NaN;
  for (let i = 0; i < secret.length; i++) {
    const character = secret[i] ?? '';
    counts.set(character, (counts.get(character) ?? 0) + 1);
    const now = secret.charCodeAt(i) - secret.charCodeAt(i - 1);
    if (!(Math.abs(now) <= 1 && now === step)) length++;
    step = now;
  }
  let bits = 0;
  for (const count of counts.values()) bits -= (count / secret.length) * Math.log2(count / secret.length);
  return bits * length < STRONG_BITS;
}
