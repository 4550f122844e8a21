import { IMAGE_SIGN_IN, ITEM_ASCII, SIGN_IN_ADDRESS, SIGN_IN_DOMAIN } from '../policy/layout';
import { text } from '../policy/query';
import { addString, beginList, endList, setHeader } from './blocks';
import { doc, docEnd, isAbsent, readKeys, readText, reportRaw, values, words } from './document';
import { firstItem, JSON_ARRAY, kindOf, nextItem } from './json';
import { POLICY_LIST, POLICY_TEXT } from './problem-codes';
import { path, popPath, pushIndex, pushKey, report } from './problems';

/**
 * `sign_in`: `{ domain, address }` of each cookie domain, in the host's own
 * writing (`policy/sign-in.ts`). In the host only, behind the policy's id.
 */
export function compileSignIn(value: i32): void {
  if (isAbsent(value)) return;
  pushKey('sign_in');
  if (kindOf(doc, value) != JSON_ARRAY) {
    report(POLICY_LIST);
  } else {
    let mark = path.len;
    let index = 0;
    beginList();
    for (let entry = firstItem(doc, value, docEnd); entry >= 0; entry = nextItem(doc, entry, docEnd)) {
      pushIndex(index++);
      if (readKeys(entry, 'domain address')) {
        let address = values[1];
        if (readText(values[0])) addString(SIGN_IN_DOMAIN, ITEM_ASCII, text, 0, words.len);
        if (readText(address)) addAddress(address);
      }
      popPath(mark);
    }
    setHeader(IMAGE_SIGN_IN, endList());
  }
  popPath(0);
}

/** The text goes into `Location` and into JSON as it is. */
function addAddress(value: i32): void {
  for (let i = 0; i < words.len; i++) {
    let byte = <u32>unchecked(text[i]);
    if (byte == 0 || (byte > 0x20 && byte < 0x7f && byte != 0x22 && byte != 0x5c)) continue;
    reportRaw(POLICY_TEXT, value);
    return;
  }
  addString(SIGN_IN_ADDRESS, ITEM_ASCII, text, 0, words.len);
}
