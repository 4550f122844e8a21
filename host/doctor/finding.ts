/**
 * How bad a finding is. `unseen` is what could not be looked at from here: no
 * fault, but no all-clear either.
 */
export type Severity = 'error' | 'warning' | 'unseen' | 'ok';

/** One thing that was looked at. Texts never hold a key. */
export interface Finding {
  /** Stable, e.g. `guard.unguarded`; the part before the dot is what was looked at. */
  readonly code: string;
  readonly severity: Severity;
  /** What was found, lower case, no period. */
  readonly found: string;
  /** Why it matters, one sentence. */
  readonly why: string;
  /** Lines to write or to run instead, ready to paste; those that say what to do begin with `#`. */
  readonly mend?: string;
}

/** A check's findings all have one reason. */
export interface Reporter {
  error(code: string, found: string, mend: string): Finding;
  warning(code: string, found: string, mend: string): Finding;
  unseen(code: string, found: string, mend?: string): Finding;
  ok(code: string, found: string): Finding;
}

export function because(why: string): Reporter {
  const make = (severity: Severity) => (code: string, found: string, mend?: string) => ({
    code,
    severity,
    found,
    why,
    ...(mend === undefined ? {} : { mend }),
  });
  return { error: make('error'), warning: make('warning'), unseen: make('unseen'), ok: make('ok') };
}

/** Whether something is to be mended. */
export function isWrong({ severity }: Finding): boolean {
  return severity === 'error' || severity === 'warning';
}
