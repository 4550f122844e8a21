import { ANY_LABEL, type Probe } from './probe.ts';
import type { DomainEntry, LintRule } from './rules.ts';

/** Questions about domains: less than a second of the engine's time. Beyond them patterns are compared as text. */
const MAX_QUESTIONS = 1_000_000;

/** Captures `User` and `Group`: what an expression matches depends on who asks. */
const NAMES_SUBJECT = /\(\?P?<(User|Group)>/;

/** Which rules match every host that an entry stands for. */
export interface DomainIndex {
  /** Rules in their order, with the entry that covers this one. */
  covering(entry: DomainEntry): readonly Covering[];
}

export interface Covering {
  readonly rule: LintRule;
  readonly by: DomainEntry;
}

export function indexDomains(rules: readonly LintRule[], probe: Probe): DomainIndex {
  const entries = new Map<string, Covering[]>();
  for (const rule of rules) {
    for (const by of rule.domains) {
      const list = entries.get(keyOf(by)) ?? [];
      list.push({ rule, by });
      entries.set(keyOf(by), list);
    }
  }
  const patterns = readPatterns(entries, probe);
  const known = new Map<string, readonly Covering[]>();
  let questions = MAX_QUESTIONS;

  function find(entry: DomainEntry): readonly Covering[] {
    const same = entries.get(keyOf(entry)) ?? [];
    const host = hostOf(entry);
    questions -= patterns.length;
    if (host === undefined || patterns.length === 0 || questions < 0) return same;
    const rules = patterns.map(({ rule }) => rule);
    const held = probe.domains(rules, host) ?? [];
    const wider = patterns.filter(
      ({ kind, key }, i) =>
        held[i] === true &&
        key !== keyOf(entry) &&
        // One host that matches an expression says nothing of others.
        (entry.kind === 'exact' || kind === 'wildcard'),
    );
    if (wider.length === 0) return same;
    return [...same, ...wider.flatMap(({ key }) => entries.get(key) ?? [])].sort(
      (a, b) => a.rule.position - b.rule.position,
    );
  }

  return {
    covering(entry) {
      const key = keyOf(entry);
      let found = known.get(key);
      if (found === undefined) {
        found = find(entry);
        known.set(key, found);
      }
      return found;
    },
  };
}

interface Pattern {
  readonly key: string;
  readonly kind: DomainEntry['kind'];
  readonly rule: Readonly<Record<string, unknown>>;
}

/** Wildcards and expressions, each once; names and templates cover themselves alone. */
function readPatterns(entries: ReadonlyMap<string, readonly Covering[]>, probe: Probe): Pattern[] {
  const patterns: Pattern[] = [];
  for (const [key, [first]] of entries) {
    if (first === undefined) continue;
    const { kind, text } = first.by;
    if (kind !== 'wildcard' && (kind !== 'expression' || NAMES_SUBJECT.test(text))) continue;
    const rule = { [kind === 'wildcard' ? 'domain' : 'domain_regex']: text, policy: 'one_factor' };
    // One bad expression would spoil the answer for all of them.
    if (kind === 'expression' && probe.domains([rule], ANY_LABEL) === undefined) continue;
    patterns.push({ key, kind, rule });
  }
  return patterns;
}

/** A host that stands for all of an entry's; undefined for expressions, which nothing stands for. */
function hostOf({ kind, text }: DomainEntry): string | undefined {
  switch (kind) {
    case 'exact':
      return text;
    case 'wildcard':
      return ANY_LABEL + text.slice(1);
    case 'template':
      return ANY_LABEL + text.slice(text.indexOf('}') + 1);
    case 'expression':
      return undefined;
  }
}

function keyOf({ kind, text }: DomainEntry): string {
  return `${kind === 'expression' ? 'expression' : 'name'} ${text}`;
}
