/** What a command may touch of the process; tests give their own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborts on SIGINT and SIGTERM: a command that runs until stopped ends then, with code 0. */
  readonly signal: AbortSignal;
  /** Calls back on each SIGHUP from now on, which ends a program that does not ask. Undefined where there are no signals. */
  readonly onHangup?: (listener: () => void) => void;
}

export interface Output {
  write(text: string): void;
  /** A person reads this: colours and explanations are welcome. */
  readonly isTTY: boolean;
}

export interface Input extends AsyncIterable<Uint8Array> {
  readonly isTTY: boolean;
  /** Keys one by one and without echo; only on a terminal. */
  setRawMode(raw: boolean): void;
}

/** Exit codes of every command. */
export const EXIT_OK = 0;
/** The command ran and something it looked at is wrong; stderr says what. */
export const EXIT_PROBLEM = 1;
/** The command was called wrongly; stderr says how to call it. */
export const EXIT_USAGE = 2;

/** Ends a command with a code and a message for stderr. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT_PROBLEM) {
    super(message);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

/** Whether to colour: a terminal that can, and nobody asked otherwise (no-color.org). */
export function wantsColour(output: Output, env: Io['env']): boolean {
  return output.isTTY && !env.NO_COLOR && env.TERM !== 'dumb';
}
