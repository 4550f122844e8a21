/** Of several rounds: the middle one, and how far the others lie from it. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Half the distance between the quartiles, in percent of the median. */
  readonly spread: number;
}

export function summary(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number) => {
    const position = part * (sorted.length - 1);
    const below = sorted[Math.floor(position)] ?? Number.NaN;
    const above = sorted[Math.ceil(position)] ?? Number.NaN;
    return below + (above - below) * (position - Math.floor(position));
  };
  const median = at(0.5);
  return { median, min: at(0), max: at(1), spread: ((at(0.75) - at(0.25)) / 2 / median) * 100 };
}

/**
 * Median of the quotients of two measurements of the same rounds: what slowed
 * the machine in one round slowed both.
 */
export function ratio(over: readonly number[], under: readonly number[]): number {
  return summary(over.map((value, i) => value / (under[i] ?? Number.NaN))).median;
}

export function rounded(value: number, digits = 0): number {
  return Number(value.toFixed(digits));
}
