/** Name and value. Values are latin-1 strings: one character per byte on the wire, as Node's parser gives them. */
export type HeaderPair = readonly [name: string, value: string];

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * `content-TYPE` to `Content-Type`; a name that is no token (RFC 9110 section
 * 5.6.2) stays as it is. Go's `http.Header` keeps headers by this spelling, so
 * `X_Y` and `X-Y` are two headers, `x-y` and `X-Y` are one.
 */
export function canonicalName(name: string): string {
  if (!token.test(name)) return name;
  return name.toLowerCase().replace(/(?:^|-)[a-z]/g, start => start.toUpperCase());
}

/** Headers of one message with the semantics of Go's `http.Header`. */
export class HeaderMap {
  readonly #values = new Map<string, string[]>();

  static from(pairs: Iterable<HeaderPair>): HeaderMap {
    const headers = new HeaderMap();
    for (const [name, value] of pairs) headers.add(name, value);
    return headers;
  }

  get(name: string): string | undefined {
    return this.#values.get(canonicalName(name))?.[0];
  }

  values(name: string): readonly string[] {
    return this.#values.get(canonicalName(name)) ?? [];
  }

  has(name: string): boolean {
    return this.#values.has(canonicalName(name));
  }

  set(name: string, ...values: string[]): void {
    this.#values.set(canonicalName(name), values);
  }

  add(name: string, value: string): void {
    const key = canonicalName(name);
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, [value]);
    else values.push(value);
  }

  delete(name: string): void {
    this.#values.delete(canonicalName(name));
  }

  /** Canonical names in byte order. */
  names(): string[] {
    return [...this.#values.keys()].sort((a, b) => (a < b ? -1 : 1));
  }

  clone(): HeaderMap {
    return HeaderMap.from(this.pairs());
  }

  pairs(): HeaderPair[] {
    return this.names().flatMap(name => this.values(name).map(value => [name, value] as const));
  }

  /** Whether a comma-separated header holds `wanted`, in any case. */
  hasToken(name: string, wanted: string): boolean {
    return tokens(this.values(name)).some(found => found.toLowerCase() === wanted);
  }
}

/** Members of comma-separated header values, trimmed, without empty ones. */
export function tokens(values: readonly string[]): string[] {
  return values
    .flatMap(value => value.split(','))
    .map(member => member.trim())
    .filter(member => member !== '');
}
