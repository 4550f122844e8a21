import type { Problem } from '../config/problem.ts';
import { didYouMean } from '../config/suggest.ts';
import { shown } from '../config/values.ts';
import type { YamlSource } from '../config/yaml-source.ts';

export type Mapping = Readonly<Record<string, unknown>>;

/** Takes values out of a YAML tree and notes what is wrong with them, each with its line. */
export class Reader {
  readonly problems: Problem[] = [];
  readonly #source: YamlSource;

  constructor(source: YamlSource) {
    this.#source = source;
  }

  lineOf(path: string): number | undefined {
    return this.#source.lineOf(path);
  }

  report(code: string, path: string, message: string): void {
    // Defaults are read for each test.
    if (this.problems.some(known => known.path === path && known.message === message)) return;
    const line = this.lineOf(path);
    this.problems.push({
      code: `test.${code}`,
      severity: 'error',
      path,
      message,
      file: this.#source.file,
      ...(line === undefined ? {} : { line }),
    });
  }

  /** A mapping with these keys alone; empty when it is none. */
  mapping(value: unknown, path: string, known: readonly string[]): Mapping {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      // The whole file may be another one, of a secret or a password: it is not shown.
      const got = path === '' ? '' : `, got ${shown(value)}`;
      this.report('shape', path, `must be a mapping with ${names(known)}${got}`);
      return {};
    }
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      const at = path === '' ? key : `${path}.${key}`;
      const guess = didYouMean(key, known);
      this.report('unknown-key', at, `unknown key${guess === '' ? `: known are ${names(known)}` : guess}`);
    }
    return value as Mapping;
  }

  text(value: unknown, path: string): string | undefined {
    if (typeof value === 'string' && value.trim() !== '') return value;
    const quote = typeof value === 'number' || typeof value === 'boolean' ? `: write '${value}'` : '';
    this.report('value', path, `must be a text, got ${shown(value)}${quote}`);
    return undefined;
  }

  /** One text or a list of them, with the path of each. */
  texts(value: unknown, path: string): { text: string; path: string }[] {
    return this.list(value, path).flatMap(item => {
      const text = this.text(item.value, item.path);
      return text === undefined ? [] : [{ text, path: item.path }];
    });
  }

  /** One value or a list of at least one. */
  list(value: unknown, path: string): { value: unknown; path: string }[] {
    if (!Array.isArray(value)) return [{ value, path }];
    if (value.length === 0) this.report('value', path, 'must not be an empty list: it would test nothing');
    return value.map((item: unknown, i) => ({ value: item, path: `${path}[${i}]` }));
  }
}

export function names(list: readonly string[]): string {
  return list.map(name => `\`${name}\``).join(', ');
}
