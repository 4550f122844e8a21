import type { Problem } from '../config/problem.ts';
import { printable } from '../log/printable.ts';

/** Line width of the text of a table, as far as words allow. */
const MESSAGE_WIDTH = 88;
const RED = '\u001b[31m';
const YELLOW = '\u001b[33m';
const GREEN = '\u001b[32m';
const DIM = '\u001b[2m';
const RESET = '\u001b[0m';

export interface ReportOptions {
  /** A table for people; else a line a problem, as compilers write them. */
  readonly table: boolean;
  readonly colour: boolean;
}

/** Position of the rule that a problem is in, from 1; undefined when it is in none. */
export function ruleOf({ path }: Problem): number | undefined {
  const index = /^access_control\.rules\[(\d+)\]/.exec(path)?.[1];
  return index === undefined ? undefined : Number(index) + 1;
}

/** Ends with a line that says whether the file can be used. */
export function textReport(
  file: string,
  problems: readonly Problem[],
  { table, colour }: ReportOptions,
): string {
  const paint = (code: string, text: string) => (colour ? `${code}${text}${RESET}` : text);
  const body = table ? tableOf(problems, paint) : problems.map(lineOf).join('');
  const { errors, warnings } = count(problems);
  const summary =
    errors > 0
      ? paint(
          RED,
          `${printable(file)} cannot be used: ${many(errors, 'error')}, ${many(warnings, 'warning')}`,
        )
      : warnings > 0
        ? paint(YELLOW, `${printable(file)} is valid, with ${many(warnings, 'warning')}`)
        : paint(GREEN, `${printable(file)} is valid`);
  return `${body}${body === '' ? '' : '\n'}${summary}\n`;
}

/** @param notes what is no problem of the configuration, each a sentence */
export function jsonReport(
  file: string,
  problems: readonly Problem[],
  ok: boolean,
  notes: readonly string[],
): string {
  const { errors, warnings } = count(problems);
  const list = problems.map(problem => {
    const { severity, code, message, mend } = problem;
    const rule = ruleOf(problem);
    return {
      severity,
      code,
      file: problem.file ?? null,
      line: problem.line ?? null,
      rule: rule ?? null,
      path: problem.path,
      message,
      mend: mend ?? null,
    };
  });
  return `${JSON.stringify({ ok, file, errors, warnings, problems: list, notes }, undefined, 2)}\n`;
}

export function count(problems: readonly Problem[]): { errors: number; warnings: number } {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  return { errors, warnings: problems.length - errors };
}

/** `postern.yml:12: error: rule #2: path: message`, then the lines to write. */
function lineOf(problem: Problem): string {
  const { severity, message, mend } = problem;
  const head = [where(problem), severity, ...subject(problem)].filter(part => part !== '').join(': ');
  const lines = mend === undefined ? '' : mend.replaceAll(/^/gm, '    ');
  return `${head}: ${printable(message)}\n${lines === '' ? '' : `${shown(lines)}\n`}`;
}

function tableOf(problems: readonly Problem[], paint: (code: string, text: string) => string): string {
  if (problems.length === 0) return '';
  const places = problems.map(where);
  const placeWidth = Math.max(5, ...places.map(place => place.length)) + 2;
  const indent = ' '.repeat(9 + placeWidth + 6);
  const lines = [
    paint(DIM, `${'KIND'.padEnd(9)}${'WHERE'.padEnd(placeWidth)}${'RULE'.padEnd(6)}WHAT TO WRITE`),
  ];
  for (const [i, problem] of problems.entries()) {
    const { severity, path, message, mend } = problem;
    const rule = ruleOf(problem);
    const [first = '', ...rest] = wrap(`${path === '' ? '' : `${printable(path)}: `}${printable(message)}`);
    const kind = paint(severity === 'error' ? RED : YELLOW, severity.toUpperCase().padEnd(9));
    const number = (rule === undefined ? '' : `#${rule}`).padEnd(6);
    lines.push(`${kind}${(places[i] ?? '').padEnd(placeWidth)}${number}${first}`);
    lines.push(...rest.map(line => indent + line));
    if (mend !== undefined)
      lines.push(
        ...shown(mend)
          .split('\n')
          .map(line => `${indent}${paint(GREEN, line)}`),
      );
  }
  return `${lines.join('\n')}\n`;
}

function where({ file, line }: Problem): string {
  return file === undefined ? '' : `${printable(file)}${line === undefined ? '' : `:${line}`}`;
}

function subject(problem: Problem): string[] {
  const rule = ruleOf(problem);
  return [
    ...(rule === undefined ? [] : [`rule #${rule}`]),
    ...(problem.path === '' ? [] : [printable(problem.path)]),
  ];
}

/** Lines of the file, each without control characters. */
function shown(lines: string): string {
  return lines.split('\n').map(printable).join('\n');
}

/** In lines of some width, broken at blanks. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length >= MESSAGE_WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

const many = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
