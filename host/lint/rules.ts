import { RULE_KEYS } from '../config/key-tree.ts';
import type { PolicyDocument } from '../policy/engine.ts';
import { isUniversal, readSimple, type Shaped } from './simple-expression.ts';

/** One name of a rule's `domain`, or one expression of its `domain_regex`. */
export interface DomainEntry {
  readonly kind: 'exact' | 'wildcard' | 'template' | 'expression';
  /** As the engine compares it: in lower case, expressions as they are. */
  readonly text: string;
  readonly path: string;
}

/** A rule as it is written, in one shape. A criterion that is not there is undefined. */
export interface LintRule {
  /** From 1. */
  readonly position: number;
  readonly path: string;
  readonly policy: string;
  readonly domains: readonly DomainEntry[];
  readonly resources: readonly string[] | undefined;
  /** The same with their shapes; undefined also when one of them matches every path. */
  readonly paths: readonly Shaped[] | undefined;
  readonly methods: readonly string[] | undefined;
  readonly networks: readonly string[] | undefined;
  /** An OR of ANDs, as `query`, whose conditions are JSON here. */
  readonly subjects: readonly (readonly string[])[] | undefined;
  readonly query: readonly (readonly string[])[] | undefined;
  /** Something in it cannot be read: nobody knows what it matches. */
  readonly opaque: boolean;
}

/** The rules of a policy, also of one with mistakes: what is no rule is left out. */
export function readRules(document: PolicyDocument): LintRule[] {
  const rules = isObject(document.access_control) ? document.access_control.rules : undefined;
  if (!Array.isArray(rules)) return [];
  return rules.flatMap((rule: unknown, i) => (isObject(rule) ? [readRule(rule, i)] : []));
}

function readRule(rule: Readonly<Record<string, unknown>>, index: number): LintRule {
  let opaque = Object.keys(rule).some(key => !RULE_KEYS.some(known => known === key));
  const path = `access_control.rules[${index}]`;
  const texts = (key: string): readonly string[] | undefined => {
    const list = listOf(rule[key]);
    if (!list.every(item => typeof item === 'string')) opaque = true;
    // An empty list matches everything, as no list does.
    return list.length === 0 ? undefined : list.filter(item => typeof item === 'string');
  };
  const domains = (key: string, kindOf: (text: string) => DomainEntry['kind']): DomainEntry[] =>
    (texts(key) ?? []).map((text, i) => {
      const kind = kindOf(text);
      return {
        kind,
        text: kind === 'expression' ? text : text.toLowerCase(),
        path: Array.isArray(rule[key]) ? `${path}.${key}[${i}]` : `${path}.${key}`,
      };
    });
  const resources = texts('resources');
  return {
    position: index + 1,
    path,
    policy: typeof rule.policy === 'string' ? rule.policy : '',
    domains: [...domains('domain', domainKind), ...domains('domain_regex', () => 'expression')],
    resources,
    paths: resources?.some(isUniversal)
      ? undefined
      : resources?.map(text => ({ text, simple: readSimple(text) })),
    methods: texts('methods'),
    networks: texts('networks'),
    subjects: lists(rule.subject)?.map(all => all.flatMap(names => String(names).split(',').map(trim))),
    query: lists(rule.query)?.map(all => all.map(condition => JSON.stringify(condition))),
    opaque,
  };
}

function domainKind(text: string): DomainEntry['kind'] {
  if (/^\{(user|group)\}/i.test(text)) return 'template';
  return text.startsWith('*.') ? 'wildcard' : 'exact';
}

/** `a`, `[a, b]` and `[[a, b], c]` as an OR of ANDs. */
function lists(value: unknown): unknown[][] | undefined {
  const outer = listOf(value);
  return outer.length === 0 ? undefined : outer.map(listOf);
}

function listOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** `user: alice` is `user:alice`. */
function trim(subject: string): string {
  return subject.replace(/^(user:|group:|oauth2:client:) */, '$1').trimEnd();
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
