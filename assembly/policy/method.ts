import { equalsAscii } from '../bytes/ascii';

/**
 * Methods a rule may name: RFC 9110 section 9 and PATCH, and those of WebDAV
 * (RFC 4918) that Authelia knows. Each is the bit of its place in this list.
 */
export function methodBit(buf: StaticArray<u8>, start: i32, end: i32): u32 {
  if (equalsAscii(buf, start, end, 'GET')) return 1;
  if (equalsAscii(buf, start, end, 'HEAD')) return 1 << 1;
  if (equalsAscii(buf, start, end, 'POST')) return 1 << 2;
  if (equalsAscii(buf, start, end, 'PUT')) return 1 << 3;
  if (equalsAscii(buf, start, end, 'PATCH')) return 1 << 4;
  if (equalsAscii(buf, start, end, 'DELETE')) return 1 << 5;
  if (equalsAscii(buf, start, end, 'TRACE')) return 1 << 6;
  if (equalsAscii(buf, start, end, 'CONNECT')) return 1 << 7;
  if (equalsAscii(buf, start, end, 'OPTIONS')) return 1 << 8;
  if (equalsAscii(buf, start, end, 'PROPFIND')) return 1 << 9;
  if (equalsAscii(buf, start, end, 'PROPPATCH')) return 1 << 10;
  if (equalsAscii(buf, start, end, 'MKCOL')) return 1 << 11;
  if (equalsAscii(buf, start, end, 'COPY')) return 1 << 12;
  if (equalsAscii(buf, start, end, 'MOVE')) return 1 << 13;
  if (equalsAscii(buf, start, end, 'LOCK')) return 1 << 14;
  if (equalsAscii(buf, start, end, 'UNLOCK')) return 1 << 15;
  return 0;
}
