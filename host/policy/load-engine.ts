import { readFileSync } from 'node:fs';
import { instantiateSync } from '@assemblyscript/loader';
import {
  AUTHORIZATION_BASIC,
  AUTHORIZATION_NONE,
  AUTHORIZATION_TOKEN,
  AUTHORIZATION_TOO_LARGE,
  POLICY_BYPASS,
  POLICY_ONE_FACTOR,
  POLICY_TWO_FACTOR,
  VERDICT_ALLOW,
  VERDICT_CHALLENGE,
} from '../../assembly/contract.ts';
import type { Problem } from '../config/problem.ts';
import { encodeClaims } from './claims.ts';
import {
  type Authorization,
  type Compiled,
  CRITERIA,
  type Decision,
  type Engine,
  type Explainer,
  type Explanation,
  type Policy,
  type PolicyDocument,
  type Proof,
  type RuleMatch,
  type Target,
  type TokenHeader,
} from './engine.ts';

/** What `dist/embed.wasm` exports, pointers into its memory being numbers. */
interface Exports {
  [name: string]: unknown;
  Uint8Array_ID: { readonly value: number };
  policyCompile(json: number, asGuest: boolean): number;
  policyImage(): number;
  policyProblems(): number;
  policyLoad(image: number): number;
  decide(fields: number, principal: number, level: number, failed: boolean): number;
  decisionPosition(): number;
  decisionReason(reason: number): number;
  decisionExplain(): number;
  decisionHost(): number;
  decisionObject(): number;
  readAuthorization(value: number): number;
  credentialPair(): number;
  credentialColon(): number;
  forgetCredential(): void;
  readToken(value: number): number;
  tokenHeader(): number;
  networkSet(list: number): number;
  inNetworkSet(set: number, client: number): number;
  isTrustedProxy(peer: number): number;
  clientAddress(peer: number, forwardedFor: number): number;
}

/** Bit of an answer that says the path is not known and asked for; the next one is the method's. */
const MISSING = 1 << 9;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Loads the decision engine. The only user of @assemblyscript/loader, whose upstream calls it deprecated. */
export function loadEngine(path: string | URL): Engine & Explainer {
  const { exports } = instantiateSync<Exports>(readFileSync(path), {});
  (exports as unknown as { _initialize(): void })._initialize();
  return createEngine(exports);
}

type Module = ReturnType<typeof instantiateSync<Exports>>['exports'];

function createEngine(wasm: Module): Engine & Explainer {
  const arrayType = wasm.Uint8Array_ID.value;

  /** Runs `use` with pointers to copies of the arrays, which it frees behind it. */
  function withBytes<T>(arrays: readonly Uint8Array[], use: (...pointers: number[]) => T): T {
    const pointers = arrays.map(bytes =>
      wasm.__pin(wasm.__newArray(arrayType, bytes as unknown as number[])),
    );
    try {
      return use(...pointers);
    } finally {
      for (const pointer of pointers) wasm.__unpin(pointer);
      wasm.__collect();
    }
  }

  const bytesAt = (pointer: number): Uint8Array => wasm.__getUint8Array(pointer);

  /** The bytes of the credential read last, which the module then forgets. */
  const takeCredential = (): Uint8Array => {
    const bytes = bytesAt(wasm.credentialPair());
    wasm.forgetCredential();
    wasm.__collect();
    return bytes;
  };

  const engine: Engine & Explainer = {
    compile(document: PolicyDocument): Compiled {
      return withBytes([encoder.encode(JSON.stringify(document))], json => {
        const errors = wasm.policyCompile(json, false);
        const problems = JSON.parse(decoder.decode(bytesAt(wasm.policyProblems()))) as Problem[];
        if (errors > 0) return { ok: false, problems };
        return { ok: true, image: bytesAt(wasm.policyImage()), warnings: problems };
      });
    },

    load(image: Uint8Array): void {
      if (withBytes([image], pointer => wasm.policyLoad(pointer)) === 0)
        throw new TypeError('not a policy image');
    },

    decide(target: Target, proof: Proof): Decision {
      const fields = joinFields([target.method, target.scheme, target.host, target.uri, target.client]);
      const claims = proof.kind === 'proved' ? encodeClaims(proof.principal, '') : new Uint8Array(0);
      // Longer than any directory should hold: refused rather than judged by half of it.
      if (claims === undefined) return { verdict: 'forbid', policy: 'deny', position: 0, hasSubjects: false };
      const level = proof.kind === 'proved' ? proof.level : 0;
      return withBytes([fields, claims], (a, b) => {
        const answer = wasm.decide(a as number, b as number, level, proof.kind === 'failed');
        if (answer < 0)
          return { verdict: 'bad-request', reason: wasm.__getString(wasm.decisionReason(-answer)) };
        if (answer >= MISSING) {
          const missing = answer === MISSING ? 'path' : 'method';
          return { verdict: 'forbid', policy: 'deny', position: 0, hasSubjects: false, missing };
        }
        return {
          verdict: verdictName(answer & 15),
          policy: policyName((answer >> 4) & 15),
          position: wasm.decisionPosition(),
          hasSubjects: (answer & 256) !== 0,
        };
      });
    },

    parseAuthorization(values: readonly string[]): Authorization {
      if (values.length === 0) return { kind: 'none' };
      // RFC 9110 section 5.3: a field that is no list has one line.
      if (values.length > 1) return { kind: 'malformed' };
      const bytes = Buffer.from(values[0] as string, 'latin1');
      const kind = withBytes([bytes], value => wasm.readAuthorization(value));
      if (kind === AUTHORIZATION_NONE) return { kind: 'none' };
      if (kind === AUTHORIZATION_TOO_LARGE) return { kind: 'too-large' };
      if (kind === AUTHORIZATION_TOKEN) return { kind: 'token', token: decoder.decode(takeCredential()) };
      if (kind !== AUTHORIZATION_BASIC) return { kind: 'malformed' };
      const colon = wasm.credentialColon();
      const pair = takeCredential();
      return {
        kind: 'basic',
        username: decoder.decode(pair.subarray(0, colon)),
        password: decoder.decode(pair.subarray(colon + 1)),
      };
    },

    tokenHeader(): string | undefined {
      const name = decoder.decode(bytesAt(wasm.tokenHeader())).toLowerCase();
      return name === '' ? undefined : name;
    },

    parseToken(values: readonly string[]): TokenHeader {
      if (values.length === 0) return { kind: 'none' };
      // RFC 9110 section 5.3: a field that is no list has one line.
      if (values.length > 1) return { kind: 'malformed' };
      const kind = withBytes([Buffer.from(values[0] as string, 'latin1')], value =>
        wasm.readToken(value as number),
      );
      if (kind === AUTHORIZATION_NONE) return { kind: 'none' };
      if (kind !== AUTHORIZATION_TOKEN) return { kind: 'malformed' };
      return { kind: 'token', token: decoder.decode(takeCredential()) };
    },

    compileNetworks(networks: readonly string[]): Uint8Array | undefined {
      if (networks.some(network => network.includes('\0'))) return undefined;
      const list = encoder.encode(networks.map(network => `${network}\0`).join(''));
      const set = withBytes([list], pointer => bytesAt(wasm.networkSet(pointer as number)));
      return set.length === 0 ? undefined : set;
    },

    inNetworks(networks: Uint8Array, client: string): boolean {
      return withBytes(
        [networks, encoder.encode(client)],
        (a, b) => wasm.inNetworkSet(a as number, b as number) !== 0,
      );
    },

    isTrustedProxy(address: string): boolean {
      return withBytes([encoder.encode(address)], peer => wasm.isTrustedProxy(peer) !== 0);
    },

    clientAddress(peer: string, forwardedFor: string | undefined): string {
      const values = forwardedFor === undefined ? new Uint8Array(0) : encoder.encode(`${forwardedFor}\0`);
      return withBytes([encoder.encode(peer), values], (a, b) =>
        decoder.decode(bytesAt(wasm.clientAddress(a as number, b as number))),
      );
    },

    explain(target: Target, proof: Proof): Explanation {
      const decision = engine.decide(target, proof);
      // A target that is refused meets no rules.
      if (decision.verdict === 'bad-request') return { decision, host: '', object: '', rules: [] };
      const pairs = bytesAt(wasm.decisionExplain());
      const host = decoder.decode(bytesAt(wasm.decisionHost()));
      const object = decoder.decode(bytesAt(wasm.decisionObject()));
      wasm.__collect();
      const rules = Array.from({ length: pairs.length / 2 }, (_, i) =>
        ruleMatch(pairs[2 * i] ?? 0, pairs[2 * i + 1] ?? 0),
      );
      return { decision, host, object, rules };
    },
  };
  return engine;
}

/** @param has bits of the criteria the rule has @param holds bits of those that hold */
function ruleMatch(has: number, holds: number): RuleMatch {
  const bits = CRITERIA.map((name, bit) => [name, 1 << bit] as const);
  return Object.fromEntries(
    bits.filter(([, bit]) => (has & bit) !== 0).map(([name, bit]) => [name, (holds & bit) !== 0]),
  );
}

function verdictName(code: number): 'allow' | 'challenge' | 'forbid' {
  return code === VERDICT_ALLOW ? 'allow' : code === VERDICT_CHALLENGE ? 'challenge' : 'forbid';
}

function policyName(code: number): Policy {
  if (code === POLICY_BYPASS) return 'bypass';
  if (code === POLICY_ONE_FACTOR) return 'one_factor';
  return code === POLICY_TWO_FACTOR ? 'two_factor' : 'deny';
}

/** Each value behind its u32 length; strings hold one byte a character, as node's headers do. */
function joinFields(values: readonly string[]): Uint8Array {
  return Buffer.concat(
    values.flatMap(value => {
      const bytes = Buffer.from(value, 'latin1');
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}
