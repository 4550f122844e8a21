import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, errors as ClientErrors } from '@elastic/elasticsearch';
import type { ElasticAccess } from '../config/schema.ts';
import type { ElasticClient, StoredUser, UserToWrite } from './client.ts';
import { ElasticError } from './error.ts';

/** One host is waited for almost as long as a whole provisioning may take (`PROVISION_MS`). */
const ONLY_HOST_MS = 4_500;
/** Of several, each so long that three can be asked in turn. */
const EACH_HOST_MS = 1_500;
/** Before the same host is asked again: a node that is restarted closes its connections first. */
const RETRY_PAUSE_SECONDS = 0.2;
/** A list of 20,000 users; more than that is no answer that we asked for. */
const MAX_RESPONSE = 16 * 1024 * 1024;

interface Opened {
  readonly client: Client;
  readonly errors: typeof ClientErrors;
}

/** The package is loaded here: it takes a quarter of a second and 30 MB that only its users need. */
async function open(access: ElasticAccess): Promise<Opened> {
  const { Client, errors, Transport } = await import('@elastic/elasticsearch');
  /** The client hands on neither of these. */
  class RetryingTransport extends Transport {
    constructor(options: ConstructorParameters<typeof Transport>[0]) {
      super({ ...options, retryOnTimeout: true, retryBackoff: () => RETRY_PAUSE_SECONDS });
    }
  }
  const client = new Client({
    nodes: [...access.hosts],
    auth: authOf(access),
    tls: pem(access.tls),
    maxRetries: access.hosts.length,
    Transport: RetryingTransport,
    requestTimeout: access.hosts.length === 1 ? ONLY_HOST_MS : EACH_HOST_MS,
    maxResponseSize: MAX_RESPONSE,
    name: 'postern',
  });
  return { client, errors };
}

/** Elastic's own client over the hosts of the configuration. */
export class OfficialClient implements ElasticClient {
  readonly #opened: Promise<Opened>;
  readonly #hosts: readonly string[];

  constructor(access: ElasticAccess) {
    this.#hosts = access.hosts;
    this.#opened = open(access);
    // Whoever asks is told.
    this.#opened.catch(() => {});
  }

  async find(name: string, signal: AbortSignal): Promise<StoredUser | undefined> {
    const { status, body, host } = await this.#ask('GET', userPath(name), signal, { ignore: [404] });
    if (status === 404) return undefined;
    const user = Object.entries(mapping(body, host)).find(([key]) => key === name);
    if (user === undefined) throw malformed(host);
    return readUser(user[0], user[1], host);
  }

  async all(signal: AbortSignal): Promise<readonly StoredUser[]> {
    const { body, host } = await this.#ask('GET', '/_security/user', signal);
    return Object.entries(mapping(body, host)).map(([name, user]) => readUser(name, user, host));
  }

  async write(name: string, user: UserToWrite, signal: AbortSignal): Promise<void> {
    const { password, roles, fullName, email, enabled, metadata } = user;
    const written = { password, roles, full_name: fullName, email, enabled, metadata };
    // Users are read by their name, which needs no refresh of the index.
    const { body, host } = await this.#ask('PUT', userPath(name), signal, {
      body: written,
      querystring: { refresh: 'false' },
    });
    if (typeof mapping(body, host).created !== 'boolean') throw malformed(host);
  }

  async disable(name: string, signal: AbortSignal): Promise<void> {
    await this.#ask('PUT', `${userPath(name)}/_disable`, signal);
  }

  async accepts(authorization: string, signal: AbortSignal): Promise<boolean> {
    const { status } = await this.#ask('GET', '/_security/_authenticate', signal, {
      headers: { authorization },
      ignore: [401],
    });
    return status !== 401;
  }

  async check(signal: AbortSignal): Promise<void> {
    const { body, host } = await this.#ask('GET', '/_security/_authenticate', signal);
    if (typeof mapping(body, host).username !== 'string') throw malformed(host);
  }

  async close(): Promise<void> {
    const { client } = await this.#opened;
    await client.close();
  }

  async #ask(
    method: 'GET' | 'PUT',
    path: string,
    signal: AbortSignal,
    more: {
      readonly body?: Record<string, unknown>;
      readonly querystring?: Record<string, string>;
      readonly headers?: Record<string, string>;
      readonly ignore?: number[];
    } = {},
  ): Promise<{ status: number; body: unknown; host: string }> {
    const { body, querystring, ...options } = more;
    const params = { method, path, ...(body && { body }), ...(querystring && { querystring }) };
    for (;;) {
      try {
        return await this.#askOnce(params, { ...options, signal });
      } catch (error) {
        // Its index of users is being made, or moved to another node: a matter of moments.
        if (!(error instanceof ElasticError) || !error.isPassing || signal.aborted) throw error;
        await sleep(RETRY_PAUSE_SECONDS * 1_000);
      }
    }
  }

  async #askOnce(
    params: { readonly method: string; readonly path: string },
    options: object,
  ): Promise<{ status: number; body: unknown; host: string }> {
    const { client, errors } = await this.#opened;
    try {
      const answer = await client.transport.request(params, { ...options, meta: true });
      return {
        status: answer.statusCode ?? 0,
        body: answer.body,
        host: answer.meta.connection?.url.origin ?? this.#anyHost,
      };
    } catch (error) {
      throw this.#translate(error, errors);
    }
  }

  get #anyHost(): string {
    return this.#hosts.join(', ');
  }

  /** Of the client's errors only what says nothing about what was sent. */
  #translate(error: unknown, errors: typeof ClientErrors): ElasticError {
    const { ResponseError, ConnectionError, TimeoutError, RequestAbortedError, NoLivingConnectionsError } =
      errors;
    const meta = error instanceof errors.ElasticsearchClientError && 'meta' in error ? error.meta : undefined;
    const host = (meta as { meta?: { connection?: { url?: URL } } } | undefined)?.meta?.connection?.url
      ?.origin;
    const at = host ?? this.#anyHost;
    if (error instanceof ResponseError) return fromResponse(error.statusCode ?? 0, error.body, at);
    // Our signal, met while a connection was being made, comes as one that failed.
    const isLate = error instanceof ConnectionError && /aborted|timed? ?out/i.test(error.message);
    if (isLate || error instanceof TimeoutError || error instanceof RequestAbortedError) {
      return new ElasticError('ERR_ELASTIC_SLOW', 'Elasticsearch did not answer in time', at);
    }
    if (error instanceof ConnectionError) {
      // TLS 1.3: a server that misses our certificate says so by closing the connection.
      const isClosed = at.startsWith('https:') && /other side closed|ECONNRESET/.test(error.message);
      const isTls =
        isClosed || /certificate|ssl|tls|altname|ERR_TLS|signature|wrong version/i.test(error.message);
      const message = error.message.split('\n', 1)[0] ?? '';
      return isTls
        ? new ElasticError('ERR_ELASTIC_TLS', `TLS with Elasticsearch failed: ${message}`, at)
        : new ElasticError('ERR_ELASTIC_UNREACHABLE', `Elasticsearch cannot be reached: ${message}`, at);
    }
    if (error instanceof NoLivingConnectionsError) {
      return new ElasticError('ERR_ELASTIC_UNREACHABLE', 'no host of Elasticsearch can be reached', at);
    }
    return malformed(at);
  }
}

function fromResponse(status: number, body: unknown, host: string): ElasticError {
  const reason = reasonOf(body);
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
function reasonOf(body: unknown): string | undefined {
  const error = field(body, 'error');
  const reason = typeof error === 'string' ? error : field(error, 'reason');
  return typeof reason === 'string' ? reason.slice(0, 300) : undefined;
}

function malformed(host: string, status?: number): ElasticError {
  return new ElasticError('ERR_ELASTIC_MALFORMED', 'the answer is none of Elasticsearch', host, status);
}

function readUser(name: string, raw: unknown, host: string): StoredUser {
  const roles = field(raw, 'roles');
  const metadata = field(raw, 'metadata') ?? {};
  const enabled = field(raw, 'enabled');
  if (!Array.isArray(roles) || typeof enabled !== 'boolean' || typeof metadata !== 'object')
    throw malformed(host);
  return {
    name,
    roles: roles.map(String),
    // Null when it has none.
    fullName: String(field(raw, 'full_name') ?? ''),
    email: String(field(raw, 'email') ?? ''),
    enabled,
    metadata: metadata as Record<string, unknown>,
  };
}

function mapping(body: unknown, host: string): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw malformed(host);
  return body as Record<string, unknown>;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function userPath(name: string): string {
  return `/_security/user/${encodeURIComponent(name)}`;
}

function authOf({ credentials }: ElasticAccess) {
  return 'apiKey' in credentials ? { apiKey: credentials.apiKey } : { ...credentials };
}

function pem({ ca, cert, key }: ElasticAccess['tls']) {
  return {
    ...(ca && { ca: Buffer.from(ca) }),
    ...(cert && { cert: Buffer.from(cert) }),
    ...(key && { key: Buffer.from(key) }),
  };
}
