import type { Level } from './logger.ts';

const COLOURS: Record<Level, string> = { error: '31', warn: '33', info: '32', debug: '36' };

export interface TextLine {
  readonly time: Date;
  readonly level: Level;
  /** Already printable, as are the fields. */
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
  readonly colour: boolean;
}

/** One line for people: time, level, message, then `name=value`. */
export function formatText(line: TextLine): string {
  const paint = (code: string, text: string) => (line.colour ? `\x1b[${code}m${text}\x1b[0m` : text);
  const fields = Object.entries(line.fields).map(
    ([name, value]) => ` ${paint('2', `${name}=`)}${quote(value)}`,
  );
  const level = paint(COLOURS[line.level], line.level.padEnd(5));
  return `${paint('2', line.time.toISOString())} ${level} ${line.message}${fields.join('')}\n`;
}

/** Quoted where it would read as two fields or as nothing. */
function quote(value: string | number | boolean): string {
  if (typeof value !== 'string') return String(value);
  if (/^[^\s"=]+$/.test(value)) return value;
  // Backslashes before a quote, or at the end, would make that quote another one.
  const escaped = value.replace(/\\+"?|"/g, (run, at: number) => {
    const isBefore = run.endsWith('"') || at + run.length === value.length;
    return isBefore ? run.replace(/["\\]/g, '\\$&') : run;
  });
  return `"${escaped}"`;
}
