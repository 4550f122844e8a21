import { literal } from '../bytes/literal';
import { ByteWriter } from '../bytes/writer';
import { reasonText } from '../http/reason';
import { Exchange } from './exchange';

/** The answers a gate gives in the backend's place: small, fixed, and silent about the inside. */

const CONTENT_TYPE = literal('Content-Type');
const TEXT = literal('text/plain; charset=utf-8');
const CACHE_CONTROL = literal('Cache-Control');
const NO_STORE = literal('no-store');
const RETRY_AFTER = literal('Retry-After');
const RETRY_SECONDS = literal('5');
const WWW_AUTHENTICATE = literal('WWW-Authenticate');
const UNAUTHORIZED = literal('401 Unauthorized');
const FORBIDDEN = literal('403 Forbidden');
const TOO_LARGE = literal('431 Request Header Fields Too Large');
const UNAVAILABLE = literal('503 Service Unavailable');
/** Longest challenge: the realm is limited when the policy is compiled. */
const challenge = new ByteWriter(new StaticArray<u8>(512));

/** 400 with the reason's published text. */
export function badRequest(exchange: Exchange, reason: i32): void {
  let text = `400 Bad Request: ${reasonText(reason)}`;
  respond(exchange, 400, literal(text));
  __collect();
}

/** 401 with the Basic challenge of RFC 7617; the realm is `realm[start, end)`. */
export function challengeBasic(exchange: Exchange, realm: StaticArray<u8>, start: i32, end: i32): void {
  challenge.reset();
  challenge.ascii('Basic realm="');
  challenge.bytes(realm, start, end);
  challenge.ascii('", charset="UTF-8"');
  exchange.setAnswerHeader(WWW_AUTHENTICATE, challenge.buf, 0, challenge.len);
  respond(exchange, 401, UNAUTHORIZED);
}

export function forbid(exchange: Exchange): void {
  respond(exchange, 403, FORBIDDEN);
}

/** 431 (RFC 6585 section 5): some field is over its limit. */
export function tooLarge(exchange: Exchange): void {
  respond(exchange, 431, TOO_LARGE);
}

/** 503: nobody is there to ask. */
export function unavailable(exchange: Exchange): void {
  exchange.setAnswerHeader(RETRY_AFTER, RETRY_SECONDS, 0, RETRY_SECONDS.length);
  respond(exchange, 503, UNAVAILABLE);
}

function respond(exchange: Exchange, status: i32, body: StaticArray<u8>): void {
  exchange.setAnswerHeader(CONTENT_TYPE, TEXT, 0, TEXT.length);
  exchange.setAnswerHeader(CACHE_CONTROL, NO_STORE, 0, NO_STORE.length);
  exchange.answer(status, body);
}
