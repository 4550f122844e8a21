import { lowerAscii } from '../bytes/ascii';
import { copy, readU32 } from '../bytes/bytes';
import { arrayOf, bytesOf } from '../bytes/loader';
import { ByteWriter } from '../bytes/writer';
import { Target } from '../http/target';
import { Denial } from './denial';
import { Exchange } from './exchange';

/** Refusals as the guest words them, for the host. The module's entry must re-export this. */

const NONE = new StaticArray<u8>(0);
/** Longest answer: a `Location`, a body with another, and what stands around them. */
const MAX_ANSWER: i32 = 65_536;
/** All names of a request's headers; node takes no more in all. */
const MAX_NAMES: i32 = 65_536;

/** A request in memory, and the answer to it. */
class MemoryExchange extends Exchange {
  /** Name, NUL, value, NUL of each header. */
  headers: StaticArray<u8> = NONE;
  /** Name, NUL, value, NUL of each header, NUL and the body. */
  readonly out: ByteWriter = new ByteWriter(new StaticArray<u8>(MAX_ANSWER));
  status: i32 = 0;

  method(_buf: StaticArray<u8>): i32 {
    return -1;
  }

  uri(_buf: StaticArray<u8>): i32 {
    return -1;
  }

  sourceAddress(_buf: StaticArray<u8>): i32 {
    return -1;
  }

  headerNames(buf: StaticArray<u8>): i32 {
    let len = 0;
    for (let at = 0; at < this.headers.length; ) {
      let end = textEnd(this.headers, at) + 1;
      if (!copy(buf, len, this.headers, at, end - at)) return -1;
      len += end - at;
      at = textEnd(this.headers, end) + 1;
    }
    return len;
  }

  header(_name: StaticArray<u8>, _buf: StaticArray<u8>): i32 {
    return -1;
  }

  headerNamed(names: StaticArray<u8>, start: i32, end: i32, buf: StaticArray<u8>): i32 {
    let len = 0;
    this.headerCount = 0;
    for (let at = 0; at < this.headers.length; ) {
      let nameEnd = textEnd(this.headers, at);
      let valueEnd = textEnd(this.headers, nameEnd + 1) + 1;
      if (sameFold(names, start, end, this.headers, at, nameEnd)) {
        if (!copy(buf, len, this.headers, nameEnd + 1, valueEnd - nameEnd - 1)) return -1;
        len += valueEnd - nameEnd - 1;
        this.headerCount++;
      }
      at = valueEnd;
    }
    return len;
  }

  setHeader(_name: StaticArray<u8>, _value: StaticArray<u8>, _start: i32, _end: i32): void {}

  addHeader(_name: StaticArray<u8>, _value: StaticArray<u8>, _start: i32, _end: i32): void {}

  setHeaderNamed(
    _names: StaticArray<u8>,
    _from: i32,
    _to: i32,
    _value: StaticArray<u8>,
    _start: i32,
    _end: i32,
  ): void {}

  removeHeader(_names: StaticArray<u8>, _start: i32, _end: i32): void {}

  setAnswerHeader(name: StaticArray<u8>, value: StaticArray<u8>, start: i32, end: i32): void {
    this.out.bytes(name, 0, name.length);
    this.out.u8(0);
    this.out.bytes(value, start, end);
    this.out.u8(0);
  }

  answer(status: i32, body: StaticArray<u8>, start: i32, end: i32): void {
    this.status = status;
    this.out.u8(0);
    this.out.bytes(body, start, end);
  }
}

function textEnd(buf: StaticArray<u8>, at: i32): i32 {
  while (at < buf.length && unchecked(buf[at]) != 0) at++;
  return at;
}

function sameFold(a: StaticArray<u8>, start: i32, end: i32, b: StaticArray<u8>, from: i32, to: i32): bool {
  if (end - start != to - from) return false;
  for (let i = 0; i < end - start; i++) {
    if (lowerAscii(a[start + i]) != lowerAscii(b[from + i])) return false;
  }
  return true;
}

const exchange = new MemoryExchange();
const denial = new Denial(exchange);
const target = new Target();
const names = new StaticArray<u8>(MAX_NAMES);

/**
 * Refuses a request: status, to which `denialText` adds headers and body and
 * `denialForm` what kind of answer it is, 0 when that was too long. `presented`: a
 * credential came in a header and was not enough; `session`: in a cookie. `fields`: method, scheme, host and URI as received, realm,
 * and the sign-in address with its two NULs or nothing, each behind its u32
 * length; `headers`: name, NUL, value, NUL of each.
 */
export function deny(
  fields: Uint8Array,
  headers: Uint8Array,
  verdict: i32,
  mode: i32,
  presented: bool,
  session: bool,
): i32 {
  let buf = bytesOf(fields);
  let method = 4;
  let methodEnd = method + <i32>readU32(buf, 0);
  let scheme = methodEnd + 4;
  let schemeEnd = scheme + <i32>readU32(buf, methodEnd);
  let host = schemeEnd + 4;
  let hostEnd = host + <i32>readU32(buf, schemeEnd);
  let uri = hostEnd + 4;
  let uriEnd = uri + <i32>readU32(buf, hostEnd);
  let realm = uriEnd + 4;
  let realmEnd = realm + <i32>readU32(buf, uriEnd);
  let signIn = realmEnd + 4;
  let signInEnd = signIn + <i32>readU32(buf, realmEnd);
  target.readScheme(buf, scheme, schemeEnd);
  exchange.headers = bytesOf(headers);
  exchange.out.reset();
  exchange.status = 0;
  let namesEnd = exchange.headerNames(names);
  let methodBytes = part(buf, method, methodEnd);
  denial.begin(
    names,
    max(namesEnd, 0),
    methodBytes,
    methodBytes.length,
    target.scheme,
    verdict,
    mode,
    presented,
    session,
  );
  let start = 0;
  let end = 0;
  if (denial.wantsSignIn) {
    start = signIn;
    end = signInEnd;
    if (start == end) denial.withoutSignIn();
  }
  if (denial.wantsRealm) {
    start = realm;
    end = realmEnd;
  }
  let hostBytes = part(buf, host, hostEnd);
  let uriBytes = part(buf, uri, uriEnd);
  let secure = !target.isPlain();
  denial.answer(names, secure, hostBytes, hostBytes.length, uriBytes, uriBytes.length, buf, start, end);
  exchange.headers = NONE;
  return exchange.out.overflow ? 0 : exchange.status;
}

/** FORM_… of the answer made last. */
export function denialForm(): i32 {
  return denial.form;
}

/** Name, NUL, value, NUL of each header of the answer made last, NUL, and its body. */
export function denialText(): Uint8Array {
  return arrayOf(exchange.out.buf, 0, exchange.out.len);
}

function part(buf: StaticArray<u8>, start: i32, end: i32): StaticArray<u8> {
  let bytes = new StaticArray<u8>(max(end - start, 0));
  copy(bytes, 0, buf, start, end - start);
  return bytes;
}
