import type { Cache } from '../cache/cache.ts';
import type { Clock } from '../clock.ts';
import { jsonReply } from '../http/reply.ts';
import type { Handler } from '../http/router.ts';
import type { ElasticClient } from './client.ts';
import { ElasticError } from './error.ts';

/** An orchestrator asks with a time limit of its own, mostly one to five seconds. */
const CHECK_MS = 2_000;
/** However often it is asked, Elasticsearch is so only this often. */
const KEPT_MS = 1_000;

export interface ReadinessDeps {
  /** Undefined in a dry run. */
  readonly client: Pick<ElasticClient, 'check'> | undefined;
  readonly cache: Pick<Cache, 'status'>;
  readonly clock: Clock;
}

/**
 * `/ready`: 503 while new users cannot be provisioned. A shared store that is
 * down costs speed only, so it is told and does not count.
 */
export function createReadiness({ client, cache, clock }: ReadinessDeps): Handler {
  let asked: { readonly at: number; readonly answer: Promise<string> } | undefined;
  return async () => {
    const now = clock.monotonic();
    if (asked === undefined || now - asked.at >= KEPT_MS) asked = { at: now, answer: check(client) };
    const elasticsearch = await asked.answer;
    const { state, kind } = cache.status();
    const isReady = elasticsearch === 'ok' || elasticsearch === 'dry run';
    return jsonReply(isReady ? 200 : 503, {
      status: isReady ? 'OK' : 'UNAVAILABLE',
      elasticsearch: { status: elasticsearch },
      cache: { type: kind, status: state === 'up' ? 'ok' : state },
    });
  };
}

async function check(client: ReadinessDeps['client']): Promise<string> {
  if (client === undefined) return 'dry run';
  try {
    await client.check(AbortSignal.timeout(CHECK_MS));
    return 'ok';
  } catch (error) {
    return error instanceof ElasticError ? error.code : 'error';
  }
}
