import { printable } from '../log/printable.ts';

export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

const CODES: Readonly<Record<Colour, string>> = {
  red: '\u001b[31m',
  green: '\u001b[32m',
  yellow: '\u001b[33m',
  dim: '\u001b[2m',
  bold: '\u001b[1m',
};
const RESET = '\u001b[0m';

/** Colours a text that the terminal may be given. */
export type Paint = (colour: Colour | undefined, text: string) => string;

/** @param enabled false leaves texts as they are */
export function painter(enabled: boolean): Paint {
  return (colour, text) =>
    enabled && colour !== undefined && text !== '' ? `${CODES[colour]}${text}${RESET}` : text;
}

export interface Cell {
  readonly text: string;
  readonly colour?: Colour | undefined;
}

/** Rows in columns two blanks apart; texts come from files and are made printable. */
export function table(rows: readonly (readonly Cell[])[], paint: Paint): string[] {
  const safe = rows.map(row => row.map(cell => ({ ...cell, text: printable(cell.text) })));
  const widths: number[] = [];
  for (const row of safe) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.text.length);
    });
  }
  return safe.map(row => {
    const cells = row.map(({ text, colour }, i) => {
      const last = i === row.length - 1;
      return paint(colour, text) + (last ? '' : ' '.repeat((widths[i] ?? 0) - text.length));
    });
    return cells.join('  ').trimEnd();
  });
}
