import type { Engine, Explainer, PolicyDocument, Target } from '../policy/engine.ts';

/** A name and a word that nobody writes into a rule: what matches them matches any. */
export const ANY_LABEL = 'zq7-any-label';
export const ANY_TEXT = 'zq7any';
const PROBE_HOST = 'probe.example';

type Rule = Readonly<Record<string, unknown>>;

/**
 * Asks the engine what patterns match, by policies made for the question. It
 * needs an engine of its own: the policy that is loaded changes all the time.
 */
export class Probe {
  readonly #engine: Engine & Explainer;
  readonly #definitions: Pick<PolicyDocument, 'definitions'> & { readonly networks: unknown };
  readonly #images = new Map<string, Uint8Array | undefined>();
  #loaded = '';

  constructor(engine: Engine & Explainer, document: PolicyDocument) {
    this.#engine = engine;
    const control = document.access_control as { networks?: unknown } | null | undefined;
    this.#definitions = { definitions: document.definitions, networks: control?.networks };
  }

  /** For each of these rules whether its domain holds; undefined when no `Host` can be this name, or a rule is bad. */
  domains(rules: readonly Rule[], host: string): readonly boolean[] | undefined {
    if (!this.#load(rules)) return undefined;
    const { decision, rules: held } = this.#engine.explain(target(host, '/'), { kind: 'none' });
    return decision.verdict === 'bad-request' ? undefined : held.map(({ domain }) => domain === true);
  }

  /** Whether the expression matches what rules see of this URI; undefined when the URI, or the expression, is none. */
  resource(expression: string, uri: string): boolean | undefined {
    if (!this.#load([{ domain: PROBE_HOST, resources: [expression], policy: 'bypass' }])) return undefined;
    const decision = this.#engine.decide(target(PROBE_HOST, uri), { kind: 'none' });
    return decision.verdict === 'bad-request' ? undefined : decision.position === 1;
  }

  /** Whether the first networks hold all addresses of the second: then adding these changes nothing. */
  holdsNetworks(outer: readonly string[], inner: readonly string[]): boolean {
    const image = (networks: readonly string[]) =>
      this.#compile([{ domain: PROBE_HOST, networks, policy: 'deny' }]);
    const before = image(outer);
    const after = image([...outer, ...inner]);
    return before !== undefined && after !== undefined && Buffer.compare(before, after) === 0;
  }

  #load(rules: readonly Rule[]): boolean {
    const key = JSON.stringify(rules);
    if (key === this.#loaded) return true;
    const image = this.#compile(rules);
    if (image === undefined) return false;
    this.#engine.load(image);
    this.#loaded = key;
    return true;
  }

  /** Undefined when a rule is bad: the policy's own compilation has said so. */
  #compile(rules: readonly Rule[]): Uint8Array | undefined {
    const key = JSON.stringify(rules);
    if (this.#images.has(key)) return this.#images.get(key);
    const { definitions, networks } = this.#definitions;
    const compiled = this.#engine.compile({
      ...(definitions === undefined ? {} : { definitions }),
      access_control: { default_policy: 'deny', ...(networks === undefined ? {} : { networks }), rules },
      ambiguous_paths: 'clean',
    });
    const image = compiled.ok ? compiled.image : undefined;
    if (this.#images.size >= MAX_IMAGES) this.#images.clear();
    this.#images.set(key, image);
    return image;
  }
}

/** Small policies are some 200 bytes; the cache saves compiling an expression for each rule it is compared with. */
const MAX_IMAGES = 4_096;

function target(host: string, uri: string): Target {
  return { method: 'GET', scheme: 'https', host, uri, client: '' };
}
