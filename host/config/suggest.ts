/** The known name that a misspelt one most probably means, undefined when none is near. */
export function suggest(name: string, known: Iterable<string>): string | undefined {
  const wanted = plain(name);
  let best: string | undefined;
  // One slip per three letters: `polcy` is near `policy`, `foo` is near nothing.
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, plain(candidate), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `, did you mean …?` or nothing. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const found = suggest(name, known);
  return found === undefined ? '' : `, did you mean \`${found}\`?`;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, '');
}

/** Levenshtein distance, given up at `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? limit) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[j] ?? limit) + 1, (current[j - 1] ?? limit) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? limit;
}
