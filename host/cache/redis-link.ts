import type { Cluster, Redis, RedisOptions, SentinelConnector } from 'ioredis';
import type { RedisSetup } from '../config/schema.ts';
import { printable } from '../log/printable.ts';
import { CacheError, type CacheErrorCode } from './cache.ts';
import { COMMAND_MS, FAILURES_TO_OPEN } from './limits.ts';
import type { Script } from './redis-scripts.ts';
import { clusterOptions, redisOptions, shownAddress } from './redis-settings.ts';
import { listenedSentinels, type SentinelNews } from './sentinel-watch.ts';

export type Argument = string | number | Uint8Array;

/** Longest text of the server's that is shown. */
const MAX_REASON = 200;

export interface LinkNews {
  readonly sentinels: SentinelNews;
  /** One call is refused, while others are answered. */
  readonly onRefused: (error: CacheError) => void;
}

/**
 * A connection that answers in time or says that it cannot. After two calls in a
 * row without an answer further ones are refused at once, until `probe` gets one
 * through.
 */
export class RedisLink {
  readonly address: string;
  readonly isOfCluster: boolean;
  readonly #settings: RedisSetup;
  readonly #news: LinkNews;
  #client: Redis | Cluster | undefined;
  #closed = false;
  readonly #commandMs: number;
  #failures = 0;
  #open = true;
  #lastProblem = 'not connected yet';
  /** Why there is no connection, as the connection said it. */
  #noted: string | undefined;

  /** @param commandMs a reader that blocks waits longer */
  constructor(settings: RedisSetup, news: LinkNews, commandMs = COMMAND_MS) {
    this.#news = news;
    this.address = shownAddress(settings);
    this.#commandMs = commandMs;
    this.#settings = settings;
    this.isOfCluster = settings.mode === 'cluster';
  }

  connect(): void {
    this.#connect().catch(error => this.#note(error));
  }

  /** The library is loaded here: hosts without a store, and other commands, do without its 25 MB. */
  async #connect(): Promise<void> {
    const { Cluster, Redis, SentinelConnector } = await import('ioredis');
    if (this.#closed) return;
    const settings = this.#settings;
    const nodes = settings.nodes.map(node => ({ ...node }));
    const client =
      settings.mode === 'cluster'
        ? new Cluster(nodes, clusterOptions(settings, this.#commandMs))
        : new Redis({
            ...redisOptions(settings, this.#commandMs),
            ...(settings.mode === 'sentinel' ? { Connector: this.#connector(SentinelConnector) } : {}),
          });
    this.#client = client;
    // An event that nobody hears would end the process.
    client.on('error', error => this.#note(error));
    await client.connect();
  }

  #connector(Base: typeof SentinelConnector): NonNullable<RedisOptions['Connector']> {
    return listenedSentinels(Base, {
      failed: (address, error) => {
        if (!this.#closed) this.#news.sentinels.failed(address, whatWasSaid(error));
      },
      answered: address => this.#news.sentinels.answered(address),
    });
  }

  /** What was wrong last, without secrets. */
  get lastProblem(): string {
    return this.#lastProblem;
  }

  /** True while calls are refused without asking. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** Answers of scripts: buffers, numbers and lists of them. */
  async call(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    if (this.#open) throw this.#error(this.#lastProblem);
    return this.#timed(() => this.#evaluate(script, keys, args));
  }

  /** As `call`, also while the circuit is open, which it closes. */
  async probe(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const answer = await this.#timed(() => this.#evaluate(script, keys, args));
    this.#open = false;
    return answer;
  }

  /** Any command, also while the circuit is open. */
  command(name: string, args: readonly Argument[]): Promise<unknown> {
    return this.#timed(async () => this.#connected().callBuffer(name, args.map(toArgument)));
  }

  /** Another connection in the place of one that does not answer. */
  reconnect(): void {
    const client = this.#client;
    if (client === undefined || this.#closed) return;
    if (HAS_CONNECTION.has(client.status)) client.disconnect(true);
    if (client.status === 'end') client.connect().catch(error => this.#note(error));
  }

  close(): void {
    this.#closed = true;
    this.#open = true;
    this.#client?.disconnect();
  }

  #connected(): Redis | Cluster {
    if (this.#client === undefined) throw new Error('not connected yet');
    return this.#client;
  }

  async #evaluate(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const rest = [...keys, ...args.map(toArgument)];
    const client = this.#connected();
    const answer = await client.callBuffer('EVALSHA', script.sha, keys.length, ...rest).catch(error => {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return client.callBuffer('EVAL', script.text, keys.length, ...rest);
    });
    if (!script.isAnswer(answer)) throw new Error(STRANGE);
    return answer;
  }

  async #timed(ask: () => Promise<unknown>): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    // The client has its own limit for each command; redirections and a second script come on top.
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`no answer within ${this.#commandMs} ms`)),
        this.#commandMs + 50,
      );
    });
    try {
      const answer = await Promise.race([ask(), late]);
      this.#failures = 0;
      this.#noted = undefined;
      return answer;
    } catch (error) {
      throw this.#failed(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #failed(error: unknown): CacheError {
    const said = whatWasSaid(error);
    const reason = NO_CONNECTION.test(said) ? (this.#noted ?? said) : said;
    const failure = this.#error(reason);
    if (failure.code === 'ERR_CACHE_REFUSED' && !this.#open) this.#news.onRefused(failure);
    // A full store answers.
    if (failure.code !== 'ERR_CACHE_FULL') {
      this.#lastProblem = reason;
      this.#failures++;
      if (this.#failures >= FAILURES_TO_OPEN) this.#open = true;
    }
    return failure;
  }

  #error(reason: string): CacheError {
    const code = codeOf(reason);
    return new CacheError(code, `the shared store at ${this.address} ${WHAT[code]}: ${reason}`);
  }

  #note(error: unknown): void {
    this.#noted = whatWasSaid(error);
    if (this.#open) this.#lastProblem = this.#noted;
  }
}

const WHAT: Readonly<Record<CacheErrorCode, string>> = {
  ERR_CACHE_UNAVAILABLE: 'does not answer',
  ERR_CACHE_FULL: 'has no room',
  ERR_CACHE_REFUSED: 'refuses us',
};

/**
 * States of the client in which there is a connection to give up. In the others it is after another one
 * already, and looking for a master; interrupted there it ends for good (ioredis, `SentinelConnector`).
 */
const HAS_CONNECTION: ReadonlySet<string> = new Set(['connect', 'ready']);

const STRANGE = 'the answer is none of Redis';

/** What the client says of a call that found no connection; why there is none, an event has told before. */
const NO_CONNECTION = /^(Stream isn't writeable|Connection is closed|Cluster isn't ready)/;

/** What the server's error means. The first word is its code. */
export function codeOf(reason: string): CacheErrorCode {
  // `MISCONF`: it cannot save and takes no writes until it can.
  if (/^(OOM|MISCONF)\b/.test(reason)) return 'ERR_CACHE_FULL';
  return REFUSED.test(reason) ? 'ERR_CACHE_REFUSED' : 'ERR_CACHE_UNAVAILABLE';
}

/** What a command of a script is refused by has no code of its own in Redis 7.0, and another text from 7.2 on. */
const REFUSED =
  /^(NOAUTH|WRONGPASS|NOPERM)\b|invalid password|Client sent AUTH|user executing the script can't run|ACL failure in script/;

/** Of a cluster whose nodes all failed what the last of them said, of sentinels without the wait that follows. */
function whatWasSaid(error: unknown): string {
  if (!(error instanceof Error)) return shorten(String(error));
  if ('lastNodeError' in error && error.lastNodeError instanceof Error) {
    return whatWasSaid(error.lastNodeError);
  }
  return shorten(error.message.replace(/ Retrying from scratch after \d+ms\./, ''));
}

/** Errors quote what was sent; none of that is more than a key's hash, and never more than a line. */
function shorten(text: string): string {
  const line = printable(text);
  return line.length > MAX_REASON ? `${line.slice(0, MAX_REASON - 1)}…` : line;
}

function toArgument(argument: Argument): string | number | Buffer {
  return argument instanceof Uint8Array ? Buffer.from(argument) : argument;
}
