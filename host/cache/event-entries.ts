/** An event as the stream has it. */
export interface Entry {
  readonly number: number;
  readonly topic: string;
  readonly sealed: Uint8Array;
  /** Of its acknowledgements. */
  readonly id: string;
}

/** Of `[[stream, [[id, [name, value, …]], …]]]`; nothing of what looks otherwise. */
export function entriesOf(answer: unknown): Entry[] {
  if (!Array.isArray(answer) || !Array.isArray(answer[0])) return [];
  const found: Entry[] = [];
  for (const [place, fields] of answer[0][1] as [Uint8Array, Uint8Array[]][]) {
    const number = Number(text(place).split('-')[0]);
    found.push({
      number,
      topic: text(fields[1]),
      sealed: fields[3] ?? new Uint8Array(0),
      id: text(fields[5]),
    });
  }
  return found;
}

export function text(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : Buffer.from(bytes).toString('utf8');
}
