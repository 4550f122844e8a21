import type { Document } from 'yaml';

/** Each round leaves out one more mistake; a file with more of them is no YAML. */
const MAX_ROUNDS = 20;

/** Among the damaged keys: any key may be missing. */
export const EVERYTHING = '*';

export interface Rest {
  readonly document: Document;
  /** Top-level keys whose content is not whole. */
  readonly damaged: ReadonlySet<string>;
  /** Mistakes found on the way, by line from 1. */
  readonly mistakes: ReadonlyMap<number, string>;
}

/**
 * What can be read of a file that is no valid YAML: lines at which the parser
 * fails are left out, and where that does not help, their whole section. Only
 * for finding further problems; such a file is never used.
 */
export function readRest(
  text: string,
  parse: (text: string) => Document,
  lineAt: (offset: number) => number,
): Rest | undefined {
  const lines = text.split('\n');
  const damaged = new Set<string>();
  const mistakes = new Map<number, string>();
  const left = new Set<number>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const document = parse(lines.join('\n'));
    const error = document.errors.find(({ code }) => code !== 'DUPLICATE_KEY');
    if (error === undefined) return { document, damaged, mistakes };
    const found = lineAt(error.pos[0]);
    // A quote that is not closed is noticed at the end of the file, or at the next quote.
    const line = unclosed(lines, found) ?? found;
    mistakes.set(line, error.code);
    const index = Math.min(line, lines.length) - 1;
    if (error.code === 'MULTIPLE_DOCS') {
      lines.fill('', index);
      damaged.add(EVERYTHING);
      continue;
    }
    for (const key of leaveOut(lines, index, left)) damaged.add(key);
  }
  return undefined;
}

/** The line of a quote or bracket that is not closed until `until`; undefined when there is none. */
function unclosed(lines: readonly string[], until: number): number | undefined {
  const index = lines.slice(0, until).findLastIndex((line, i) => {
    const value = line.replace(/^[\s-]*(?:[\w.-]+\s*:\s+)?/, '');
    const first = value[0] ?? '';
    if (first === '"' || first === "'") return !value.slice(1).includes(first);
    if (first !== '[' && first !== '{') return false;
    const bare = [value, ...lines.slice(i + 1, until)].join('\n').replaceAll(/'[^']*'|"[^"]*"/g, '');
    return bare.split(/[[{]/).length > bare.split(/[\]}]/).length;
  });
  return index < 0 ? undefined : index + 1;
}

/** Empties a line, the second time its whole section; the sections' names. */
function leaveOut(lines: string[], index: number, left: Set<number>): string[] {
  const start = lines.slice(0, index + 1).findLastIndex(line => /^[^\s#-]/.test(line));
  const key = /^["']?([\w.-]+)/.exec(lines[Math.max(start, 0)] ?? '')?.[1];
  if (lines[index]?.trim() && !left.has(index) && index !== start) {
    lines[index] = '';
    left.add(index);
  } else {
    const after = lines.findIndex((line, i) => i > index && /^[^\s#-]/.test(line));
    const end = after < 0 ? lines.length : after;
    for (let i = Math.max(start, 0); i < end; i++) lines[i] = '';
  }
  return key === undefined ? [] : [key];
}
