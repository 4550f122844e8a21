import { equalsAscii, equalsAsciiFold, lowerAscii } from '../bytes/ascii';
import { literal } from '../bytes/literal';
import { SCRATCH_BYTES, scratch } from '../bytes/scratch';
import { ByteWriter } from '../bytes/writer';
import {
  DENIAL_ADAPTIVE,
  DENIAL_BASIC,
  DENIAL_JSON,
  DENIAL_REDIRECT,
  MAX_URI,
  VERDICT_CHALLENGE,
} from '../contract';
import {
  CLIENT_PAGE,
  CLIENT_SCRIPT,
  CLIENT_SOCKET,
  CLIENT_TOOL,
  ClientHints,
  HINT_REFERER,
  hintNamed,
  MAX_HINT,
} from '../http/client-kind';
import { SCHEME_WS, SCHEME_WSS } from '../http/target';
import { CACHE_CONTROL, CONTENT_TYPE, NO_STORE, TEXT } from './answers';
import { Exchange } from './exchange';

/**
 * Refusals in the form that suits the client: a page is sent to where people
 * sign in, a script is told where that is, a tool is asked for a password.
 */

// Forms of an answer. Zero is the plainest.
export const FORM_STATUS: i32 = 0;
export const FORM_BASIC: i32 = 1;
export const FORM_JSON: i32 = 2;
export const FORM_REDIRECT: i32 = 3;
export const FORM_PAGE: i32 = 4;

/** Longest `Location`: behind a door like this one the portal is asked for nothing longer. */
const MAX_LOCATION: i32 = MAX_URI;

const LOCATION = literal('Location');
const VARY = literal('Vary');
/** What the form depends on. */
const HINTS = literal('Accept, Origin, Sec-Fetch-Mode, Upgrade, User-Agent, X-Requested-With');
const WWW_AUTHENTICATE = literal('WWW-Authenticate');
const JSON_TYPE = literal('application/json');
const HTML_TYPE = literal('text/html; charset=utf-8');

/** A request that is refused. `begin`, then what the form needs, then `answer`. */
export class Denial {
  private hints: ClientHints = new ClientHints();
  private out: ByteWriter = new ByteWriter(scratch, SCRATCH_BYTES);
  /** FORM_… that was chosen. */
  form: i32 = FORM_STATUS;
  private code: i32 = 0;
  private session: bool = false;
  private method: StaticArray<u8> = scratch;
  private methodEnd: i32 = 0;
  /** Where among the names `Referer` stands; no length when it does not. */
  private refererStart: i32 = 0;
  private refererEnd: i32 = 0;

  constructor(private exchange: Exchange) {}

  /**
   * Reads who asks from the headers named in `names[0, namesEnd)`, each with NUL
   * behind it, and chooses a form by `mode` (DENIAL_…). `presented`: a credential
   * came in a header and was not enough. `session`: in a cookie, and then a password
   * would not be more.
   */
  begin(
    names: StaticArray<u8>,
    namesEnd: i32,
    method: StaticArray<u8>,
    methodEnd: i32,
    scheme: i32,
    verdict: i32,
    mode: u32,
    presented: bool,
    session: bool,
  ): void {
    this.session = session;
    this.method = method;
    this.methodEnd = methodEnd;
    this.readHints(names, namesEnd);
    let kind = this.hints.kind(method, methodEnd, scheme == SCHEME_WSS || scheme == SCHEME_WS);
    let challenges = verdict == VERDICT_CHALLENGE;
    this.code = challenges ? 401 : 403;
    this.form = challenges ? challengeForm(mode, kind, presented, session) : forbidForm(mode, kind);
  }

  /** Whether the answer tells where to sign in, if there is a place. */
  get wantsSignIn(): bool {
    return this.code == 401 && (this.form == FORM_REDIRECT || this.form == FORM_JSON);
  }

  /** There is no place to sign in: a page has only the browser's own window for a password. */
  withoutSignIn(): void {
    if (this.form == FORM_REDIRECT) this.form = this.session ? FORM_STATUS : FORM_BASIC;
  }

  get wantsRealm(): bool {
    return this.form == FORM_BASIC;
  }

  private readHints(names: StaticArray<u8>, namesEnd: i32): void {
    let hints = this.hints;
    hints.reset();
    this.refererEnd = 0;
    let start = 0;
    for (let at = 0; at < min(namesEnd, names.length); at++) {
      if (unchecked(names[at]) != 0) continue;
      let hint = hintNamed(names, start, at);
      if (hint == HINT_REFERER) {
        this.refererStart = start;
        this.refererEnd = at;
      } else if (hint != 0) {
        let len = this.exchange.headerNamed(names, start, at, scratch);
        let from = 0;
        for (let i = 0; i < len; i++) {
          if (unchecked(scratch[i]) != 0) continue;
          hints.take(hint, scratch, from, i);
          from = i + 1;
        }
      }
      start = at + 1;
    }
  }

  // --- Words --------------------------------------------------------------------

  /**
   * Answers. `address`: where to sign in (`policy/sign-in.ts`), as a text with a
   * NUL where the return address and one where the method goes; of no length for
   * none. `realm` likewise, for whom a password is asked. Host and URI are as
   * received.
   */
  answer(
    names: StaticArray<u8>,
    secure: bool,
    host: StaticArray<u8>,
    hostEnd: i32,
    uri: StaticArray<u8>,
    uriEnd: i32,
    text: StaticArray<u8>,
    textStart: i32,
    textEnd: i32,
  ): void {
    let exchange = this.exchange;
    let out = this.out;
    out.reset();
    let status = this.code;
    let form = this.form;
    let type = TEXT;
    if (form == FORM_REDIRECT) {
      this.writeLocation(secure, host, hostEnd, uri, uriEnd, 0, text, textStart, textEnd);
      exchange.setAnswerHeader(LOCATION, out.buf, 0, out.len);
      status = this.is('GET') || this.is('HEAD') ? 302 : 303;
      out.reset();
    } else if (form == FORM_BASIC) {
      out.ascii('Basic realm="');
      out.bytes(text, textStart, textEnd);
      out.ascii('", charset="UTF-8"');
      exchange.setAnswerHeader(WWW_AUTHENTICATE, out.buf, 0, out.len);
      out.reset();
    }
    let start = 0;
    if (form == FORM_JSON) {
      type = JSON_TYPE;
      let referer = textEnd > textStart ? this.readReferer(names, secure, host, hostEnd) : 0;
      start = referer;
      out.len = referer;
      out.ascii(status == 401 ? '{"error":"unauthorized' : '{"error":"forbidden');
      if (textEnd > textStart) {
        out.ascii('","login_url":"');
        this.writeLocation(secure, host, hostEnd, uri, uriEnd, referer, text, textStart, textEnd);
      }
      out.ascii('"}');
    } else if (form == FORM_PAGE) {
      type = HTML_TYPE;
      out.ascii('<!doctype html><title>403 Forbidden</title><h1>403 Forbidden</h1>');
    } else {
      out.decimal(status);
      out.ascii(statusText(status));
    }
    exchange.setAnswerHeader(CONTENT_TYPE, type, 0, type.length);
    exchange.setAnswerHeader(CACHE_CONTROL, NO_STORE, 0, NO_STORE.length);
    exchange.setAnswerHeader(VARY, HINTS, 0, HINTS.length);
    // RFC 9110 section 9.3.2.
    exchange.answer(status, out.buf, start, this.is('HEAD') ? start : out.len);
  }

  private is(method: string): bool {
    return equalsAscii(this.method, 0, this.methodEnd, method);
  }

  /**
   * Appends the sign-in address with where to return to: what was asked for, its
   * host's front page when that would be too long, or the page in `scratch[0,
   * referer)`, which a script belongs to.
   */
  private writeLocation(
    secure: bool,
    host: StaticArray<u8>,
    hostEnd: i32,
    uri: StaticArray<u8>,
    uriEnd: i32,
    referer: i32,
    address: StaticArray<u8>,
    start: i32,
    end: i32,
  ): void {
    let out = this.out;
    let begin = out.len;
    let returnEnd = start;
    while (returnEnd < end && unchecked(address[returnEnd]) != 0) returnEnd++;
    let methodAt = returnEnd + 1;
    while (methodAt < end && unchecked(address[methodAt]) != 0) methodAt++;
    out.bytes(address, start, returnEnd);
    if (referer > 0) {
      appendEscaped(out, scratch, 0, referer);
    } else {
      out.ascii(secure ? 'https%3A%2F%2F' : 'http%3A%2F%2F');
      appendEscaped(out, host, 0, hostEnd);
      let path = out.len;
      appendEscaped(out, uri, 0, uriEnd);
      if (out.overflow || out.len - begin > MAX_LOCATION) {
        out.len = path;
        out.overflow = false;
        out.ascii('%2F');
      }
    }
    out.bytes(address, min(returnEnd + 1, end), methodAt);
    if (referer > 0) out.ascii('GET');
    else out.bytes(this.method, 0, this.methodEnd);
    out.bytes(address, min(methodAt + 1, end), end);
  }

  /** Reads `Referer` to the beginning of the scratch space: its length when it is a page of the same host, else 0. */
  private readReferer(names: StaticArray<u8>, secure: bool, host: StaticArray<u8>, hostEnd: i32): i32 {
    if (this.refererEnd == 0) return 0;
    let len = this.exchange.headerNamed(names, this.refererStart, this.refererEnd, scratch) - 1;
    if (len < 1 || len > MAX_HINT || this.exchange.headerCount != 1) return 0;
    let scheme = secure ? 8 : 7;
    if (!equalsAsciiFold(scratch, 0, min(scheme, len), secure ? 'https://' : 'http://')) return 0;
    for (let i = 0; i < hostEnd; i++) {
      if (lowerAscii(unchecked(scratch[scheme + i])) != lowerAscii(unchecked(host[i]))) return 0;
    }
    if (len <= scheme + hostEnd || unchecked(scratch[scheme + hostEnd]) != 0x2f) return 0;
    return len;
  }
}

function challengeForm(mode: u32, kind: i32, presented: bool, session: bool): i32 {
  if (kind == CLIENT_SOCKET) return FORM_STATUS;
  switch (mode) {
    case DENIAL_ADAPTIVE:
      if (kind == CLIENT_SCRIPT || (kind == CLIENT_TOOL && session)) return FORM_JSON;
      if (kind == CLIENT_TOOL) return FORM_BASIC;
      break;
    case DENIAL_JSON:
      return FORM_JSON;
    case DENIAL_BASIC:
      return session ? FORM_STATUS : FORM_BASIC;
    case DENIAL_REDIRECT:
      break;
    default:
      return FORM_STATUS;
  }
  // A browser that sends a password sends it again from the portal's way back, and it would be judged again.
  return presented ? FORM_BASIC : FORM_REDIRECT;
}

function forbidForm(mode: u32, kind: i32): i32 {
  if (mode == DENIAL_JSON) return kind == CLIENT_SOCKET ? FORM_STATUS : FORM_JSON;
  if (mode != DENIAL_ADAPTIVE) return FORM_STATUS;
  if (kind == CLIENT_PAGE) return FORM_PAGE;
  return kind == CLIENT_SCRIPT ? FORM_JSON : FORM_STATUS;
}

function statusText(status: i32): string {
  switch (status) {
    case 302:
      return ' Found';
    case 303:
      return ' See Other';
    case 401:
      return ' Unauthorized';
    default:
      return ' Forbidden';
  }
}

/** Appends bytes as a value of a query: what RFC 3986 section 2.3 leaves unreserved stays. */
function appendEscaped(out: ByteWriter, buf: StaticArray<u8>, start: i32, end: i32): void {
  const digits = '0123456789ABCDEF';
  for (let i = start; i < end; i++) {
    let byte = <u32>unchecked(buf[i]);
    let lower = byte | 0x20;
    if (
      lower - 0x61 < 26 ||
      byte - 0x30 < 10 ||
      byte == 0x2d ||
      byte == 0x2e ||
      byte == 0x5f ||
      byte == 0x7e
    ) {
      out.u8(byte);
    } else {
      out.u8(0x25);
      out.u8(digits.charCodeAt(byte >> 4));
      out.u8(digits.charCodeAt(byte & 15));
    }
  }
}
