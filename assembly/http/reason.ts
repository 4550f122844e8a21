/**
 * Why a target is refused with 400: codes and their published texts. Zero is
 * no reason at all.
 */
export const REASON_METHOD: i32 = 1;
export const REASON_SCHEME: i32 = 2;
export const REASON_HOST: i32 = 3;
export const REASON_URI: i32 = 4;
export const REASON_URI_LENGTH: i32 = 5;
/** http or ws, and the domain is not in `allow_http`. */
export const REASON_PLAIN_HTTP: i32 = 6;
// What a backend could read differently: design decision 12.
export const REASON_DOT_SEGMENT: i32 = 16;
export const REASON_DOUBLE_SLASH: i32 = 17;
export const REASON_ENCODED_SLASH: i32 = 18;
export const REASON_BACKSLASH: i32 = 19;
export const REASON_CONTROL: i32 = 20;
export const REASON_DELIMITER: i32 = 21;
export const REASON_DOUBLE_ENCODING: i32 = 22;
export const REASON_UTF8: i32 = 23;
export const REASON_QUERY_REPEATED: i32 = 24;
export const REASON_QUERY_ESCAPE: i32 = 25;

/** Text of a reason, for the answer's body and the log. */
export function reasonText(reason: i32): string {
  switch (reason) {
    case REASON_METHOD:
      return 'bad method';
    case REASON_SCHEME:
      return 'bad scheme';
    case REASON_HOST:
      return 'bad host';
    case REASON_URI:
      return 'bad request target';
    case REASON_URI_LENGTH:
      return 'request target too long';
    case REASON_PLAIN_HTTP:
      return 'plain http is not allowed for this host';
    case REASON_DOT_SEGMENT:
      return 'ambiguous path: dot segment';
    case REASON_DOUBLE_SLASH:
      return 'ambiguous path: double slash';
    case REASON_ENCODED_SLASH:
      return 'ambiguous path: encoded slash';
    case REASON_BACKSLASH:
      return 'ambiguous path: backslash';
    case REASON_CONTROL:
      return 'ambiguous path: control character';
    case REASON_DELIMITER:
      return 'ambiguous path: encoded or stray delimiter';
    case REASON_DOUBLE_ENCODING:
      return 'ambiguous path: double encoding';
    case REASON_UTF8:
      return 'ambiguous path: invalid UTF-8';
    case REASON_QUERY_REPEATED:
      return 'ambiguous query: repeated key';
    case REASON_QUERY_ESCAPE:
      return 'ambiguous query: bad escape or semicolon';
    default:
      return 'bad request';
  }
}
