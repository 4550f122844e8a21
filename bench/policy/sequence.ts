import { toEcmaScript } from '../regexp/translate.ts';
import type { PolicyRule, Request } from './shapes.ts';

interface Compiled {
  readonly domain: string;
  readonly expression: RegExp | undefined;
  readonly capturesUser: boolean;
}

/**
 * The same rules one after the other with Node's RegExp, compiled once: the
 * position of the first that matches, 0 for none. A yardstick, and the same as
 * bench/policy/sequence.go; nothing decides by it.
 */
export function nodeSequence(rules: readonly PolicyRule[], user: string): (request: Request) => number {
  const compiled = rules.map(({ domain, expression }): Compiled => {
    const translated = expression === undefined ? undefined : toEcmaScript(expression.replace('(?P<', '(?<'));
    if (expression !== undefined && translated === undefined)
      throw new Error(`${expression} has no counterpart in Node's RegExp`);
    return { domain, expression: translated, capturesUser: expression?.includes('<User>') === true };
  });
  return ({ domain, path }) => {
    for (let i = 0; i < compiled.length; i++) {
      const rule = compiled[i] as Compiled;
      if (rule.domain !== domain) continue;
      if (rule.expression === undefined) return i + 1;
      if (!rule.capturesUser) {
        if (rule.expression.test(path)) return i + 1;
      } else if (rule.expression.exec(path)?.groups?.User?.toLowerCase() === user) return i + 1;
    }
    return 0;
  };
}
