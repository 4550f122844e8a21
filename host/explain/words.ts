import { CRITERIA, type Criterion, type Decision, type RuleMatch } from '../policy/engine.ts';
import type { Answer } from './answer.ts';
import type { PolicyView, RuleView } from './policy-view.ts';

/** The answer's status code (RFC 9110 section 15). */
export const STATUS: Readonly<Record<Decision['verdict'], number>> = {
  allow: 200,
  challenge: 401,
  forbid: 403,
  'bad-request': 400,
};

/** The criteria that a rule has and that do not hold. */
export function failedCriteria(match: RuleMatch): Criterion[] {
  return CRITERIA.filter(name => match[name] === false);
}

/** The rule that decided; undefined for a bad request, which meets none. */
export function decidingRule(decision: Decision, policy: PolicyView): RuleView | undefined {
  if (decision.verdict === 'bad-request') return undefined;
  return decision.position === 0 ? policy.fallback : policy.rules[decision.position - 1];
}

/** `rule 2 (postern.yml:16)`. */
export function ruleName(rule: RuleView): string {
  return rule.position === 0 ? `default_policy (${rule.at})` : `rule ${rule.position} (${rule.at})`;
}

/** What it takes to get in, or why nothing does. */
export function whatItTakes({ decision, who, refused }: Answer): string {
  switch (decision.verdict) {
    case 'bad-request':
      return `refused before any rule: ${decision.reason}${hint(decision.reason)}`;
    case 'allow':
      return decision.policy === 'bypass'
        ? 'takes nothing: no sign-in is asked for'
        : 'what was proved is enough';
    case 'challenge':
      if (refused !== undefined) return `the credential is refused: ${refused}`;
      if (decision.policy === 'two_factor')
        return who.level === 1 ? 'takes a second factor' : 'takes two factors';
      if (decision.policy === 'one_factor') return 'takes one factor';
      return 'denied to some: signing in tells who it is';
    default:
      return 'denied: no sign-in helps';
  }
}

/** What to change where a target is refused. */
function hint(reason: string): string {
  if (reason === 'bad method') return ' (methods are written in upper case)';
  if (reason.startsWith('plain http')) return ' (see `allow_http`)';
  return reason.startsWith('ambiguous') ? ' (see `ambiguous_paths`)' : '';
}

/** The value that a rule asks for, in one short line. */
export function written(value: unknown): string {
  const text = Array.isArray(value)
    ? value.map(item => (Array.isArray(item) ? item.map(scalar).join(' and ') : scalar(item))).join(', ')
    : scalar(value);
  return text.length > MAX_WRITTEN ? `${text.slice(0, MAX_WRITTEN - 1)}…` : text;
}

/** Beside a table more would wrap. */
const MAX_WRITTEN = 72;

function scalar(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
}
