/**
 * Go's syntax to ECMAScript's, as far as access-control patterns need it. What
 * has no counterpart (flags in the middle, ungreedy patterns, ...) answers
 * undefined; whether the rest means the same is for the caller to try.
 */

const CLASSES: Record<string, string> = {
  alnum: 'A-Za-z0-9',
  alpha: 'A-Za-z',
  digit: '0-9',
  lower: 'a-z',
  upper: 'A-Z',
  word: '\\w',
};

/** One token of a pattern: what it is decides how it is written. */
const TOKEN =
  /\\Q([\s\S]*?)(?:\\E|$)|\\[pP]\{\^?(\w+)\}|\\x\{([0-9a-fA-F]+)\}|\\[\s\S]|\[:(\^?)(\w+):\]|\(\?P?<(\w+)>|\(\?[a-zA-Z-]*[:)]|[\s\S]/g;
/** Characters that may stand behind a backslash under the flag u. */
const SYNTAX = new Set('^$\\.*+?()[]{}|/');

export function toEcmaScript(pattern: string): RegExp | undefined {
  const [, letters = '', body = ''] = /^(?:\(\?([ims]+)\))?([\s\S]*)$/.exec(pattern) ?? [];
  const multiline = letters.includes('m');
  let source = '';
  let inClass = false;
  for (const match of body.matchAll(TOKEN)) {
    const [token, quoted, property, hex, negated, named, group] = match;
    if (quoted !== undefined) source += quoted.replaceAll(/[\^$\\.*+?()[\]{}|/]/g, '\\$&');
    else if (property !== undefined) source += property.length > 2 ? token.replace('{', '{Script=') : token;
    else if (hex !== undefined) source += `\\u{${hex}}`;
    else if (named !== undefined) {
      const members = CLASSES[named];
      if (members === undefined || negated !== '') return undefined;
      source += members;
    } else if (group !== undefined) source += `(?<${group}>`;
    else if (token.startsWith('(?') && token !== '(?:') return undefined;
    else if (token === '\\A' || token === '\\z') {
      if (multiline) return undefined;
      source += token === '\\A' ? '^' : '$';
    } else if (token === '\\s' || (token === '\\S' && !inClass)) {
      // Go's has no vertical tab and nothing beyond ASCII.
      const space = '\\t\\n\\f\\r ';
      source += inClass ? space : token === '\\s' ? `[${space}]` : `[^${space}]`;
    } else if (token.startsWith('\\') && token.length === 2) {
      const char = token[1] as string;
      source += /[a-zA-Z0-9]/.test(char) || SYNTAX.has(char) || (inClass && char === '-') ? token : char;
    } else {
      if (inClass && token === ']') inClass = false;
      else if (!inClass && token === '[') inClass = true;
      else if (inClass && token === '[') {
        source += '\\[';
        continue;
      }
      source += token;
    }
  }
  try {
    return new RegExp(source, `u${letters}`);
  } catch {
    return undefined;
  }
}
