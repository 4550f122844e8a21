import { duration, type Reader, shown } from './values.ts';

const TRUE: readonly string[] = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const FALSE: readonly string[] = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

/** A switch as Go reads it (`strconv.ParseBool`), which is how elastauth does; undefined for anything else. */
export function goBoolean(raw: unknown): boolean | undefined {
  const text = String(raw);
  return TRUE.includes(text) ? true : FALSE.includes(text) ? false : undefined;
}

/** Seconds of what Go's durations have and Authelia's have not. `m` is minutes in both. */
const UNITS: Readonly<Record<string, number>> = {
  h: 3_600,
  m: 60,
  s: 1,
  ms: 1e-3,
  us: 1e-6,
  µs: 1e-6,
  μs: 1e-6,
  ns: 1e-9,
};

/** `duration`, and as elastauth writes it: `1.5h`, `1h0m0.5s`. Parts of a second are rounded up. */
export function goDuration(min: number, max: number): Reader<number> {
  const read = duration(min, max);
  return raw => read(fromGo(raw));
}

/** What is no duration of Go's stays for whoever reads it then. */
function fromGo(raw: unknown): unknown {
  if (typeof raw !== 'string' || !/^\+?((\d+\.?\d*|\.\d+)(h|ms|m|s|us|µs|μs|ns))+$/.test(raw)) return raw;
  let seconds = 0;
  for (const [, amount, unit = ''] of raw.matchAll(/([\d.]+)([a-zµμ]+)/g)) {
    seconds += Number(amount) * (UNITS[unit] ?? Number.NaN);
  }
  // 0.1 + 0.2 is a little more than 0.3.
  return `${Math.ceil(Number(seconds.toFixed(9)))}s`;
}

/** What is wrong with a switch. */
export function noBoolean(raw: unknown): string {
  return `must be \`true\` or \`false\`, got ${shown(raw)}`;
}
