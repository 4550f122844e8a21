import { createHash } from 'node:crypto';
import type { CacheKey } from './cache.ts';

/** Bumped when what stands behind a name changes, so that old and new hosts do not read each other. */
const FORMAT = 1;

/**
 * Names in Redis: `postern:1:elastic:{8sXk…}`. The braces put all kinds of one
 * name into one slot of a cluster, so that a script may use them together. A
 * hash, because names may be session ids or hold anything, and so that all are
 * of one length.
 */
export class Names {
  readonly #prefix: string;
  /** Everything that all hosts share, in one slot: marker, hosts, events. */
  readonly marker: string;
  readonly hosts: string;
  readonly events: string;
  readonly eventNumber: string;

  constructor(prefix: string) {
    this.#prefix = `${prefix}:${FORMAT}`;
    this.marker = `${this.#prefix}:marker:{all}`;
    this.hosts = `${this.#prefix}:hosts:{all}`;
    this.events = `${this.#prefix}:events:{all}`;
    this.eventNumber = `${this.#prefix}:event-number:{all}`;
  }

  of({ kind, name }: CacheKey): string {
    if (!/^[a-z][a-z-]{0,31}$/.test(kind)) throw new TypeError(`a kind of key is \`[a-z-]+\`, got ${kind}`);
    return `${this.#prefix}:v-${kind}:${slot(name)}`;
  }

  counter({ kind, name }: CacheKey): string {
    return `${this.#prefix}:n-${kind}:${slot(name)}`;
  }

  notes({ kind, name }: CacheKey): string {
    return `${this.#prefix}:t-${kind}:${slot(name)}`;
  }

  lock({ kind, name }: CacheKey): string {
    return `${this.#prefix}:lock-${kind}:${slot(name)}`;
  }

  fence({ kind, name }: CacheKey): string {
    return `${this.#prefix}:fence-${kind}:${slot(name)}`;
  }

  left({ kind, name }: CacheKey, fence: number): string {
    return `${this.#prefix}:left-${kind}-${fence}:${slot(name)}`;
  }

  /** By an id of its own, since numbers may begin anew. */
  acks(id: string): string {
    return `${this.#prefix}:acks-${id}:{all}`;
  }

  /** Additional data of a sealed event. */
  event(topic: string): string {
    return `${this.#prefix}:event:${topic}`;
  }
}

function slot(name: string): string {
  return `{${createHash('sha256').update(name, 'utf8').digest('base64url')}}`;
}
