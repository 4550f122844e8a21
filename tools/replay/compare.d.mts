import type { RawAnswer } from './ask.mjs';

export interface RecordedRow {
  readonly request_line: string;
  readonly request_headers: readonly (readonly [name: string, value: string])[];
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  readonly seconds: number;
}

type Answer = Pick<RawAnswer, 'status' | 'headers' | 'body'> & { readonly seconds: number };

export declare function compare(
  row: RecordedRow,
  answer: Answer,
  ask: (row: RecordedRow) => Promise<Answer>,
): Promise<{ meant: string[]; mismatch: string }>;
