import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** What `tools/regexp-engine.mjs` makes of `dist/embed.wasm`; documented there. */
export interface RegexpEngine {
  compile(pattern: Uint8Array): { error: string; part: Uint8Array } | null;
  isMatch(text: Uint8Array): boolean;
  find(text: Uint8Array): [number, number, number, number] | null;
  groups(): number;
  automata(on: boolean): void;
  asGuest(on: boolean): void;
  program(): Uint8Array;
  load(bytes: Uint8Array): void;
  repeat(text: Uint8Array, times: number): number;
}

const tool = (name: string): Promise<Record<string, CallableFunction>> =>
  import(new URL(`../../tools/${name}`, import.meta.url).href);

const { loadRegexpEngine } = (await tool('regexp-engine.mjs')) as {
  loadRegexpEngine: (path: URL) => RegexpEngine;
};

/** The engine of the built `embed.wasm`, compiling as the host does. */
export const regexp = loadRegexpEngine(new URL('../../dist/embed.wasm', import.meta.url));

export const { runRegexpVectors, fieldBytes } = (await tool('vectors-regexp.mjs')) as {
  runRegexpVectors: (
    lines: Iterable<string>,
    engine: RegexpEngine,
  ) => { passed: number; failed: number; mismatches: string[] };
  fieldBytes: (row: object, name: 'pattern' | 'input') => Uint8Array;
};

export const { fuzzRegexp, buildOracle, randomFrom } = (await tool('fuzz-regexp.mjs')) as {
  fuzzRegexp: (options: {
    engine: RegexpEngine;
    lines?: string[];
    seconds: number;
    seed?: number;
    oracle: string;
    report: (line: string) => void;
  }) => Promise<{ patterns: number; valid: number; texts: number; tooLarge: number; findings: number }>;
  buildOracle: () => string;
  randomFrom: (seed: number) => {
    next(): number;
    below(n: number): number;
    pick<T>(list: readonly T[]): T;
  };
};

/** Rows of the corpus, one JSON object a line. */
export const corpus: string[] = gunzipSync(
  readFileSync(new URL('../cases/regexp/corpus.jsonl.gz', import.meta.url)),
)
  .toString('utf8')
  .trim()
  .split('\n');

export const cases = <Row extends object>(name: string): Row[] =>
  JSON.parse(readFileSync(new URL(`../cases/regexp/${name}.json`, import.meta.url), 'utf8'));
