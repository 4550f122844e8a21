import { literal } from '../bytes/literal';
import { scratch } from '../bytes/scratch';
import { ByteWriter } from '../bytes/writer';
import { reasonText } from '../http/reason';
import { Exchange } from './exchange';

/** The fixed answers a gate gives in the backend's place: small, and silent about the inside. `denial.ts` words the others. */

export const CONTENT_TYPE = literal('Content-Type');
export const TEXT = literal('text/plain; charset=utf-8');
export const CACHE_CONTROL = literal('Cache-Control');
export const NO_STORE = literal('no-store');
const RETRY_AFTER = literal('Retry-After');
const RETRY_SECONDS = literal('5');
const TOO_LARGE = literal('431 Request Header Fields Too Large');
const UNAVAILABLE = literal('503 Service Unavailable');

/** Text of a 400. */
const body = new ByteWriter(scratch);

/** 400 with the reason's published text. */
export function badRequest(exchange: Exchange, reason: i32): void {
  body.reset();
  body.ascii('400 Bad Request: ');
  body.ascii(reasonText(reason));
  respond(exchange, 400, scratch, body.len);
}

/** 431 (RFC 6585 section 5): some field is over its limit. */
export function tooLarge(exchange: Exchange): void {
  respond(exchange, 431, TOO_LARGE, TOO_LARGE.length);
}

/** 503: nobody is there to ask. */
export function unavailable(exchange: Exchange): void {
  exchange.setAnswerHeader(RETRY_AFTER, RETRY_SECONDS, 0, RETRY_SECONDS.length);
  respond(exchange, 503, UNAVAILABLE, UNAVAILABLE.length);
}

function respond(exchange: Exchange, status: i32, text: StaticArray<u8>, end: i32): void {
  exchange.setAnswerHeader(CONTENT_TYPE, TEXT, 0, TEXT.length);
  exchange.setAnswerHeader(CACHE_CONTROL, NO_STORE, 0, NO_STORE.length);
  exchange.answer(status, text, 0, end);
}
