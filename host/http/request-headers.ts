/** What `one` answers for a header that stands twice; no value is this. */
export const REPEATED = Symbol('repeated');

/** Headers as they arrived: order, repetition and every value kept, bytes as latin1. */
export class RequestHeaders {
  readonly #raw: readonly string[];

  /** @param raw node's `rawHeaders`: name, value, name, value, … */
  constructor(raw: readonly string[]) {
    this.#raw = raw;
  }

  get count(): number {
    return this.#raw.length / 2;
  }

  /** Every value of a header. @param name in lower case */
  values(name: string): string[] {
    const found: string[] = [];
    for (let i = 0; i < this.#raw.length; i += 2) {
      const key = this.#raw[i] ?? '';
      if (key.length === name.length && key.toLowerCase() === name) found.push(this.#raw[i + 1] ?? '');
    }
    return found;
  }

  /** The value of a header that may stand once: undefined when it is absent, `repeated` when it stands twice. */
  one(name: string): string | undefined | typeof REPEATED {
    let found: string | undefined;
    for (let i = 0; i < this.#raw.length; i += 2) {
      const key = this.#raw[i] ?? '';
      if (key.length !== name.length || key.toLowerCase() !== name) continue;
      if (found !== undefined) return REPEATED;
      found = this.#raw[i + 1] ?? '';
    }
    return found;
  }

  /** The same request with `Authorization` from another header, whatever its own was. @param name in lower case */
  authorizedBy(name: string): RequestHeaders {
    return new RequestHeaders(this.values(name).flatMap(value => ['authorization', value]));
  }

  /** Every header that is no credential. */
  *plain(): Iterable<readonly [name: string, value: string]> {
    for (let i = 0; i < this.#raw.length; i += 2) {
      const name = this.#raw[i] ?? '';
      if (!/^(?:cookie|(?:proxy-)?authorization)$/i.test(name)) yield [name, this.#raw[i + 1] ?? ''];
    }
  }

  /** The first header for whose name, in lower case, `test` says yes. */
  findName(test: (name: string) => boolean): string | undefined {
    for (let i = 0; i < this.#raw.length; i += 2) {
      const name = (this.#raw[i] ?? '').toLowerCase();
      if (test(name)) return name;
    }
    return undefined;
  }
}
