import { printable } from '../log/printable.ts';
import type { Io } from './io.ts';

/** A table for a person; in a pipe a line for each row, its columns separated by tabs. */
export function writeTable(io: Io, headings: readonly string[], cells: readonly (readonly string[])[]): void {
  const rows = cells.map(row => row.map(printable));
  if (!io.stdout.isTTY) {
    for (const row of rows) io.stdout.write(`${row.join('\t')}\n`);
    return;
  }
  const all = [headings, ...rows];
  const widths = headings.map((_, i) => Math.max(...all.map(row => row[i]?.length ?? 0)));
  for (const row of all) {
    const line = row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ');
    io.stdout.write(`${line.trimEnd()}\n`);
  }
}

/** What a command says to programs, with `--json`. */
export function writeJson(io: Io, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
