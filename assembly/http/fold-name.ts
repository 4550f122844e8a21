import { lowerAscii } from '../bytes/ascii';
import { BasicCredential } from './authorization';

/**
 * Folds the user name where the policy says so (`fold_names`), before anything
 * is made of the credential: `A`-`Z` only, so that host and guest cannot
 * disagree about a letter. Where names are folded no account's is other than ASCII.
 */
export function foldName(credential: BasicCredential): void {
  let pair = credential.pair;
  for (let i = 0; i < credential.colon; i++) {
    unchecked((pair[i] = <u8>lowerAscii(unchecked(pair[i]))));
  }
}
