import type { Engine } from '../policy/engine.ts';
import { policyId } from '../snapshot/snapshot-file.ts';

/** What of the configuration may be replaced while requests are answered. */
export interface LiveSettings {
  /** The compiled policy. */
  readonly image: Uint8Array;
  /** Names of all identity headers where some are configured; empty where each endpoint sends its own. */
  readonly identityNames: readonly string[];
  /** Of the challenges. */
  readonly realm: string;
  /** Of grants that are written from now on. */
  readonly lifetimeSeconds: number;
  readonly offlineGraceSeconds: number;
}

export interface InForce extends LiveSettings {
  /** What an inline policy must be known by to be the same. */
  readonly id: Uint8Array;
}

/**
 * The one place where a policy takes another's place. All of it is one
 * synchronous step, so no request meets the rules of one and the realm or id
 * of the other.
 */
export class CurrentPolicy {
  readonly #engine: Pick<Engine, 'load'>;
  #inForce: InForce;

  constructor(engine: Pick<Engine, 'load'>, settings: LiveSettings) {
    this.#engine = engine;
    engine.load(settings.image);
    this.#inForce = { ...settings, id: policyId(settings.image) };
  }

  /** Another object after each change. */
  get inForce(): InForce {
    return this.#inForce;
  }

  /**
   * `publish` is for the guests and is called when the rules differ. When it
   * throws, the settings before stay in force here, too.
   */
  replace(settings: LiveSettings, publish: (image: Uint8Array) => void): void {
    const before = this.#inForce;
    if (Buffer.compare(settings.image, before.image) === 0) {
      this.#inForce = { ...settings, image: before.image, id: before.id };
      return;
    }
    this.#engine.load(settings.image);
    this.#inForce = { ...settings, id: policyId(settings.image) };
    try {
      publish(settings.image);
    } catch (error) {
      this.#engine.load(before.image);
      this.#inForce = before;
      throw error;
    }
  }
}
