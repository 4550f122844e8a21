import type { Logger } from '../log/logger.ts';

type Handler = (payload: Uint8Array) => void | Promise<void>;

/** Who listens to what, in one host. */
export class Topics {
  readonly #handlers = new Map<string, Set<Handler>>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  subscribe(topic: string, handler: Handler): () => void {
    const own = this.#handlers.get(topic) ?? new Set();
    this.#handlers.set(topic, own);
    own.add(handler);
    return () => void own.delete(handler);
  }

  /** Whether all handlers did what they do. Nobody listening is nothing left to do. */
  async tell(topic: string, payload: Uint8Array): Promise<boolean> {
    let good = true;
    for (const handler of this.#handlers.get(topic) ?? []) {
      try {
        await handler(payload);
      } catch (error) {
        good = false;
        this.#log.error('an event of another host could not be handled', {
          kind: topic,
          error: String(error),
        });
      }
    }
    return good;
  }
}
