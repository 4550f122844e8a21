import { readFileSync } from 'node:fs';
import { type ASUtil, instantiateSync } from '@assemblyscript/loader';
import type { Problem } from '../../host/config/problem.ts';
import type { PolicyDocument } from '../../host/policy/engine.ts';

type Call = (...args: (number | boolean)[]) => number;

const { exports } = instantiateSync(
  readFileSync(new URL('../../dist/embed.wasm', import.meta.url)),
  {},
) as unknown as { exports: ASUtil & Record<string, Call> & { Uint8Array_ID: { value: number } } };
(exports._initialize as Call)();

/** Calls an export with bytes, texts, numbers and booleans; nothing of it is left in the module's memory. */
function call<T>(
  name: string,
  args: (Uint8Array | string | number | boolean)[],
  read: (result: number) => T,
): T {
  const pinned: number[] = [];
  const passed = args.map(arg => {
    if (typeof arg !== 'string' && !(arg instanceof Uint8Array)) return arg;
    const pointer = exports.__pin(
      typeof arg === 'string'
        ? exports.__newString(arg)
        : exports.__newArray(exports.Uint8Array_ID.value, arg as unknown as number[]),
    );
    pinned.push(pointer);
    return pointer;
  });
  const result = read((exports[name] as Call)(...passed));
  for (const pointer of pinned) exports.__unpin(pointer);
  exports.__collect();
  return result;
}

const text = (value: string | Uint8Array): Uint8Array =>
  typeof value === 'string' ? new TextEncoder().encode(value) : value;
const number = (result: number): number => result;
const boolean = (result: number): boolean => result !== 0;
const string = (result: number): string => new TextDecoder().decode(exports.__getUint8Array(result));

function fields(...values: (string | Uint8Array)[]): Uint8Array {
  return Buffer.concat(
    values.flatMap(value => {
      const length = Buffer.alloc(4);
      const bytes = Buffer.from(text(value));
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}

/** The policy part of `dist/embed.wasm`. */
export const policy = {
  /** Compiles JSON text as it is. */
  compileText(json: string | Uint8Array, asGuest = false): { errors: number; problems: Problem[] } {
    const errors = call('policyCompile', [text(json), asGuest], number);
    return { errors, problems: JSON.parse(call('policyProblems', [], string)) as Problem[] };
  },

  compile(document: PolicyDocument, asGuest = false): Problem[] {
    return this.compileText(JSON.stringify(document), asGuest).problems;
  },

  /** The image compiled last. */
  image: (): Uint8Array => call('policyImage', [], result => exports.__getUint8Array(result)),

  load: (image: Uint8Array): boolean => call('policyLoad', [image], boolean),

  /** Compiles without errors and loads; throws with the problems otherwise. */
  use(document: PolicyDocument): void {
    const errors = this.compile(document).filter(problem => problem.severity === 'error');
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
    if (!this.load(this.image())) throw new Error('the image does not load');
  },

  /** A request as `encodeRequest` of tools/vectors-acl.mjs makes it. */
  authorize: (request: Uint8Array): number => call('vectorAuthorize', [request], number),

  /** Of the request judged last: for each rule the criteria it has and those that hold. */
  explain: (): Uint8Array => call('vectorExplain', [], result => exports.__getUint8Array(result)),

  /** A target as the guest reads it: 0 or a REASON_…, by the policy in use. */
  target: (method: string, scheme: string, host: string | Uint8Array, uri: string | Uint8Array): number =>
    call('targetRead', [fields(method, scheme, host, uri)], number),
  targetHost: (): string => call('targetHost', [], string),
  targetObject: (): string => call('targetObject', [], string),
  targetAmbiguity: (): number => call('targetAmbiguity', [], number),
  reason: (code: number): string => call('targetReason', [code], string),

  verdict: (demanded: number, hasSubjects: boolean, level: number, failed: boolean): number =>
    call('policyVerdict', [demanded, hasSubjects, level, failed], number),

  /** Code and text of each problem there is. */
  problemTexts: (): string[] => call('policyProblemTexts', [], string).trimEnd().split('\n'),

  json: (value: string | Uint8Array): { code: number; at: number } => {
    const result = call('jsonCheck', [text(value)], number);
    return { code: result & 255, at: result >> 8 };
  },
  jsonFind: (value: string, key: string): string => call('jsonFind', [text(value), text(key)], string),

  equalFold: (a: string | Uint8Array, b: string | Uint8Array): boolean =>
    call('foldEqual', [text(a), text(b)], boolean),

  ip: (value: string): string => call('ipCanonical', [text(value)], string),
  networks(list: string[]): { added: boolean[]; size: number } {
    call('networksClear', [], number);
    const added = list.map(cidr => call('networksAdd', [text(cidr)], boolean));
    return { added, size: call('networksSize', [], number) };
  },
  contains: (address: string): boolean => call('networksContain', [text(address)], boolean),
};
