import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, errors as ClientErrors } from '@elastic/elasticsearch';
import type { ElasticAccess } from '../config/schema.ts';
import { errorOf, malformed, mapping, readUser } from './answer.ts';
import type { ElasticClient, StoredUser, UserToWrite } from './client.ts';
import { ElasticError } from './error.ts';
import { HostTurns } from './host-turns.ts';
import { authOf, secretsOf, tlsOf } from './own-account.ts';

/** One host is waited for almost as long as a whole provisioning may take (`PROVISION_MS`). */
const ONLY_HOST_MS = 4_500;
/** Of several, each so long that three can be asked in turn. */
const EACH_HOST_MS = 1_500;
/** All users of a large cluster take longer than one; then nobody waits for it. */
const LIST_MS = 15_000;
/** Before the same host is asked again: a node that is restarted closes its connections first. */
const RETRY_PAUSE_MS = 200;
/** A list of 20,000 users; more than that is no answer that we asked for. */
const MAX_RESPONSE = 16 * 1024 * 1024;

interface Opened {
  /** One for each host: which of them failed is known, and who is asked next is ours to say. */
  readonly clients: readonly Client[];
  readonly errors: typeof ClientErrors;
}

/** The package is loaded here: it takes a quarter of a second and 30 MB that only its users need. */
async function open(access: ElasticAccess): Promise<Opened> {
  const { Client, errors } = await import('@elastic/elasticsearch');
  const common = {
    auth: authOf(access),
    tls: tlsOf(access.tls),
    maxRetries: 0,
    // Each call has its own limit, which holds for all of the answer.
    requestTimeout: 60_000,
    maxResponseSize: MAX_RESPONSE,
    name: 'postern',
  };
  return { clients: access.hosts.map(node => new Client({ ...common, node })), errors };
}

interface Asked {
  readonly status: number;
  readonly body: unknown;
  readonly host: string;
  /** Some host was asked, too, and said nothing. */
  readonly wasSilent: boolean;
}

interface Question {
  readonly method: 'GET' | 'PUT';
  readonly path: string;
  readonly body?: Record<string, unknown>;
  readonly querystring?: Record<string, string>;
  readonly headers?: Record<string, string>;
  readonly ignore?: number[];
  /** For one host's whole answer. */
  readonly limitMs?: number;
}

/** Elastic's own client over the hosts of the configuration. */
export class OfficialClient implements ElasticClient {
  readonly #opened: Promise<Opened>;
  /** As they are told: without a path. */
  readonly #hosts: readonly string[];
  readonly #turns: HostTurns;
  readonly #secrets: readonly string[];
  readonly #onSkipped: (error: ElasticError) => void;

  /** @param onSkipped is told of a host that failed where another one was left to ask */
  constructor(access: ElasticAccess, onSkipped: (error: ElasticError) => void = () => {}) {
    this.#hosts = access.hosts.map(host => new URL(host).origin);
    this.#turns = new HostTurns(access.hosts.length, () => performance.now());
    this.#secrets = secretsOf(access);
    this.#onSkipped = onSkipped;
    this.#opened = open(access);
    // Whoever asks is told.
    this.#opened.catch(() => {});
  }

  async find(name: string, signal: AbortSignal): Promise<StoredUser | undefined> {
    const { status, body, host } = await this.#ask(
      { method: 'GET', path: userPath(name), ignore: [404] },
      signal,
    );
    const users = mapping(body, host);
    if (status === 404) {
      // A page of a proxy's, or `{"error":…}`, says nothing about the user.
      if (Object.keys(users).length > 0) throw malformed(host, status);
      return undefined;
    }
    const user = Object.entries(users).find(([key]) => key === name);
    if (user === undefined) throw malformed(host);
    return readUser(user[0], user[1], host);
  }

  async all(signal: AbortSignal): Promise<readonly StoredUser[]> {
    const question = { method: 'GET', path: '/_security/user', limitMs: LIST_MS } as const;
    const { body, host } = await this.#ask(question, signal);
    return Object.entries(mapping(body, host)).map(([name, user]) => readUser(name, user, host));
  }

  async write(name: string, user: UserToWrite, signal: AbortSignal): Promise<boolean> {
    const { password, roles, fullName, email, enabled, metadata } = user;
    const written = { password, roles, full_name: fullName, email, enabled, metadata };
    // Users are read by their name, which needs no refresh of the index.
    const querystring = { refresh: 'false' };
    const question = { method: 'PUT', path: userPath(name), body: written, querystring } as const;
    const { body, host, wasSilent } = await this.#ask(question, signal, password);
    if (typeof mapping(body, host).created !== 'boolean') throw malformed(host);
    return !wasSilent;
  }

  async disable(name: string, signal: AbortSignal): Promise<void> {
    const { body, host } = await this.#ask({ method: 'PUT', path: `${userPath(name)}/_disable` }, signal);
    mapping(body, host);
  }

  async accepts(authorization: string, signal: AbortSignal): Promise<boolean> {
    const { status, body, host } = await this.#ask(
      { method: 'GET', path: '/_security/_authenticate', headers: { authorization }, ignore: [401] },
      signal,
      authorization.replace(/^Basic /, ''),
    );
    if (status === 401) return false;
    if (typeof mapping(body, host).username !== 'string') throw malformed(host, status);
    return true;
  }

  async check(signal: AbortSignal): Promise<void> {
    const { body, host } = await this.#ask({ method: 'GET', path: '/_security/_authenticate' }, signal);
    if (typeof mapping(body, host).username !== 'string') throw malformed(host);
  }

  async close(): Promise<void> {
    const { clients } = await this.#opened;
    await Promise.all(clients.map(client => client.close()));
  }

  /**
   * Asks one host after the other until one of them answers as it should, each
   * once, and the last one once more if it could not be reached at all. What is
   * asked may be done twice: it says what shall be, not what shall change.
   *
   * @param secret stands in the question, and must not stand in an error
   */
  async #ask(question: Question, signal: AbortSignal, secret?: string): Promise<Asked> {
    const order = this.#turns.order();
    let worst: ElasticError | undefined;
    let wasSilent = false;
    for (let turn = 0; ; turn++) {
      const at = order[Math.min(turn, order.length - 1)] as number;
      try {
        const answer = await this.#askHost(at, question, signal, secret);
        this.#turns.worked(at);
        return { ...answer, wasSilent };
      } catch (error) {
        if (!(error instanceof ElasticError)) throw error;
        const { code } = error;
        // It is there, and would say the same anywhere.
        if (code === 'ERR_ELASTIC_REJECTED') this.#turns.worked(at);
        else this.#turns.failed(at);
        // An answer says more than that there was none.
        if (worst === undefined || worst.isSilence || !error.isSilence) worst = error;
        wasSilent ||= error.isSilence;
        if (code === 'ERR_ELASTIC_REJECTED' || signal.aborted) throw worst;
        const isOther = turn + 1 < order.length;
        const isAgain = error.isPassing || (turn + 1 === order.length && code === 'ERR_ELASTIC_UNREACHABLE');
        if (!isOther && !isAgain) throw worst;
        if (isOther) this.#onSkipped(error);
        // Its index of users is being made, or moved to another node, or the node starts: a matter of moments.
        else await sleep(RETRY_PAUSE_MS);
      }
    }
  }

  async #askHost(
    at: number,
    { method, path, body, querystring, limitMs, ...options }: Question,
    signal: AbortSignal,
    secret?: string,
  ): Promise<Omit<Asked, 'wasSilent'>> {
    const { clients, errors } = await this.#opened;
    const host = this.#hosts[at] as string;
    const limit = limitMs ?? (clients.length === 1 ? ONLY_HOST_MS : EACH_HOST_MS);
    const late = AbortSignal.any([signal, AbortSignal.timeout(limit)]);
    const params = { method, path, ...(body && { body }), ...(querystring && { querystring }) };
    try {
      const client = clients[at] as Client;
      const answer = await client.transport.request(params, { ...options, signal: late, meta: true });
      const status = answer.statusCode ?? 0;
      // A redirection, say: nobody has done what was asked.
      if (status >= 300 && options.ignore?.includes(status) !== true) throw malformed(host, status);
      return { status, body: answer.body, host };
    } catch (error) {
      if (error instanceof ElasticError) throw error;
      if (late.aborted)
        throw new ElasticError('ERR_ELASTIC_SLOW', 'Elasticsearch did not answer in time', host);
      throw translated(error, errors, host, text => this.#scrubbed(text, secret));
    }
  }

  #scrubbed(text: string, secret: string | undefined): string {
    const secrets = secret === undefined ? this.#secrets : [...this.#secrets, secret];
    return secrets.reduce((rest, one) => rest.replaceAll(one, '***'), text);
  }
}

/** Of the client's errors only what says nothing about what was sent. */
function translated(
  error: unknown,
  { ResponseError, ConnectionError, TimeoutError }: typeof ClientErrors,
  host: string,
  scrub: (text: string) => string,
): ElasticError {
  if (error instanceof ResponseError) return errorOf(error.statusCode ?? 0, error.body, host, scrub);
  if (error instanceof TimeoutError) {
    return new ElasticError('ERR_ELASTIC_SLOW', 'Elasticsearch did not answer in time', host);
  }
  if (!(error instanceof ConnectionError)) return malformed(host);
  const message = scrub(error.message.split('\n', 1)[0] ?? '');
  // TLS 1.3: a server that misses our certificate says so by closing the connection.
  const isClosed = host.startsWith('https:') && /other side closed|ECONNRESET/.test(message);
  // Names of hosts stand in these, `es-tls` for instance.
  const isOfTheWay = /^(getaddrinfo|connect) /.test(message);
  const isTls =
    isClosed || (!isOfTheWay && /certificate|ssl|tls|altname|ERR_TLS|signature|wrong version/i.test(message));
  return isTls
    ? new ElasticError('ERR_ELASTIC_TLS', `TLS with Elasticsearch failed: ${message}`, host)
    : new ElasticError('ERR_ELASTIC_UNREACHABLE', `Elasticsearch cannot be reached: ${message}`, host);
}

function userPath(name: string): string {
  return `/_security/user/${encodeURIComponent(name)}`;
}
