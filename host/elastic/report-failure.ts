import { CacheError } from '../cache/cache.ts';
import type { Logger } from '../log/logger.ts';
import { ElasticError } from './error.ts';

/** Tells the operator why `username` was not provisioned, by whom, and what to do. */
export function reportFailure(log: Logger, username: string, error: unknown): void {
  if (error instanceof ElasticError) {
    const { code, message, host, status, hint } = error;
    log.warn('no new users are let through to Elasticsearch', {
      user: username,
      host,
      code,
      error: message,
      ...(status === undefined ? {} : { status }),
      hint,
    });
  } else if (error instanceof CacheError) {
    log.warn('no new users are let through to Elasticsearch: what hosts share cannot be reached', {
      user: username,
      code: error.code,
      error: error.message,
    });
  } else {
    log.error('a user could not be provisioned', { user: username, error: String(error) });
  }
}
