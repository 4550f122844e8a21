import type { Problem } from '../config/problem.ts';
import type { Probe } from './probe.ts';
import type { LintRule } from './rules.ts';
import type { Shadowed } from './shadows.ts';

/** What a lint may look at. */
export interface LintView {
  readonly rules: readonly LintRule[];
  readonly shadowed: readonly Shadowed[];
  readonly probe: Probe;
  /** `rule #2 (line 8)`. */
  name(rule: LintRule): string;
}

export type Lint = (view: LintView) => readonly Problem[];

export function warning(code: string, path: string, message: string): Problem {
  return { code, severity: 'warning', path, message };
}

/** `a`, `a and b`, `a, b and c`. */
export function enumerate(items: readonly string[]): string {
  return items.length < 2 ? (items[0] ?? '') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}
