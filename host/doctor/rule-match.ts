import { matchersOf, type Rule } from './rule.ts';

/** Whether a rule matches a request of which only some things are known. */
export type Match = 'yes' | 'no' | 'maybe';

export interface Known {
  /** Lower case, without port. */
  readonly host?: string;
  /** The one header that is known; an empty value is an absent one. */
  readonly header?: { readonly name: string; readonly value: string };
}

/** `undefined` (a rule that cannot be read) may match anything. */
export function matchRule(rule: Rule | undefined, known: Known): Match {
  if (rule === undefined) return 'maybe';
  switch (rule.kind) {
    case 'not': {
      const inner = matchRule(rule.of, known);
      return inner === 'yes' ? 'no' : inner === 'no' ? 'yes' : 'maybe';
    }
    case 'and': {
      const [left, right] = [matchRule(rule.left, known), matchRule(rule.right, known)];
      if (left === 'no' || right === 'no') return 'no';
      return left === 'yes' && right === 'yes' ? 'yes' : 'maybe';
    }
    case 'or': {
      const [left, right] = [matchRule(rule.left, known), matchRule(rule.right, known)];
      if (left === 'yes' || right === 'yes') return 'yes';
      return left === 'no' && right === 'no' ? 'no' : 'maybe';
    }
    default:
      return matchOne(rule.name, rule.values, known);
  }
}

function matchOne(name: string, [first = '', second]: readonly string[], known: Known): Match {
  switch (name) {
    case 'host':
      return known.host === undefined ? 'maybe' : yes(hostMatches(known.host, first.toLowerCase()));
    case 'hostregexp':
      return known.host === undefined ? 'maybe' : regexp(first, known.host);
    case 'header':
      if (!isKnownHeader(first, known)) return 'maybe';
      return yes(known.header?.value !== '' && known.header?.value === second);
    case 'headerregexp':
      if (!isKnownHeader(first, known)) return 'maybe';
      return known.header?.value === '' ? 'no' : regexp(second ?? '', known.header?.value ?? '');
    case 'pathprefix':
      // Every path begins so.
      return first === '/' ? 'yes' : 'maybe';
    default:
      return 'maybe';
  }
}

const yes = (value: boolean): Match => (value ? 'yes' : 'no');

const isKnownHeader = (name: string, { header }: Known): boolean =>
  header !== undefined && name.toLowerCase() === header.name.toLowerCase();

/** Traefik's `Host`: `*` is all, `*.` one label or more to be on the safe side, a last dot does not count. */
function hostMatches(host: string, expression: string): boolean {
  if (expression === '*') return true;
  const wanted = expression.replace(/\.$/, '');
  return wanted.startsWith('*.') ? host.endsWith(wanted.slice(1)) : host === wanted;
}

/** Go's and JavaScript's expressions mean the same for what is written about hosts; what differs may match. */
function regexp(pattern: string, text: string): Match {
  const [, flags = '', body = pattern] = /^\(\?([imsU]+)\)(.*)$/s.exec(pattern) ?? [];
  if (flags.includes('U') || /\(\?[^:]|\\[AzQpPC]|\[\[:/.test(body)) return 'maybe';
  try {
    return yes(new RegExp(body, flags).test(text));
  } catch {
    return 'maybe';
  }
}

/** The names that a rule asks for by `Host`, in lower case. */
export function hostsOf(rule: Rule | undefined): string[] {
  if (rule === undefined) return [];
  return matchersOf(rule)
    .filter(({ name }) => name === 'host')
    .flatMap(({ values }) => values.map(value => value.toLowerCase().replace(/\.$/, '')));
}

/** The values that a rule compares this header with. */
export function headerValuesOf(rule: Rule | undefined, header: string): string[] {
  if (rule === undefined) return [];
  return matchersOf(rule)
    .filter(({ name, values }) => name === 'header' && values[0]?.toLowerCase() === header.toLowerCase())
    .flatMap(({ values }) => values.slice(1));
}
