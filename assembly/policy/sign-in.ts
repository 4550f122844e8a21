import { sameBytes } from '../bytes/bytes';
import { Target } from '../http/target';
import { IMAGE_SIGN_IN } from './layout';
import { bytes, headerField, itemCount, itemLength, locateString, readItem } from './view';

/**
 * Where people of a domain sign in (`session.cookies`). The list holds, the
 * longest domain first, a domain and its address: a text with a NUL where the
 * return address and one where the method goes, empty where there is no portal.
 * It decides nothing, so it is no part of what a policy is known by: a policy
 * inside the plugin's configuration has none.
 */

/** Where in `bytes` the address found last lies; of no length when there is none. */
export let signInStart: i32 = 0;
export let signInEnd: i32 = 0;

/** Finds the address for the target's host; when a part of the policy could not be had, `fault` says so. */
export function locateSignIn(target: Target): void {
  signInStart = signInEnd = 0;
  let list = <i32>headerField(IMAGE_SIGN_IN);
  if (list == 0) return;
  let count = itemCount(list);
  for (let i = 0; i + 1 < count; i += 2) {
    readItem(list, i);
    if (!isBelow(target, locateString(), itemLength)) continue;
    readItem(list, i + 1);
    signInStart = locateString();
    signInEnd = signInStart + itemLength;
    return;
  }
}

/** Whether the target's host is the domain at `at`, or lies below it. */
function isBelow(target: Target, at: i32, len: i32): bool {
  let from = target.hostLength - len;
  if (len == 0 || from < 0) return false;
  if (from > 0 && unchecked(target.host[from - 1]) != 0x2e) return false;
  return sameBytes(target.host, from, target.hostLength, bytes, at, at + len);
}
