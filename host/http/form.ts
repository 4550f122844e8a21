import type { Readable } from 'node:stream';
import type { RequestHeaders } from './request-headers.ts';

/** A long return address, signed, with name and password takes half of it. */
export const MAX_FORM_BYTES = 8_192;
/** A proxy next door, or a slow telephone, sends so much in far less. */
export const FORM_TIMEOUT_MS = 10_000;
/** No form of ours has half as many. */
export const MAX_FORM_FIELDS = 32;

/** Why there is no form, as the status that says so. */
export type FormProblem = 400 | 408 | 413 | 415;

/** What a person filled in. Every field stands once. */
export class Form {
  readonly #fields: ReadonlyMap<string, string>;

  constructor(fields: ReadonlyMap<string, string>) {
    this.#fields = fields;
  }

  get(name: string): string | undefined {
    return this.#fields.get(name);
  }

  /** In their order. */
  entries(): readonly (readonly [name: string, value: string])[] {
    return [...this.#fields];
  }
}

/**
 * Reads a body of `application/x-www-form-urlencoded`, whole. After any answer
 * but a form the rest of the body may still be on its way: the connection must
 * be closed.
 */
export function readForm(
  stream: Readable,
  headers: RequestHeaders,
  timeoutMs = FORM_TIMEOUT_MS,
): Promise<Form | FormProblem> {
  const refused = refusal(headers);
  if (refused !== undefined) return Promise.resolve(refused);
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = (outcome: Form | FormProblem) => {
      clearTimeout(timer);
      stream.off('data', onData).off('end', onEnd).off('close', onLost).off('error', onLost);
      // What still comes is thrown away until the connection is closed.
      stream.on('error', () => {});
      stream.resume();
      resolve(outcome);
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_FORM_BYTES) finish(413);
      else chunks.push(chunk);
    };
    const onEnd = () => finish(parseForm(Buffer.concat(chunks)) ?? 400);
    const onLost = () => finish(400);
    const timer = setTimeout(() => finish(408), timeoutMs);
    stream.on('data', onData).on('end', onEnd).on('close', onLost).on('error', onLost);
  });
}

/** From the headers alone, before anything of the body is read. */
function refusal(headers: RequestHeaders): FormProblem | undefined {
  const type = headers.one('content-type');
  if (typeof type !== 'string' || !FORM_TYPE.test(type)) return 415;
  if (headers.values('content-encoding').length > 0) return 415;
  const length = headers.one('content-length');
  if (length === undefined) return undefined;
  // node has refused what is no number.
  if (typeof length !== 'string') return 400;
  return Number(length) > MAX_FORM_BYTES ? 413 : undefined;
}

/** Browsers write UTF-8 in forms of pages in UTF-8, with or without saying so. */
const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;\s*charset="?utf-8"?\s*)?$/i;

/** Undefined for a text that is badly escaped, no UTF-8, or has a field twice. */
export function parseForm(body: Uint8Array): Form | undefined {
  const text = utf8(body);
  if (text === undefined) return undefined;
  const fields = new Map<string, string>();
  if (text === '') return new Form(fields);
  const pairs = text.split('&');
  if (pairs.length > MAX_FORM_FIELDS) return undefined;
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
    const value = decoded(equals < 0 ? '' : pair.slice(equals + 1));
    if (name === undefined || value === undefined || name === '' || fields.has(name)) return undefined;
    fields.set(name, value);
  }
  return new Form(fields);
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
