import { Counter, Gauge, Registry } from 'prom-client';
import type { VerifyResult } from '../authn/password.ts';
import type { TokenResult } from '../authn/token.ts';
import type { IssueResult } from '../grant/issuer.ts';

/** Where gauges read when they are asked. */
export interface MetricSources {
  readonly waiting: () => number;
  /** Answers held back. */
  readonly held: () => number;
  /** Seconds, undefined before the first state page. */
  readonly heartbeatAge: () => number | undefined;
  readonly usersFileOk: () => boolean;
  /** True when there is none. */
  readonly tokensFileOk?: () => boolean;
  /** What hosts share; undefined for a memory of its own. */
  readonly store?: () => { readonly state: string; readonly lastContact: number | undefined } | undefined;
  /** Undefined when nobody watches the configuration. */
  readonly configStatus: () => { readonly ok: boolean; readonly loadedAt: number } | undefined;
}

/** Adds to what was counted under a label's value; an empty one where there is no label. */
type Count = (value?: string, by?: number) => void;

/** All of the host's metrics. Labels come from closed sets: no user, host or path. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #verifications = this.#counter(
    'postern_password_verifications_total',
    'Digests computed to verify a password.',
    'result',
    ['success', 'failure', 'error'],
  );
  readonly #tokens = this.#counter(
    'postern_token_verifications_total',
    'API tokens that were looked up: one for each token and lifetime of a grant.',
    'result',
    ['success', 'failure'],
  );
  readonly #attempts = this.#counter(
    'postern_authentication_attempts_total',
    'User names with passwords that were judged, and those that a ban refused.',
    'result',
    ['success', 'failure', 'banned'],
  );
  readonly #bans = this.#counter(
    'postern_bans_total',
    'Bans for failed attempts: of users, addresses, devices, and names that nobody has.',
    'kind',
    ['user', 'address', 'device', 'unknown'],
  );
  readonly #sessionsBegun = this.#counter('postern_sessions_begun_total', 'Sessions that began here.');
  readonly #sessionsEnded = this.#counter('postern_sessions_ended_total', 'Sessions that were ended here.');
  readonly #grants = this.#counter(
    'postern_grants_total',
    'Grants for verified credentials: written, or why not.',
    'result',
    ['written', 'oversized', 'no-table', 'write-error'],
  );
  readonly #revoked = this.#counter(
    'postern_grants_revoked_total',
    'Grants zeroed because their user changed.',
  );
  readonly #decisions = this.#counter(
    'postern_decisions_total',
    'Answers of the decision endpoints.',
    'verdict',
    ['allow', 'challenge', 'forbid', 'bad-request', 'too-large', 'busy'],
  );
  readonly #deferrals = this.#counter(
    'postern_deferrals_total',
    'Requests deferred by a guest: accepted, or why not.',
    'reason',
    ['accepted', 'repeated', 'malformed', 'mac', 'expired', 'future', 'policy'],
  );
  readonly #usersFileErrors = this.#counter(
    'postern_users_file_errors_total',
    'Users files that could not be used.',
  );

  readonly #provisions = this.#counter(
    'postern_elasticsearch_provisions_total',
    'Requests that needed a user of Elasticsearch: ready, or why not.',
    'result',
    ['ready', 'bad-request', 'refused', 'unavailable'],
  );
  readonly #storeLosses = this.#counter(
    'postern_shared_store_losses_total',
    'Times that everybody had to sign in again because of the shared store.',
    'reason',
    ['flushed', 'missed-events', 'first-contact'],
  );
  readonly #configReloads = this.#counter(
    'postern_config_reloads_total',
    'Readings of a changed configuration: put in force, or not.',
    'result',
    ['success', 'failure'],
  );

  constructor(sources: MetricSources) {
    this.#gauge('postern_password_queue_length', 'Password verifications that wait.', sources.waiting);
    this.#gauge(
      'postern_logins_held',
      'Logins whose answer is held back: being verified, or failed and delayed.',
      sources.held,
    );
    this.#gauge(
      'postern_heartbeat_age_seconds',
      'Age of the state page that guests read.',
      () => sources.heartbeatAge() ?? Number.POSITIVE_INFINITY,
    );
    this.#gauge('postern_users_file_ok', '1 while the users file can be used.', () =>
      sources.usersFileOk() ? 1 : 0,
    );
    this.#gauge(
      'postern_tokens_file_ok',
      '1 while the tokens file can be used, or none is configured.',
      () => (sources.tokensFileOk?.() === false ? 0 : 1),
    );
    this.#gauge(
      'postern_shared_store_up',
      '1 while the shared store answers and takes new values, or there is none.',
      () => ((sources.store?.()?.state ?? 'up') === 'up' ? 1 : 0),
    );
    this.#gauge(
      'postern_shared_store_last_contact_timestamp_seconds',
      'When the shared store answered last, seconds since 1970; 0 when it never did, or there is none.',
      () => (sources.store?.()?.lastContact ?? 0) / 1_000,
    );
    this.#gauge('postern_config_ok', '1 while the configuration as it is now is in force.', () =>
      sources.configStatus()?.ok === false ? 0 : 1,
    );
    this.#gauge(
      'postern_config_last_success_timestamp_seconds',
      'When the configuration in force was read, seconds since 1970; 0 when it is not watched.',
      () => (sources.configStatus()?.loadedAt ?? 0) / 1_000,
    );
    this.#gauge('process_cpu_seconds_total', 'User and system CPU time.', () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
    this.#gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  }

  readonly attempted = (result: string): void => this.#attempts(result);
  readonly banned = (kind: string): void => this.#bans(kind);
  readonly tokenJudged = (result: TokenResult): void => this.#tokens(result);
  readonly verified = (result: VerifyResult): void => this.#verifications(result);
  readonly issued = (result: IssueResult): void => this.#grants(result);
  readonly revoked = (count: number): void => this.#revoked('', count);
  readonly sessionBegun = (): void => this.#sessionsBegun();
  readonly sessionsEnded = (count: number): void => this.#sessionsEnded('', count);
  readonly decided = (verdict: string): void => this.#decisions(verdict);
  readonly deferred = (reason: string): void => this.#deferrals(reason);
  readonly configRead = (result: 'success' | 'failure'): void => this.#configReloads(result);
  readonly storeLost = (reason: string): void => this.#storeLosses(reason);
  readonly provisioned = (result: string): void => this.#provisions(result);
  readonly usersFileError = (): void => this.#usersFileErrors();

  readonly contentType = this.#registry.contentType;

  /** Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /**
   * Every label's value starts at 0, so that rates are right from the first
   * scrape. Counted in a map and told when somebody asks: prom-client makes a
   * text of the labels each time, which costs a request as much as its rules.
   */
  #counter(name: string, help: string, label?: string, values: readonly string[] = ['']): Count {
    const counts = new Map(values.map(value => [value, 0]));
    new Counter({
      name,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [value, count] of counts) this.inc(label === undefined ? {} : { [label]: value }, count);
      },
    });
    return (value = '', by = 1) => void counts.set(value, (counts.get(value) ?? 0) + by);
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }
}
