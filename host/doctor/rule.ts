/** Traefik's rules, as far as one has to understand them to see what they cannot match. */

export type Rule =
  | { readonly kind: 'matcher'; readonly name: string; readonly values: readonly string[] }
  | { readonly kind: 'not'; readonly of: Rule }
  | { readonly kind: 'and' | 'or'; readonly left: Rule; readonly right: Rule };

/** Rules that people and providers write have a dozen parts. */
const MAX_DEPTH = 200;

const TOKEN = /\s*(?:(&&|\|\||[!(),])|([A-Za-z]+)|`([^`]*)`|"((?:[^"\\]|\\.)*)")/y;

type Token = { readonly sign: string } | { readonly name: string } | { readonly value: string };

/** Undefined for what Traefik would refuse, too, or what only its version 2 syntax has. */
export function parseRule(text: string): Rule | undefined {
  const tokens = tokenize(text);
  if (tokens === undefined) return undefined;
  let at = 0;
  const sign = (wanted: string): boolean => {
    const token = tokens[at];
    if (token === undefined || !('sign' in token) || token.sign !== wanted) return false;
    at++;
    return true;
  };
  const chain = (operator: string, kind: 'and' | 'or', part: (depth: number) => Rule | undefined) => {
    return (depth: number): Rule | undefined => {
      let left = part(depth);
      while (left !== undefined && sign(operator)) {
        const right = part(depth);
        left = right && { kind, left, right };
      }
      return left;
    };
  };
  const unary = (depth: number): Rule | undefined => {
    if (depth > MAX_DEPTH) return undefined;
    if (sign('!')) {
      const of = unary(depth + 1);
      return of && { kind: 'not', of };
    }
    if (sign('(')) {
      const inner = either(depth + 1);
      return sign(')') ? inner : undefined;
    }
    return matcher();
  };
  const matcher = (): Rule | undefined => {
    const token = tokens[at++];
    if (token === undefined || !('name' in token) || !sign('(')) return undefined;
    const values: string[] = [];
    do {
      const value = tokens[at++];
      if (value === undefined || !('value' in value)) return undefined;
      values.push(value.value);
    } while (sign(','));
    return sign(')') ? { kind: 'matcher', name: token.name.toLowerCase(), values } : undefined;
  };
  const either = chain('||', 'or', chain('&&', 'and', unary));
  const rule = either(0);
  return at === tokens.length ? rule : undefined;
}

function tokenize(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  const trimmed = text.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < trimmed.length) {
    const match = TOKEN.exec(trimmed);
    if (match === null) return undefined;
    const [, sign, name, raw, quoted] = match;
    if (sign !== undefined) tokens.push({ sign });
    else if (name !== undefined) tokens.push({ name });
    else tokens.push({ value: raw ?? quoted?.replace(/\\(.)/g, '$1') ?? '' });
  }
  return tokens;
}

/** Every matcher of a rule. */
export function matchersOf(rule: Rule): Extract<Rule, { kind: 'matcher' }>[] {
  if (rule.kind === 'matcher') return [rule];
  if (rule.kind === 'not') return matchersOf(rule.of);
  return [...matchersOf(rule.left), ...matchersOf(rule.right)];
}
