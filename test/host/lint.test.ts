import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
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

/** What Authelia's authorizer decided for thousands of requests: rules that are said to match nothing never did. */
describe('what the lint says is true', () => {
  interface Row {
    readonly id: string;
    readonly access_control: { readonly rules?: readonly object[] };
    readonly requests: readonly { readonly url: string; readonly matched_rule: number }[];
  }
  const corpus = gunzipSync(readFileSync(new URL('../cases/acl/corpus.jsonl.gz', import.meta.url)))
    .toString()
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Row);

  it('of rules that can never match, whatever is asked of them', () => {
    const said = { never: 0, wildcard: 0, impossible: 0, 'hidden-deny': 0, 'open-bypass': 0 };
    let matched = 0;
    let held = 0;
    for (const { id, access_control, requests } of corpus) {
      const warnings = lintPolicy({ access_control }, engine, () => undefined);
      for (const { code, path, message } of warnings) {
        said[code.replace('lint.', '') as keyof typeof said]++;
        const whole = / can never match|refuses nothing/.test(message);
        const [, domain] = /matches `([^`]+)` first/.exec(message) ?? [];
        const position = Number(/\[(\d+)\]/.exec(path)?.[1]) + 1;
        for (const request of requests) {
          // Of a domain that is swallowed only what is asked of it says something.
          if (!whole && !(domain !== undefined && request.url.includes(`//${domain}/`))) continue;
          // `.` matches all but a line feed, and a path with one is refused before the rules.
          if (/%0a/i.test(request.url)) continue;
          expect([id, message, request.matched_rule === position]).toEqual([id, message, false]);
          held++;
        }
      }
      matched += requests.filter(request => request.matched_rule > 0).length;
    }
    // It says something of these policies, or this would show nothing.
    expect(said.never + said['hidden-deny'] + said.wildcard).toBeGreaterThan(20);
    expect(held).toBeGreaterThan(100);
    expect(matched).toBeGreaterThan(1_000);
  }, 300_000);

  it('by the engine: what a bypass is said to open as well is open, and not with what is written instead', () => {
    const openings = cases.flatMap(({ warnings }) =>
      warnings.filter(line => line.startsWith('lint.open-bypass')),
    );
    expect(openings.length).toBeGreaterThan(8);
    for (const line of openings) {
      const [, expression = ''] = /: `([^`]+)` /.exec(line) ?? [];
      const [, better = ''] = /write `([^`]+)`$/.exec(line) ?? [];
      const also = [...(/everybody also gets (.*): write/.exec(line)?.[1] ?? '').matchAll(/`([^`]+)`/g)];
      expect(also.length).toBeGreaterThan(0);
      for (const [, uri = ''] of also) {
        expect([line, opens(expression, uri), opens(better, uri)]).toEqual([line, true, false]);
      }
    }
  });

  function opens(expression: string, uri: string): boolean {
    const rules = [{ domain: 'app.example.com', policy: 'bypass', resources: [expression] }];
    const compiled = engine.compile({ access_control: { rules } });
    if (!compiled.ok) throw new Error(expression);
    engine.load(compiled.image);
    const target = { method: 'GET', scheme: 'https', host: 'app.example.com', uri, client: '' };
    return engine.decide(target, { kind: 'none' }).verdict === 'allow';
  }
});
