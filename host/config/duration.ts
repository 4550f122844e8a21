const DAY = 86_400;

/** Authelia's units: a month has 30 days, a year 365. `M` is months, `m` minutes. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ['y', 365 * DAY],
  ['M', 30 * DAY],
  ['w', 7 * DAY],
  ['d', DAY],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
  ['ms', 0.001],
]);
/** In any case, and with an `s` behind them. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ['year', 'y'],
  ['month', 'M'],
  ['week', 'w'],
  ['day', 'd'],
  ['hour', 'h'],
  ['minute', 'm'],
  ['second', 's'],
  ['millisecond', 'ms'],
]);

/**
 * Seconds of a duration as Authelia writes it: `1h`, `1h 30m`, `1 hour and 30
 * minutes`, or plain seconds. Undefined when it is none.
 */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (/^\d{1,15}$/.test(text)) return Number(text);
  if (!/^\d{1,9}\s*[A-Za-z]+(\s*(and\s+)?\d{1,9}\s*[A-Za-z]+)*$/.test(text)) return undefined;
  let seconds = 0;
  for (const [, amount, name] of text.replaceAll(/\band\s+/g, '').matchAll(/(\d+)\s*([A-Za-z]+)/g)) {
    const word = (name ?? '').toLowerCase().replace(/s$/, '');
    const unit = UNITS.get(name ?? '') ?? UNITS.get(WORDS.get(word) ?? '');
    if (unit === undefined) return undefined;
    seconds += Number(amount) * unit;
  }
  return seconds;
}

/** `90` as `1m 30s`. */
export function formatDuration(seconds: number): string {
  const parts: string[] = [];
  let rest = seconds;
  for (const [unit, size] of [
    ['d', DAY],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count}${unit}`);
    rest -= count * size;
  }
  return parts.join(' ') || '0s';
}
