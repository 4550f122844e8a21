import type { Config } from '../config/schema.ts';
import type { ElasticView } from '../doctor/observation.ts';
import { ElasticError } from '../elastic/error.ts';
import { OfficialClient } from '../elastic/official-client.ts';

/** As long as provisioning itself may take. */
const CHECK_MS = 5_000;
/** Need not exist. */
const NOBODY = 'postern-doctor';

/** Asks Elasticsearch whether it takes our account; undefined where there is nobody to ask. */
export async function viewElastic({
  elasticsearch,
}: Pick<Config, 'elasticsearch'>): Promise<ElasticView | undefined> {
  if (elasticsearch?.access === undefined || elasticsearch.dryRun) return undefined;
  const { hosts } = elasticsearch.access;
  const client = new OfficialClient(elasticsearch.access);
  try {
    const signal = AbortSignal.timeout(CHECK_MS);
    await client.check(signal);
    // Accounts that may not even look at users are told so here.
    await client.find(NOBODY, signal);
    return { hosts, problem: undefined };
  } catch (error) {
    if (!(error instanceof ElasticError)) throw error;
    const { code, host, message, hint } = error;
    return { hosts, problem: { code, host, message, hint } };
  } finally {
    await client.close();
  }
}
