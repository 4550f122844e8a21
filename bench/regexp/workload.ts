import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { RE2JS as Re2 } from 're2js';
import { RE2JS } from 're2js';
import type { Workload } from './pack.ts';
import { toEcmaScript } from './translate.ts';

export interface Compiled {
  readonly workload: Workload;
  /** In the order of the workload's patterns. */
  readonly ecma: readonly RegExp[];
  readonly re2js: readonly Re2[];
  /** Patterns that another engine cannot express or answers differently. */
  readonly leftOut: readonly string[];
}

interface Row {
  readonly cat: string;
  readonly pattern: string;
  readonly input: string;
  readonly match: boolean;
}

/** The corpus's access-control patterns that every engine answers as Go does, with all their texts. */
export function readWorkload(): Compiled {
  const rows = new Map<string, Row[]>();
  for (const line of gunzipSync(readFileSync('test/cases/regexp/corpus.jsonl.gz'))
    .toString('utf8')
    .split('\n')) {
    if (line === '') continue;
    const row = JSON.parse(line) as Row;
    if (row.cat !== 'acl') continue;
    rows.set(row.pattern, [...(rows.get(row.pattern) ?? []), row]);
  }
  const kept: { pattern: string; ecma: RegExp; re2js: Re2; rows: Row[] }[] = [];
  const leftOut: string[] = [];
  for (const [pattern, list] of rows) {
    const ecma = toEcmaScript(pattern);
    const re2js = tried(() => RE2JS.compile(pattern));
    const agree = list.every(
      row => ecma?.test(row.input) === row.match && re2js?.test(row.input) === row.match,
    );
    if (ecma !== undefined && re2js !== undefined && agree) kept.push({ pattern, ecma, re2js, rows: list });
    else leftOut.push(pattern);
  }
  const capturing = [...rows.keys()].filter(isCapturing);
  return {
    workload: {
      patterns: kept.map(({ pattern }) => pattern),
      pairs: kept.flatMap(({ rows: list }, pattern) =>
        list.map(({ input, match }) => ({ pattern, text: Buffer.from(input), match })),
      ),
      capturePatterns: capturing,
      captures: capturing.flatMap((pattern, index) =>
        (rows.get(pattern) ?? []).map(({ input }) => ({ pattern: index, text: Buffer.from(input) })),
      ),
    },
    ecma: kept.map(({ ecma }) => ecma),
    re2js: kept.map(({ re2js }) => re2js),
    leftOut,
  };
}

/** True for patterns with `User` or `Group`, each at most once: of several, which one counts is no question of time. */
function isCapturing(pattern: string): boolean {
  const count = (name: string) => pattern.split(`<${name}>`).length - 1;
  return count('User') + count('Group') > 0 && count('User') < 2 && count('Group') < 2;
}

function tried<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
