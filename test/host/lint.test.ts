import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { lintPolicy } from '../../host/lint/lint.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';

interface Case {
  readonly name: string;
  readonly definitions?: unknown;
  readonly rules: readonly unknown[];
  readonly warnings: readonly string[];
}

const engine = loadEngine(new URL('../../dist/embed.wasm', import.meta.url));
const cases = parse(
  readFileSync(new URL('../cases/validate/lint.yml', import.meta.url), 'utf8'),
) as readonly Case[];

describe('lint', () => {
  it.each(cases)('$name', ({ definitions, rules, warnings }) => {
    const first = definitions === undefined ? 3 : 4;
    const found = lintPolicy(
      { access_control: { rules }, ...(definitions === undefined ? {} : { definitions }) },
      engine,
      path => first + Number(/\[(\d+)\]/.exec(path)?.[1]),
    );
    expect(found.map(({ code, path, message }) => `${code} ${path}: ${message}`)).toEqual(warnings);
    expect(found.every(({ severity }) => severity === 'warning')).toBe(true);
  });
});
