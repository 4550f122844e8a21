import type { StoredUser } from './client.ts';
import { ElasticError } from './error.ts';

/** Of what it says was wrong: enough to act on. */
const MAX_REASON = 300;

/**
 * The error that an answer of this status is.
 *
 * @param scrub takes out what must not be told: it may quote what it was sent
 */
export function errorOf(
  status: number,
  body: unknown,
  host: string,
  scrub: (text: string) => string,
): ElasticError {
  const reason = reasonOf(body, scrub);
  if (status === 401) {
    return new ElasticError('ERR_ELASTIC_UNAUTHORIZED', 'Elasticsearch refuses our own account', host, 401);
  }
  if (status === 403) {
    return new ElasticError(
      'ERR_ELASTIC_FORBIDDEN',
      'our own account may not do this in Elasticsearch',
      host,
      403,
    );
  }
  if (status === 429)
    return new ElasticError('ERR_ELASTIC_THROTTLED', 'Elasticsearch has too much to do', host, 429);
  if (status >= 500 && reason === undefined) return malformed(host, status);
  if (status >= 500) {
    return new ElasticError('ERR_ELASTIC_SLOW', `Elasticsearch is not ready: ${reason}`, host, status);
  }
  return reason === undefined
    ? malformed(host, status)
    : new ElasticError('ERR_ELASTIC_REJECTED', reason, host, status);
}

/** Elasticsearch's `{"error":{"reason":…}}`, shortened; undefined for what is no answer of its own. */
function reasonOf(body: unknown, scrub: (text: string) => string): string | undefined {
  const error = field(body, 'error');
  const reason = typeof error === 'string' ? error : field(error, 'reason');
  return typeof reason === 'string' ? scrub(reason).slice(0, MAX_REASON) : undefined;
}

/** @param status of HTTP, where there was one */
export function malformed(host: string, status?: number): ElasticError {
  return new ElasticError('ERR_ELASTIC_MALFORMED', 'the answer is none of Elasticsearch', host, status);
}

/** One user of `_security/user`; throws `ElasticError` (`ERR_ELASTIC_MALFORMED`) for what is none. */
export function readUser(name: string, raw: unknown, host: string): StoredUser {
  const roles = field(raw, 'roles');
  const metadata = field(raw, 'metadata') ?? {};
  const enabled = field(raw, 'enabled');
  // Null when it has none.
  const fullName = field(raw, 'full_name') ?? '';
  const email = field(raw, 'email') ?? '';
  if (
    !Array.isArray(roles) ||
    !roles.every(role => typeof role === 'string') ||
    typeof enabled !== 'boolean' ||
    typeof fullName !== 'string' ||
    typeof email !== 'string'
  )
    throw malformed(host);
  return { name, roles, fullName, email, enabled, metadata: mapping(metadata, host) };
}

/** Throws `ElasticError` (`ERR_ELASTIC_MALFORMED`) for what is no object of JSON. */
export function mapping(body: unknown, host: string): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw malformed(host);
  return body as Record<string, unknown>;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
