export interface Row {
  readonly request_line: string;
  readonly request_headers: readonly (readonly [name: string, value: string])[];
}

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case, values as latin1. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  readonly seconds: number;
}

export function ask(port: number, row: Row): Promise<RawAnswer>;
