import type { Problem } from './problem.ts';

/** Lines shown behind a problem; more of them would hide the problems behind it. */
const MAX_SHOWN = 60;

/** What is wrong with the indentation of a file, from the file and the same with its lines put right. */
export function indentationProblems(file: string, text: string, right: string): Problem[] {
  const before = text.split('\n').map(line => line.replace(/\r$/, ''));
  const after = right.split('\n').map(line => line.replace(/\r$/, ''));
  return runs(before, after).map(({ first, last }) => {
    const shifts = new Set<number>();
    for (let i = first; i <= last; i++) {
      if (before[i] !== after[i]) shifts.add(indentOf(after[i]) - indentOf(before[i]));
    }
    const from = contextOf(after, first);
    return {
      code: 'yaml.indentation',
      severity: 'error',
      path: '',
      message: message(before, after, first, last, shifts, from),
      file,
      line: first + 1,
      mend: after
        .slice(from, Math.min(last + 1, from + MAX_SHOWN))
        .concat(last + 1 > from + MAX_SHOWN ? ['# and so on'] : [])
        .map(withoutSecrets)
        .join('\n'),
    };
  });
}

function message(
  before: readonly string[],
  after: readonly string[],
  first: number,
  last: number,
  shifts: ReadonlySet<number>,
  from: number,
): string {
  const where = first === last ? 'this line' : `lines ${first + 1} to ${last + 1}`;
  if (/^ *\t/.test(before[first] ?? '')) {
    return 'not valid YAML: a tab stands where the line is indented; use spaces';
  }
  const [shift = 0] = shifts;
  if (shifts.size > 1) {
    return `not valid YAML: ${where} have lost their indentation; put every key below the key it belongs to`;
  }
  const key = /^\s*(?:- )*["']?([\w.-]+)/.exec(after[first] ?? '')?.[1] ?? 'this';
  const blanks = `${Math.abs(shift)} blank${Math.abs(shift) === 1 ? '' : 's'} ${shift > 0 ? 'more' : 'less'}`;
  const owner =
    from < first
      ? ` belongs to the mapping that begins in line ${from + 1}`
      : ' is not indented as its neighbours are';
  return `not valid YAML: \`${key}\`${owner}; indent ${where} by ${blanks}`;
}

/** Changed lines that follow each other; empty lines and comments between them do not count. */
function runs(before: readonly string[], after: readonly string[]): { first: number; last: number }[] {
  const found: { first: number; last: number }[] = [];
  let open: { first: number; last: number } | undefined;
  for (const [i, line] of before.entries()) {
    if (/^\s*(#.*)?$/.test(line)) continue;
    if (line === after[i]) {
      open = undefined;
    } else if (open === undefined) {
      open = { first: i, last: i };
      found.push(open);
    } else {
      open.last = i;
    }
  }
  return mergeClose(found);
}

/** A file without any indentation has unchanged lines at each section: it is one problem, not ten. */
function mergeClose(found: { first: number; last: number }[]): { first: number; last: number }[] {
  const merged: { first: number; last: number }[] = [];
  for (const run of found) {
    const before = merged.at(-1);
    if (before !== undefined && run.first - before.last <= MAX_UNCHANGED) before.last = run.last;
    else merged.push({ ...run });
  }
  return merged;
}
const MAX_UNCHANGED = 3;

/** Where the entry or the key begins that the line belongs to. */
function contextOf(lines: readonly string[], first: number): number {
  const indent = indentOf(lines[first]);
  for (let i = first - 1; i >= 0; i--) {
    const line = lines[i] ?? '';
    if (line.trim() === '' || indentOf(line) >= indent) continue;
    return i;
  }
  return first;
}

function indentOf(line = ''): number {
  return line.replaceAll('\t', '  ').length - line.replaceAll('\t', '  ').trimStart().length;
}

/** Values of keys that name secrets, and passwords in addresses, are not shown. */
function withoutSecrets(line: string): string {
  return line
    .replace(/((?:secret|password|token|key|digest)\w*["']?\s*:\s+)\S.*$/i, '$1…')
    .replace(/\/\/[^\s/@]+@/g, '//…@');
}
