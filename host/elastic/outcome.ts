/**
 * What provisioning came to, as it is told to other hosts and remembered. Nothing in it is secret.
 * `turn` grows with each that came to one, see `SingleFlight`; 0 where nobody could say. `due` is when the
 * password is to be replaced, milliseconds since 1970; undefined for never.
 */
export type Outcome =
  | {
      readonly kind: 'ready';
      readonly print: string;
      readonly generation: number;
      readonly turn: number;
      readonly due?: number;
    }
  | { readonly kind: 'refused'; readonly print: string };

/** As JSON in UTF-8. */
export function encodeOutcome(outcome: Outcome): Uint8Array {
  return Buffer.from(JSON.stringify(outcome), 'utf8');
}

/** Undefined for what another version may have left. */
export function decodeOutcome(bytes: Uint8Array): Outcome | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { kind, print, generation, turn, due } = raw as Record<string, unknown>;
  if (typeof print !== 'string') return undefined;
  if (kind === 'refused') return { kind, print };
  if (kind !== 'ready' || typeof generation !== 'number' || !Number.isInteger(generation)) return undefined;
  return {
    ...{ kind, print, generation, turn: typeof turn === 'number' ? turn : 0 },
    ...(typeof due === 'number' ? { due } : {}),
  };
}
