import { lowerAscii } from '../bytes/ascii';

/**
 * Names that an identity header must not have, because clients, proxies or
 * Postern mean something by them. A hyphen at the end stands for all that
 * begins so. Every guest carries this list: no longer than needed.
 */
const RESERVED =
  'host connection authorization cookie set-cookie te trailer transfer-encoding upgrade keep-alive ' +
  'expect range forwarded via origin referer user-agent date age cache-control pragma http2-settings ' +
  'x-real-ip x-client-ip true-client-ip x-method-override x-requested-with accept location ' +
  'www-authenticate proxy accept- access-control- content- if- postern- proxy- sec- x-forwarded- ' +
  'x-http- x-original- x-rewrite-';

/** Of `X-Forwarded-`, those that are about people. */
const PEOPLE =
  'x-forwarded-user x-forwarded-groups x-forwarded-email x-forwarded-preferred-username x-forwarded-name';

/** Whether `name[0, len)` means something else already, in any case. */
export function isReservedName(name: StaticArray<u8>, len: i32): bool {
  return isIn(RESERVED, name, len) && !isIn(PEOPLE, name, len);
}

function isIn(list: string, name: StaticArray<u8>, len: i32): bool {
  let length = list.length;
  let i = 0;
  let same = true;
  for (let at = 0; at <= length; at++) {
    let code: u32 = at < length ? list.charCodeAt(at) : 0x20;
    if (code == 0x20) {
      // All of both, or all of a beginning.
      if (same && (i == len || list.charCodeAt(at - 1) == 0x2d)) return true;
      i = 0;
      same = true;
    } else {
      same = same && i < len && <u32>lowerAscii(unchecked(name[i])) == code;
      i++;
    }
  }
  return false;
}
