import { printable } from '../log/printable.ts';
import type { Finding, Severity } from './finding.ts';

const LABELS: Readonly<Record<Severity, string>> = {
  error: 'ERROR',
  warning: 'WARNING',
  unseen: 'UNSEEN',
  ok: 'OK',
};
const COLOURS: Readonly<Record<Severity, string>> = {
  error: '\u001b[31m',
  warning: '\u001b[33m',
  unseen: '\u001b[36m',
  ok: '\u001b[32m',
};
const DIM = '\u001b[2m';
const RESET = '\u001b[0m';
/** Width of the longest label and two blanks. */
const LABEL_WIDTH = 9;
/** Longer codes push their text to the right. */
const CODE_WIDTH = 26;

export interface ReportOptions {
  readonly colour: boolean;
}

/** A table of all findings, then what to write for those that are wrong; ends with one line of counts. */
export function textReport(findings: readonly Finding[], { colour }: ReportOptions): string {
  const paint = (code: string, text: string) => (colour && code !== '' ? `${code}${text}${RESET}` : text);
  const lines = findings.map(({ severity, code, found }) => {
    const label = paint(COLOURS[severity], LABELS[severity].padEnd(LABEL_WIDTH));
    return `${label}${code.padEnd(CODE_WIDTH)} ${printable(found)}`;
  });
  const wrong = findings.filter(({ severity }) => severity === 'error' || severity === 'warning');
  for (const { severity, code, found, why, mend } of wrong) {
    lines.push(
      '',
      `${paint(COLOURS[severity], LABELS[severity])} ${code}: ${printable(found)}`,
      `Why: ${why}`,
    );
    if (mend === undefined) continue;
    lines.push(
      'Write:',
      ...mend.split('\n').map(line => `    ${paint(line.startsWith('#') ? DIM : '', printable(line))}`),
    );
  }
  return `${lines.join('\n')}\n\n${summary(findings)}\n`;
}

export function jsonReport(findings: readonly Finding[]): string {
  const { error, warning, unseen, ok } = counts(findings);
  const report = { ok: error + warning === 0, errors: error, warnings: warning, unseen, fine: ok, findings };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

function counts(findings: readonly Finding[]): Record<Severity, number> {
  const count = { error: 0, warning: 0, unseen: 0, ok: 0 };
  for (const { severity } of findings) count[severity]++;
  return count;
}

function summary(findings: readonly Finding[]): string {
  const { error, warning, unseen, ok } = counts(findings);
  const rest = `${ok} fine, ${unseen} could not be seen`;
  return error + warning === 0
    ? `All well: ${rest}.`
    : `${many(error, 'error')}, ${many(warning, 'warning')}, ${rest}.`;
}

const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
