import type { Redis, RedisOptions, SentinelConnector } from 'ioredis';
import type { Logger } from '../log/logger.ts';

const SENTINEL_PORT = 26_379;

/** What becomes of the connections over which sentinels tell of a new master. */
export interface SentinelListener {
  failed(address: string, error: unknown): void;
  answered(address: string): void;
}

interface Endpoint {
  readonly host?: string;
  readonly port?: number;
}

/** `options` are there for a connection that stays, to hear of a new master; not for a short question. */
type Connect = (endpoint: Endpoint, options?: object) => Redis;

/**
 * The library's way to a master, whose connections to the sentinels somebody listens to: an error of
 * theirs would go to stderr past the log. The library has no option for that; the method is its own.
 */
export function listenedSentinels(
  Base: typeof SentinelConnector,
  listener: SentinelListener,
): NonNullable<RedisOptions['Connector']> {
  const Listened = class extends Base {
    constructor(...args: ConstructorParameters<typeof SentinelConnector>) {
      super(...args);
      const inside = this as unknown as { connectToSentinel: Connect };
      const connect = inside.connectToSentinel.bind(this);
      inside.connectToSentinel = (endpoint, options) => {
        const client = connect(endpoint, options);
        if (options === undefined) return client;
        const { host = 'localhost', port = SENTINEL_PORT } = endpoint;
        const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
        client.on('error', error => listener.failed(address, error));
        client.on('ready', () => listener.answered(address));
        return client;
      };
    }
  };
  // The library hands over its own options.
  return Listened as NonNullable<RedisOptions['Connector']>;
}

/**
 * Tells the log of a sentinel that is away while the others, or the master itself, are there: once, by
 * whichever connection it is noticed first, and again when it is back.
 */
export class SentinelNews {
  readonly #log: Logger;
  readonly #away = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  failed(address: string, reason: string): void {
    if (this.#away.has(address)) return;
    this.#away.add(address);
    this.#log.warn('a sentinel of the shared store does not answer: the others are relied on', {
      address,
      reason,
      hint: 'look whether it runs and is reached from here by this address, which is the one in cache.redis.high_availability.nodes, or the one that the other sentinels tell of it',
    });
  }

  answered(address: string): void {
    if (this.#away.delete(address))
      this.#log.info('a sentinel of the shared store answers again', { address });
  }
}
