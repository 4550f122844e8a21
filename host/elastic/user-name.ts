import { MAX_USERNAME } from '../../assembly/contract.ts';
import { hasControl } from '../users/names.ts';

/** Elasticsearch's own limit, in characters, which are ASCII. */
export const MAX_ELASTIC_NAME = 507;

/** `_security/user/_password` is no user: these are the paths of other calls. */
const TAKEN: ReadonlySet<string> = new Set(['_password', '_privileges', '_has_privileges']);

export type ElasticName =
  | { readonly ok: true; readonly name: string }
  | { readonly ok: false; readonly message: string };

/**
 * What a user is called in Elasticsearch, which holds 1 to 507 printable ASCII
 * characters without blanks around them. Almost every name stays as it is. In
 * others each byte of UTF-8 that cannot stay is written as `%` and two capital
 * hexadecimal digits, so that the name can be read back and no two users share
 * one (`jörg` is `j%C3%B6rg`). These bytes are
 *
 * - everything that is not printable ASCII, and blanks at the beginning or end
 * - `%` itself, or `100%25` would be two users
 * - `:`, which ends the name in Basic authentication
 * - `,` and `/`, which mean something in the path `_security/user/NAME`
 * - all of a name that is `.` or `..`, which would leave that path
 * - the first of `_password`, `_privileges` and `_has_privileges`, which are other paths there
 */
export function elasticName(username: string): ElasticName {
  if (username === '') return { ok: false, message: 'a user name must not be empty' };
  if (Buffer.byteLength(username, 'utf8') > MAX_USERNAME) {
    return { ok: false, message: `a user name has at most ${MAX_USERNAME} bytes` };
  }
  if (hasControl(username)) {
    return { ok: false, message: 'a user name must not hold control characters or line breaks' };
  }
  const name = /^\.{1,2}$/.test(username)
    ? username.replaceAll('.', '%2E')
    : TAKEN.has(username)
      ? username.replace('_', '%5F')
      : username.replaceAll(/^ +| +$|[%:,/]+|[^\x20-\x7e]+/gu, escapeBytes);
  return name.length <= MAX_ELASTIC_NAME
    ? { ok: true, name }
    : {
        ok: false,
        message: `the user name takes ${name.length} characters in Elasticsearch, which holds at most ${MAX_ELASTIC_NAME}`,
      };
}

function escapeBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex').toUpperCase().replaceAll(/../g, '%$&');
}
