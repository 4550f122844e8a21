import type { Problem } from '../config/problem.ts';
import { readExpression } from './expression.ts';
import type { LintRule } from './rules.ts';
import { type Lint, warning } from './warning.ts';

/** A rule whose own criteria exclude each other, or every request. */
export const impossible: Lint = ({ rules }) =>
  rules.flatMap(rule => [...resources(rule), ...subjects(rule), ...query(rule)]);

/** Expressions that begin with `^` and then something else than `/`, with which every path begins. */
function resources({ position, path, resources: list = [] }: LintRule): Problem[] {
  const never = list.filter(isNever);
  return never.map(expression => {
    const whole = never.length === list.length ? `, so rule #${position} can never match` : '';
    const better = expression.replace(/^(\(\?i\))?\^(https?:\/\/[^/]*)?\/*/, '$1^/');
    return warning(
      'lint.impossible',
      `${path}.resources${list.length === 1 ? '' : `[${list.indexOf(expression)}]`}`,
      `\`${expression}\` matches no path, because every path begins with \`/\`${whole}: write \`${better}\``,
    );
  });
}

function isNever(expression: string): boolean {
  const alternatives = readExpression(expression) ?? [];
  return (
    alternatives.length > 0 &&
    // A target without a path is `.` to the rules.
    alternatives.every(({ start, first }) => start && first !== undefined && !'/.'.includes(first))
  );
}

/** Nobody has two names. */
function subjects({ position, path, subjects: list = [] }: LintRule): Problem[] {
  const both = list.map(all => [...new Set(all.filter(name => name.startsWith('user:')))]);
  if (both.length === 0 || !both.every(users => users.length > 1)) return [];
  const users = both[0] ?? [];
  return [
    warning(
      'lint.impossible',
      `${path}.subject`,
      `rule #${position} lets nobody in, because nobody is both ${users.map(name => `\`${name}\``).join(' and ')}: write a flat list for one or the other, [${users.map(name => `'${name}'`).join(', ')}]`,
    ),
  ];
}

/** Conditions on one key that exclude each other, in every AND. */
function query({ position, path, query: list = [] }: LintRule): Problem[] {
  const keys = list.map(all => contradiction(all.map(condition => JSON.parse(condition) as unknown)));
  const key = keys[0];
  if (key === undefined || keys.includes(undefined)) return [];
  return [
    warning(
      'lint.impossible',
      `${path}.query`,
      `rule #${position} can never match, because its conditions on \`${key}\` exclude each other: write them as entries of the outer list for one or the other`,
    ),
  ];
}

function contradiction(conditions: readonly unknown[]): string | undefined {
  const wanted = new Map<string, Set<string>>();
  for (const condition of conditions) {
    const { key, operator, value } = (condition ?? {}) as Record<string, unknown>;
    if (typeof key !== 'string') continue;
    const kind = typeof operator === 'string' ? operator : typeof value === 'string' ? 'equal' : 'present';
    const found = wanted.get(key) ?? new Set();
    if (kind === 'equal') found.add(`equal ${value}`);
    if (kind === 'present' || kind === 'absent') found.add(kind);
    if (found.has('present') && found.has('absent')) return key;
    if ([...found].filter(text => text.startsWith('equal ')).length > 1) return key;
    wanted.set(key, found);
  }
  return undefined;
}
