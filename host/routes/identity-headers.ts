import { IDENTITY_PRESETS, type IdentityPreset } from '../config/identity-presets.ts';
import type { ReplyHeaders } from '../http/reply.ts';
import type { Logger } from '../log/logger.ts';
import type { Engine, Principal } from '../policy/engine.ts';

/** How many warnings are remembered; beyond that the memory starts anew. */
const MAX_WARNED = 1_000;
/** Hosts whose headers are remembered for one principal: as clients write them, so that they can be many. */
const MAX_HOSTS = 64;

/** What is sent depends on it; another object once that was replaced. */
interface InForce {
  readonly identityNames: readonly string[];
}

/** By endpoint and host; undefined for a principal who cannot be told. */
type Remembered = Map<string, ReplyHeaders | undefined>;

/** Makes the headers that tell a backend who asks; what they say is the engine's. */
export class IdentityHeaders {
  readonly #engine: Pick<Engine, 'identity' | 'compileIdentity'>;
  readonly #inForce: () => InForce;
  readonly #log: Logger;
  readonly #presets = new Map<IdentityPreset, Uint8Array>();
  readonly #warned = new Set<string>();
  #madeFor: InForce | undefined;
  #known = new WeakMap<Principal, Remembered>();
  #nobody: Remembered = new Map();

  constructor(engine: Pick<Engine, 'identity' | 'compileIdentity'>, inForce: () => InForce, log: Logger) {
    this.#engine = engine;
    this.#inForce = inForce;
    this.#log = log;
  }

  /**
   * All that are configured, always: an empty one overwrites what a client sent.
   * Undefined when the user's name cannot be told in a header, for another name
   * would be another user.
   *
   * @param host as the proxy told it @param preset of the endpoint that is asked
   */
  of(host: string, principal: Principal | undefined, preset?: IdentityPreset): ReplyHeaders | undefined {
    const known = this.#remembered(principal);
    const key = `${preset ?? ''} ${host}`;
    const found = known.get(key);
    if (found !== undefined || known.has(key)) return found;
    const made = this.#make(host, principal, preset);
    if (known.size >= MAX_HOSTS) known.clear();
    known.set(key, made);
    return made;
  }

  #remembered(principal: Principal | undefined): Remembered {
    const inForce = this.#inForce();
    if (inForce !== this.#madeFor) {
      this.#madeFor = inForce;
      this.#known = new WeakMap();
      this.#nobody = new Map();
    }
    if (principal === undefined) return this.#nobody;
    const known = this.#known.get(principal) ?? new Map();
    this.#known.set(principal, known);
    return known;
  }

  #make(host: string, principal: Principal | undefined, preset?: IdentityPreset): ReplyHeaders | undefined {
    const identity = this.#engine.identity(host, principal, this.#preset(preset));
    if (identity === undefined) {
      if (principal !== undefined) this.#warn(principal.username, 'user name');
      return undefined;
    }
    if (principal !== undefined) {
      for (const kind of identity.leftOut) this.#warn(principal.username, kind);
    }
    const sent = new Set(identity.headers.map(([name]) => name.toLowerCase()));
    // Other hosts' headers, empty: a proxy that copies the same names for all hosts keeps no client's copy.
    const others = this.#inForce().identityNames.filter(name => !sent.has(name.toLowerCase()));
    return [...identity.headers, ...others.map(name => [name, ''] as const)];
  }

  #preset(name: IdentityPreset | undefined): Uint8Array | undefined {
    if (name === undefined) return undefined;
    const made = this.#presets.get(name) ?? this.#engine.compileIdentity(IDENTITY_PRESETS[name]);
    this.#presets.set(name, made);
    return made;
  }

  #warn(user: string, kind: string): void {
    const once = `${kind}:${user}`;
    if (this.#warned.has(once)) return;
    if (this.#warned.size >= MAX_WARNED) this.#warned.clear();
    this.#warned.add(once);
    this.#log.warn(
      'left out of the headers for the backend: it holds control characters, outer white space or, a group, what stands between groups',
      { user, kind },
    );
  }
}
