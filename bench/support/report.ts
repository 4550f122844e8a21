import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

/** What a run leaves behind: a table for people, a file for the chart, a line for programs. */

export interface Results {
  readonly suite: string;
  readonly date: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  /** The line that `--json` prints. */
  readonly summary: Readonly<Record<string, unknown>>;
  /** Every single figure of every round. */
  readonly rounds: unknown;
  readonly notes?: readonly string[];
}

/** No names and no paths: results are published. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  /** Load when the suite began: a busy machine's figures are worth less. */
  readonly load: number;
}

export function machine(): Machine {
  const load = Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]);
  return {
    cpu: (cpus()[0]?.model ?? 'unknown').trim(),
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${process.platform} ${process.arch}`,
    load,
  };
}

/** The commit, and whether the measured sources differ from it. */
export function revision(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
    const changed = git('status', '--porcelain', '--', 'assembly', 'host', 'asconfig.json') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? '+changes' : ''}`;
  } catch {
    return 'unknown';
  }
}

export function save(results: Results): string {
  const path = `bench/results/${results.suite}.json`;
  mkdirSync('bench/results', { recursive: true });
  writeFileSync(path, `${pretty(results)}\n`);
  return path;
}

/** JSON with indentation, lists of numbers on one line. */
function pretty(value: unknown): string {
  return JSON.stringify(value, undefined, 2).replaceAll(/\[[\s\d.,-]*\]/g, list =>
    list.replaceAll(/\s+/g, ' '),
  );
}

/** Columns as wide as their longest cell: the first to the left, the others to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, i) => Math.max(name.length, ...rows.map(row => (row[i] ?? '').length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return `${[header, ...rows].map(line).join('\n')}\n`;
}

export function print(text: string): void {
  process.stdout.write(text);
}

/** Progress goes to standard error, and only where somebody watches. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
