import { equalsAscii, equalsAsciiFold, lowerAscii } from '../bytes/ascii';
import { readU8, within } from '../bytes/bytes';

/**
 * What kind of client asks, as far as its headers tell: a refusal is worded for
 * it, and nothing else depends on it. What only browsers can say counts first
 * (`Sec-Fetch-…`, which no script may set), then what scripts say of
 * themselves, the method, what the client takes, and its name at last.
 */

/** Somebody who can be asked for a password: command lines, git, WebDAV, and whoever says nothing. */
export const CLIENT_TOOL: i32 = 0;
/** A person who looks at a page, and can be sent to another. */
export const CLIENT_PAGE: i32 = 1;
/** A program that reads the answer: `fetch`, XHR, API clients, what a page is made of, and preflights. */
export const CLIENT_SCRIPT: i32 = 2;
/** A WebSocket's handshake. */
export const CLIENT_SOCKET: i32 = 3;

// Headers that tell something. Zero is none.
export const HINT_ACCEPT: i32 = 1;
export const HINT_FETCH_MODE: i32 = 2;
export const HINT_FETCH_DEST: i32 = 3;
export const HINT_FETCH_SITE: i32 = 4;
export const HINT_REQUESTED_WITH: i32 = 5;
export const HINT_UPGRADE: i32 = 6;
export const HINT_SOCKET_KEY: i32 = 7;
export const HINT_ORIGIN: i32 = 8;
export const HINT_REQUEST_METHOD: i32 = 9;
export const HINT_USER_AGENT: i32 = 10;
export const HINT_REFERER: i32 = 11;

/** Longer values tell nothing: the longest `Accept` of a browser is a tenth of it. */
export const MAX_HINT: i32 = 2_048;

/** What one request's headers tell. */
export class ClientHints {
  private seen: u32 = 0;
  private navigates: bool = false;
  private isDocument: bool = false;
  private isScript: bool = false;
  private isSocket: bool = false;
  private isBrowser: bool = false;
  private streams: bool = false;
  /** Weights in thousandths; 0 for what is not taken. */
  private html: i32 = 0;
  private json: i32 = 0;
  private htmlFirst: bool = false;

  reset(): void {
    this.seen = 0;
    this.navigates = this.isDocument = this.isScript = this.isSocket = this.isBrowser = this.streams = false;
    this.html = this.json = 0;
    this.htmlFirst = false;
  }

  private has(hint: i32): bool {
    return ((this.seen >> hint) & 1) != 0;
  }

  /** Takes one value of the header that HINT_… is; `buf[start, end)`. Of several the first counts, but every `Accept`. */
  take(hint: i32, buf: StaticArray<u8>, start: i32, end: i32): void {
    if (end - start > MAX_HINT || !within(buf, start, end - start)) return;
    if (this.has(hint) && hint != HINT_ACCEPT) return;
    this.seen |= 1 << hint;
    switch (hint) {
      case HINT_ACCEPT:
        this.takeAccept(buf, start, end);
        break;
      case HINT_FETCH_MODE:
        this.navigates = equalsAsciiFold(buf, start, end, 'navigate');
        if (equalsAsciiFold(buf, start, end, 'websocket')) this.isSocket = true;
        break;
      case HINT_FETCH_DEST:
        this.isDocument =
          equalsAsciiFold(buf, start, end, 'document') || equalsAsciiFold(buf, start, end, 'iframe');
        break;
      case HINT_REQUESTED_WITH:
        // Android's views of the web name their application here, with pages too.
        this.isScript =
          equalsAsciiFold(buf, start, end, 'xmlhttprequest') || equalsAsciiFold(buf, start, end, 'fetch');
        break;
      case HINT_UPGRADE:
        if (holdsWord(buf, start, end, 'websocket')) this.isSocket = true;
        break;
      case HINT_SOCKET_KEY:
        // What forwards to us may have dropped `Upgrade`, which is for one hop.
        this.isSocket = true;
        break;
      case HINT_USER_AGENT:
        this.isBrowser = equalsAsciiFold(buf, start, min(start + 8, end), 'mozilla/');
        break;
    }
  }

  /** CLIENT_…. `isSocketScheme`: the proxy says `ws` or `wss`. A method of no length is not known. */
  kind(method: StaticArray<u8>, methodEnd: i32, isSocketScheme: bool): i32 {
    if (this.isSocket || isSocketScheme) return CLIENT_SOCKET;
    // A preflight (Fetch, section 4.8) brings no credentials and follows no redirection.
    if (
      this.has(HINT_REQUEST_METHOD) &&
      this.has(HINT_ORIGIN) &&
      equalsAscii(method, 0, methodEnd, 'OPTIONS')
    )
      return CLIENT_SCRIPT;
    if (this.has(HINT_FETCH_MODE)) return this.navigates ? CLIENT_PAGE : CLIENT_SCRIPT;
    if (this.has(HINT_FETCH_DEST)) return this.isDocument ? CLIENT_PAGE : CLIENT_SCRIPT;
    if (this.isScript) return CLIENT_SCRIPT;
    // Only scripts and WebDAV's clients have other methods.
    if (methodEnd > 0 && !isUsual(method, methodEnd)) return CLIENT_TOOL;
    if (this.html > this.json || (this.html > 0 && this.html == this.json && this.htmlFirst))
      return CLIENT_PAGE;
    if (this.json > 0 || this.streams) return CLIENT_SCRIPT;
    // A browser would show its own window for a password over the page.
    if (this.has(HINT_FETCH_SITE) || this.has(HINT_ORIGIN) || this.isBrowser) return CLIENT_SCRIPT;
    return CLIENT_TOOL;
  }

  /** RFC 9110 section 12.5.1. */
  private takeAccept(buf: StaticArray<u8>, start: i32, end: i32): void {
    for (let at = start; at < end; ) {
      let stop = at;
      while (stop < end && unchecked(buf[stop]) != 0x2c) stop++;
      let from = skipBlanks(buf, at, stop);
      let typeEnd = from;
      while (typeEnd < stop && unchecked(buf[typeEnd]) != 0x3b) typeEnd++;
      let rest = typeEnd;
      while (typeEnd > from && isBlank(unchecked(buf[typeEnd - 1]))) typeEnd--;
      if (isHtml(buf, from, typeEnd)) {
        if (this.json == 0) this.htmlFirst = true;
        this.html = max(this.html, weight(buf, rest, stop));
      } else if (isJson(buf, from, typeEnd)) {
        this.json = max(this.json, weight(buf, rest, stop));
      } else if (equalsAsciiFold(buf, from, typeEnd, 'text/event-stream')) {
        this.streams = true;
      }
      at = stop + 1;
    }
  }
}

/** HINT_… of the header whose name is `names[start, end)`; 0 when it tells nothing. */
export function hintNamed(names: StaticArray<u8>, start: i32, end: i32): i32 {
  switch (lowerAscii(readU8(names, start))) {
    case 0x61: // a
      if (equalsAsciiFold(names, start, end, 'accept')) return HINT_ACCEPT;
      return equalsAsciiFold(names, start, end, 'access-control-request-method') ? HINT_REQUEST_METHOD : 0;
    case 0x6f: // o
      return equalsAsciiFold(names, start, end, 'origin') ? HINT_ORIGIN : 0;
    case 0x72: // r
      return equalsAsciiFold(names, start, end, 'referer') ? HINT_REFERER : 0;
    case 0x73: // s
      if (equalsAsciiFold(names, start, end, 'sec-websocket-key')) return HINT_SOCKET_KEY;
      if (!equalsAsciiFold(names, start, min(start + 10, end), 'sec-fetch-')) return 0;
      if (equalsAsciiFold(names, start + 10, end, 'mode')) return HINT_FETCH_MODE;
      if (equalsAsciiFold(names, start + 10, end, 'dest')) return HINT_FETCH_DEST;
      return equalsAsciiFold(names, start + 10, end, 'site') ? HINT_FETCH_SITE : 0;
    case 0x75: // u
      if (equalsAsciiFold(names, start, end, 'upgrade')) return HINT_UPGRADE;
      return equalsAsciiFold(names, start, end, 'user-agent') ? HINT_USER_AGENT : 0;
    case 0x78: // x
      return equalsAsciiFold(names, start, end, 'x-requested-with') ? HINT_REQUESTED_WITH : 0;
    default:
      return 0;
  }
}

/** Methods that pages and APIs have; RFC 4918 and its kin have all others. */
function isUsual(method: StaticArray<u8>, end: i32): bool {
  return (
    equalsAscii(method, 0, end, 'GET') ||
    equalsAscii(method, 0, end, 'HEAD') ||
    equalsAscii(method, 0, end, 'POST') ||
    equalsAscii(method, 0, end, 'PUT') ||
    equalsAscii(method, 0, end, 'PATCH') ||
    equalsAscii(method, 0, end, 'DELETE') ||
    equalsAscii(method, 0, end, 'OPTIONS')
  );
}

function isHtml(buf: StaticArray<u8>, start: i32, end: i32): bool {
  return (
    equalsAsciiFold(buf, start, end, 'text/html') || equalsAsciiFold(buf, start, end, 'application/xhtml+xml')
  );
}

/**
 * `application/json` and RFC 6839's `+json`; git's and container registries' are
 * no API for a page, and their clients bring a password when they are asked.
 */
function isJson(buf: StaticArray<u8>, start: i32, end: i32): bool {
  if (equalsAsciiFold(buf, start, end, 'application/json')) return true;
  if (!equalsAsciiFold(buf, max(start, end - 5), end, '+json')) return false;
  const vendor = start + 16;
  if (!equalsAsciiFold(buf, start, min(vendor, end), 'application/vnd.')) return true;
  return !(
    equalsAsciiFold(buf, vendor, end, 'git-lfs+json') ||
    equalsAsciiFold(buf, vendor, min(vendor + 7, end), 'docker.') ||
    equalsAsciiFold(buf, vendor, min(vendor + 4, end), 'oci.')
  );
}

/** Weight of a media range in thousandths (RFC 9110 section 12.4.2); 1000 when it says none. */
function weight(buf: StaticArray<u8>, start: i32, end: i32): i32 {
  for (let at = start; at < end; ) {
    let stop = at + 1;
    while (stop < end && unchecked(buf[stop]) != 0x3b) stop++;
    let from = skipBlanks(buf, at + 1, stop);
    if (from + 2 <= stop && lowerAscii(unchecked(buf[from])) == 0x71 && unchecked(buf[from + 1]) == 0x3d)
      return thousandths(buf, from + 2, stop);
    at = stop;
  }
  return 1000;
}

function thousandths(buf: StaticArray<u8>, start: i32, end: i32): i32 {
  if (start < end && unchecked(buf[start]) == 0x31) return 1000;
  let value = 0;
  let unit = 100;
  for (let i = start + 2; i < end && unit > 0; i++, unit /= 10) {
    let digit = <i32>unchecked(buf[i]) - 0x30;
    if (<u32>digit > 9) break;
    value += digit * unit;
  }
  return value;
}

/** Whether a list separated by commas holds the word, in any case. */
function holdsWord(buf: StaticArray<u8>, start: i32, end: i32, word: string): bool {
  for (let at = start; at < end; ) {
    let stop = at;
    while (stop < end && unchecked(buf[stop]) != 0x2c) stop++;
    let from = skipBlanks(buf, at, stop);
    let to = stop;
    while (to > from && isBlank(unchecked(buf[to - 1]))) to--;
    if (equalsAsciiFold(buf, from, to, word)) return true;
    at = stop + 1;
  }
  return false;
}

function skipBlanks(buf: StaticArray<u8>, start: i32, end: i32): i32 {
  while (start < end && isBlank(unchecked(buf[start]))) start++;
  return start;
}

function isBlank(byte: u32): bool {
  return byte == 0x20 || byte == 0x09;
}
