import { MAX_USERNAME } from '../../assembly/contract.ts';

/**
 * What is wrong with a user name, undefined when nothing is. RFC 7617 section
 * 2: the user-id of Basic holds no colon and no control characters.
 */
export function userNameProblem(name: string): string | undefined {
  if (name === '') return 'a user name must not be empty';
  if (Buffer.byteLength(name, 'utf8') > MAX_USERNAME) {
    return `a user name has at most ${MAX_USERNAME} bytes`;
  }
  if (name.includes(':')) return 'a user name must not hold a colon: Basic authentication cannot send it';
  if (hasControl(name)) return 'a user name must not hold control characters or line breaks';
  if (name !== name.trim()) return 'a user name must not begin or end with white space';
  return undefined;
}

/** What is wrong with a group's name, undefined when nothing is. */
export function groupNameProblem(name: string): string | undefined {
  if (name === '') return 'a group must not be empty';
  if (Buffer.byteLength(name, 'utf8') > MAX_USERNAME) return `a group has at most ${MAX_USERNAME} bytes`;
  // Remote-Groups joins the groups with commas: `a,admins` would be two to the backend.
  if (name.includes(','))
    return 'a group must not hold a comma: backends are given the groups joined by commas';
  if (hasControl(name)) return 'a group must not hold control characters or line breaks';
  if (name !== name.trim()) return 'a group must not begin or end with white space';
  return undefined;
}

/** Control characters, line and paragraph separators, and halves of surrogate pairs: never in a header. */
export function hasControl(text: string): boolean {
  return /[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text);
}

/** `A`-`Z` to lower case and nothing else, as the engine folds names (`fold_names`). */
export function foldAscii(name: string): string {
  return name.replace(/[A-Z]/g, letter => letter.toLowerCase());
}

/** Names that differ only in this are one person to whoever reads them. */
export function foldName(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
