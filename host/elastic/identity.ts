import type { DropInSetup } from '../config/schema.ts';
import type { RequestHeaders } from '../http/request-headers.ts';
import type { Principal } from '../policy/engine.ts';

/** elastauth's limits, in bytes. */
const MAX_NAME = 255;
const MAX_MAIL = 320;
const MAX_DISPLAY_NAME = 500;
const MAIL = /^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$/;

export type Identity =
  | { readonly ok: true; readonly principal: Principal }
  | { readonly ok: false; readonly status: 400 | 401; readonly message: string };

/** Who somebody is, as its proxy says by headers. What is wrong is said as elastauth does. */
export function readIdentity(headers: RequestHeaders, names: DropInSetup['headers']): Identity {
  const texts: Record<keyof DropInSetup['headers'], string> = {
    username: '',
    groups: '',
    email: '',
    name: '',
  };
  for (const field of ['username', 'groups', 'email', 'name'] as const) {
    const values = headers.values(names[field].toLowerCase());
    // One of them may be the client's own, which the proxy passed on beside its own.
    if (values.length > 1) return bad(`Header is repeated: ${names[field]}`);
    const text = decode(values[0] ?? '');
    if (text === undefined) return bad(`Header is not UTF-8: ${names[field]}`);
    texts[field] = withoutBlanks(text);
  }
  const { username, email, name } = texts;
  if (username === '') {
    return { ok: false, status: 401, message: `missing authentication headers: ${names.username}` };
  }
  const length = Buffer.byteLength(username);
  if (length > MAX_NAME)
    return bad(`username exceeds maximum length of ${MAX_NAME} characters (got ${length})`);
  if (/\p{Cc}/u.test(username)) return bad('username contains invalid characters');
  const groups = texts.groups
    .split(',')
    .map(withoutBlanks)
    .filter(group => group !== '');
  for (const group of groups) {
    const bytes = Buffer.byteLength(group);
    if (bytes > MAX_NAME)
      return bad(`group name exceeds maximum length of ${MAX_NAME} characters (got ${bytes})`);
    if (/\p{Cc}/u.test(group)) return bad('group name contains invalid control characters');
  }
  if (email.length > MAX_MAIL) {
    return bad(`email exceeds maximum length of ${MAX_MAIL} characters (got ${email.length})`);
  }
  if (email !== '' && !MAIL.test(email)) return bad('email format is invalid');
  const nameLength = Buffer.byteLength(name);
  if (nameLength > MAX_DISPLAY_NAME) {
    return bad(`name exceeds maximum length of ${MAX_DISPLAY_NAME} characters (got ${nameLength})`);
  }
  if (/(?![\t\n\r])\p{Cc}/u.test(name)) return bad('name contains invalid control characters');
  return { ok: true, principal: { username, displayName: name, email, groups } };
}

function bad(message: string): Identity {
  return { ok: false, status: 400, message };
}

/** What HTTP allows around a value, and no more: `\u00a0ann` is not `ann`. */
function withoutBlanks(text: string): string {
  return text.replaceAll(/^[ \t]+|[ \t]+$/g, '');
}

/** node gives header bytes as latin1. A byte order mark is a character like any other. */
function decode(value: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(value, 'latin1'));
  } catch {
    return undefined;
  }
}
