import type { PasswordPolicy } from '../config/password-policy.ts';

/** What a password lacks, for people to read; a page words it by its code. */
export interface PasswordProblem {
  readonly code: 'min-length' | 'max-length' | 'uppercase' | 'lowercase' | 'number' | 'special' | 'score';
  /** Names nothing of the password. */
  readonly message: string;
}

export interface PasswordOwner {
  /** Names and addresses that a password is not to be made of. */
  readonly words: readonly string[];
}

/** Everything that the policy finds wrong; empty for a good password. */
export async function judgePassword(
  policy: PasswordPolicy | undefined,
  password: string,
  owner: PasswordOwner = { words: [] },
): Promise<readonly PasswordProblem[]> {
  if (policy === undefined) return [];
  if (policy.kind === 'standard') return judgeByRules(policy, password);
  const { scoreOf } = await import('./score.ts');
  const score = scoreOf(password, owner.words);
  if (score >= policy.minScore) return [];
  const message = `is too easy to guess (${score} of 4, at least ${policy.minScore} is asked for): take several words that do not belong together`;
  return [{ code: 'score', message }];
}

/** Every password that Authelia takes; letters and digits of other scripts count as what they are, too. */
function judgeByRules(
  policy: Extract<PasswordPolicy, { kind: 'standard' }>,
  password: string,
): PasswordProblem[] {
  const problems: PasswordProblem[] = [];
  const tell = (code: PasswordProblem['code'], message: string) => void problems.push({ code, message });
  // Characters as people count them, not halves of surrogate pairs.
  const length = [...password].length;
  const { minLength, maxLength } = policy;
  if (length < minLength) tell('min-length', `must have at least ${minLength} characters`);
  if (maxLength !== undefined && length > maxLength) {
    tell('max-length', `must have at most ${maxLength} characters`);
  }
  if (policy.requireUppercase && !/\p{Lu}/u.test(password)) tell('uppercase', 'needs an upper-case letter');
  if (policy.requireLowercase && !/\p{Ll}/u.test(password)) tell('lowercase', 'needs a lower-case letter');
  if (policy.requireNumber && !/\p{Nd}/u.test(password)) tell('number', 'needs a digit');
  if (policy.requireSpecial && !/[^A-Za-z0-9]/.test(password)) {
    tell('special', 'needs a character that is neither a letter from A to Z nor a digit');
  }
  return problems;
}
