/** What went wrong with a call to Elasticsearch. */
export type ElasticErrorCode =
  /** No connection to any host. */
  | 'ERR_ELASTIC_UNREACHABLE'
  /** Its certificate is not one that we trust, or ours is not one that it does. */
  | 'ERR_ELASTIC_TLS'
  /** No answer in time, or no shard that could give one. */
  | 'ERR_ELASTIC_SLOW'
  /** 401: it does not know our account. */
  | 'ERR_ELASTIC_UNAUTHORIZED'
  /** 403: our account may not manage users. */
  | 'ERR_ELASTIC_FORBIDDEN'
  /** 429. */
  | 'ERR_ELASTIC_THROTTLED'
  /** Another 4xx: it understood, and will not. */
  | 'ERR_ELASTIC_REJECTED'
  /** An answer that is none of Elasticsearch's. */
  | 'ERR_ELASTIC_MALFORMED';

/** What an operator does about it. */
const HINTS: Readonly<Record<ElasticErrorCode, string>> = {
  ERR_ELASTIC_UNREACHABLE:
    'see whether it runs and is reached from here; elasticsearch.hosts says where it is looked for',
  ERR_ELASTIC_TLS:
    'name the CA of its certificate in elasticsearch.ca_certificate, and in elasticsearch.hosts the name that the certificate is made for; if it asks for ours, set elasticsearch.client_certificate and client_key',
  ERR_ELASTIC_SLOW: 'look at the load and the health of the cluster: `GET _cluster/health`',
  ERR_ELASTIC_UNAUTHORIZED:
    'set elasticsearch.username and password (or api_key) to an account that exists and is enabled',
  ERR_ELASTIC_FORBIDDEN:
    'give the account of elasticsearch.username (or api_key) the privilege `manage_security`',
  ERR_ELASTIC_THROTTLED: 'the cluster has too much to do: give it more capacity, or less load',
  ERR_ELASTIC_REJECTED: '`error` is what it said',
  ERR_ELASTIC_MALFORMED:
    'see what elasticsearch.hosts points to: a proxy or another program answered, or OpenSearch, which has another API',
};

/** All codes. */
export const HINTED_CODES: readonly string[] = Object.keys(HINTS);

/** Holds neither credentials nor what was sent. */
export class ElasticError extends Error {
  readonly code: ElasticErrorCode;
  /** Which host, without credentials; `?` when none was asked. */
  readonly host: string;
  readonly status: number | undefined;

  constructor(code: ElasticErrorCode, message: string, host: string, status?: number) {
    super(message);
    this.name = 'ElasticError';
    this.code = code;
    this.host = host;
    this.status = status;
  }

  /** Worth another try at once: Elasticsearch is there and says that it is not ready. */
  get isPassing(): boolean {
    return this.code === 'ERR_ELASTIC_SLOW' && this.status === 503;
  }

  /** No word of Elasticsearch's: what was asked may be done, now or later. */
  get isSilence(): boolean {
    return (
      this.code === 'ERR_ELASTIC_UNREACHABLE' ||
      (this.code === 'ERR_ELASTIC_SLOW' && this.status === undefined)
    );
  }

  get hint(): string {
    return HINTS[this.code];
  }
}
