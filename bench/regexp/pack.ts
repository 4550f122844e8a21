import { Buffer } from 'node:buffer';

/** A pattern, by its place in a list, and a text. */
export interface Pair {
  readonly pattern: number;
  readonly text: Uint8Array;
}

/** What is measured: Go's patterns, and the captures' apart. */
export interface Workload {
  readonly patterns: readonly string[];
  readonly pairs: readonly (Pair & { readonly match: boolean })[];
  readonly capturePatterns: readonly string[];
  readonly captures: readonly Pair[];
}

/** The workload as `assembly/regexp/bench.ts` reads it; `compile` makes a program. */
export function packOf(workload: Workload, compile: (pattern: string) => Uint8Array): Uint8Array {
  const { patterns, pairs, capturePatterns, captures } = workload;
  const records = 12 + 12 * pairs.length + 8 * patterns.length + 12 * captures.length;
  const parts: Uint8Array[] = [];
  let size = records;
  const place = (bytes: Uint8Array): number => {
    // Programs hold u32s, as in a policy's image.
    const padded = Buffer.alloc((bytes.length + 3) & ~3);
    padded.set(bytes);
    parts.push(padded);
    size += padded.length;
    return size - padded.length;
  };
  const head: number[] = [pairs.length, patterns.length, captures.length];
  const range = (bytes: Uint8Array): number[] => {
    const start = place(bytes);
    return [start, start + bytes.length];
  };
  const pairsOf = (list: readonly Pair[], of: readonly string[]) => {
    const programs = of.map(pattern => place(compile(pattern)));
    for (const { pattern, text } of list) head.push(programs[pattern] ?? 0, ...range(text));
  };
  pairsOf(pairs, patterns);
  for (const pattern of patterns) head.push(...range(Buffer.from(pattern)));
  pairsOf(captures, capturePatterns);
  return Buffer.concat([new Uint8Array(Uint32Array.from(head).buffer), ...parts]);
}
