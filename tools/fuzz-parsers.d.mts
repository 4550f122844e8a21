export interface ParserFuzzResult {
  inputs: number;
  policies: number;
  /** Policies without an error. */
  good: number;
  images: number;
  /** Images that passed the check. */
  loaded: number;
  findings: number;
}

export declare function fuzzParsers(options: {
  /** Bytes of `dist/embed.wasm`. */
  readonly wasm: Uint8Array;
  /** Ends at whichever comes first; without both it never ends. */
  readonly seconds?: number;
  readonly inputs?: number;
  readonly seed: number;
  /** Called with each finding. */
  readonly report: (line: string) => void;
}): ParserFuzzResult;
export declare function describeParserRun(result: ParserFuzzResult): string;
