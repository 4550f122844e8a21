import { readFileSync } from 'node:fs';
import { instantiateSync } from '@assemblyscript/loader';
import {
  AUTHORIZATION_BASIC,
  AUTHORIZATION_NONE,
  AUTHORIZATION_SESSION,
  AUTHORIZATION_TOKEN,
  AUTHORIZATION_TOO_LARGE,
  DENIAL_ADAPTIVE,
  DENIAL_AUTHELIA,
  DENIAL_BASIC,
  DENIAL_JSON,
  DENIAL_REDIRECT,
  DENIAL_STATUS,
  POLICY_BYPASS,
  POLICY_ONE_FACTOR,
  POLICY_TWO_FACTOR,
  VERDICT_ALLOW,
  VERDICT_CHALLENGE,
  VERDICT_FORBID,
} from '../../assembly/contract.ts';
import type { Problem } from '../config/problem.ts';
import { Argument, ModuleMemory } from './arguments.ts';
import { claimsCache } from './claims.ts';
import {
  type Authorization,
  type Compiled,
  CRITERIA,
  DENIALS,
  type Decision,
  type DenialMode,
  type Engine,
  type Explainer,
  type Explanation,
  FORMS,
  type Identity,
  type Policy,
  type PolicyDocument,
  type Principal,
  type Proof,
  type Refusal,
  type Refused,
  type RuleMatch,
  type SessionCookie,
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
  decisionDenial(): number;
  decisionReason(reason: number): number;
  decisionExplain(): number;
  decisionHost(): number;
  decisionBackend(): number;
  decisionObject(): number;
  readAuthorization(value: number): number;
  credentialPair(): number;
  credentialColon(): number;
  forgetCredential(): void;
  readToken(value: number): number;
  readSession(host: number, lines: number): number;
  sessionDomain(): number;
  stripSessions(lines: number): number;
  tokenHeader(): number;
  identityHeaders(host: number, principal: number, own: number): number;
  identityCompile(json: number): number;
  networkSet(list: number): number;
  inNetworkSet(set: number, client: number): number;
  deny(
    fields: number,
    headers: number,
    verdict: number,
    mode: number,
    presented: boolean,
    session: boolean,
  ): number;
  denialText(): number;
  denialForm(): number;
  isTrustedProxy(peer: number): number;
  clientAddress(peer: number, forwardedFor: number): number;
}

/** Of `assembly/policy/layout.ts`. */
const BACKEND_ELASTICSEARCH = 2;
/** Bit of an answer that says the path is not known and asked for; the next one is the method's. */
const MISSING = 1 << 9;

/** Peers whose trust is remembered: proxies, and a few who are none. */
const MAX_PEERS = 64;
/** Clients whose address is remembered, and the longest way to one: some 100 KiB together. */
const MAX_CLIENTS = 512;
const MAX_QUESTION = 128;
const NO_CLAIMS = new Uint8Array(0);

const encoder = new TextEncoder();
/** Every byte counts: a name or a password with a byte order mark in front is another one than without. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Loads the decision engine. The only user of @assemblyscript/loader, whose upstream calls it deprecated. */
export function loadEngine(path: string | URL): Engine & Explainer {
  const { exports, instance } = instantiateSync<Exports>(readFileSync(path), {});
  (exports as unknown as { _initialize(): void })._initialize();
  return createEngine(exports, instance.exports as unknown as Exports);
}

type Module = ReturnType<typeof instantiateSync<Exports>>['exports'];

/** @param own the module's exports as they are; `wasm` has each within another function */
function createEngine(wasm: Module, own: Exports): Engine & Explainer {
  // What requests call is looked for once: the objects are large, and look their names up each time.
  const { decide, decisionPosition, decisionDenial, decisionBackend, clientAddress } = own;
  const { readAuthorization, readToken, credentialPair, credentialColon, forgetCredential } = own;
  const { readSession, sessionDomain, stripSessions } = own;
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

  // What each request asks is written into arrays of its own, which stay.
  const memory = new ModuleMemory(wasm);
  const first = new Argument(memory, 4_096);
  const second = new Argument(memory, 1_024);
  const third = new Argument(memory, 512);
  const claimsOf = claimsCache();
  let trusted = new Map<string, boolean>();
  let clients = new Map<string, string>();
  let tokenHeader: string | undefined;

  const ask = (value: string, read: (array: number) => number): number => {
    const kind = read(first.latin1(value));
    first.wipe(value.length);
    return kind;
  };

  /** The credential read last as text, in parts; neither the module nor what it gave remembers it then. */
  const takeCredential = (colon?: number): string[] => {
    const array = credentialPair();
    const pair = memory.latin1(array);
    memory.wipe(array);
    forgetCredential();
    const parts = colon === undefined ? [pair] : [pair.slice(0, colon), pair.slice(colon + 1)];
    const isAscii = Buffer.byteLength(pair) === pair.length;
    return isAscii ? parts : parts.map(part => decoder.decode(Buffer.from(part, 'latin1')));
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
      trusted = new Map();
      clients = new Map();
      tokenHeader = decoder.decode(bytesAt(wasm.tokenHeader())).toLowerCase() || undefined;
    },

    decide(target: Target, proof: Proof): Decision {
      const claims = proof.kind === 'proved' ? claimsOf(proof.principal) : NO_CLAIMS;
      // Longer than any directory should hold: refused rather than judged by half of it.
      if (claims === undefined) return { verdict: 'forbid', policy: 'deny', position: 0, hasSubjects: false };
      const level = proof.kind === 'proved' ? proof.level : 0;
      const { method, scheme, host, uri, client } = target;
      const fields = first.fields([method, scheme, host, uri, client]);
      const answer = decide(fields, second.bytes(claims), level, proof.kind === 'failed');
      if (answer < 0)
        return { verdict: 'bad-request', reason: decoder.decode(bytesAt(wasm.decisionReason(-answer))) };
      if (answer >= MISSING) {
        const missing = answer === MISSING ? 'path' : 'method';
        return { verdict: 'forbid', policy: 'deny', position: 0, hasSubjects: false, missing };
      }
      const verdict = verdictName(answer & 15);
      const isElastic = verdict === 'allow' && decisionBackend() === BACKEND_ELASTICSEARCH;
      return {
        verdict,
        policy: policyName((answer >> 4) & 15),
        position: decisionPosition(),
        hasSubjects: (answer & 256) !== 0,
        ...((answer & 15) === VERDICT_ALLOW ? {} : { denial: DENIALS[decisionDenial() - 1] }),
        ...(isElastic ? { backend: 'elasticsearch' as const } : {}),
      };
    },

    parseAuthorization(values: readonly string[]): Authorization {
      if (values.length === 0) return { kind: 'none' };
      // RFC 9110 section 5.3: a field that is no list has one line.
      if (values.length > 1) return { kind: 'malformed' };
      const kind = ask(values[0] as string, readAuthorization);
      if (kind === AUTHORIZATION_NONE) return { kind: 'none' };
      if (kind === AUTHORIZATION_TOO_LARGE) return { kind: 'too-large' };
      if (kind === AUTHORIZATION_TOKEN) return { kind: 'token', token: takeCredential()[0] ?? '' };
      if (kind !== AUTHORIZATION_BASIC) return { kind: 'malformed' };
      const [username = '', password = ''] = takeCredential(credentialColon());
      return { kind: 'basic', username, password };
    },

    identity(host: string, principal: Principal | undefined, own = NO_CLAIMS): Identity | undefined {
      const claims = principal === undefined ? NO_CLAIMS : claimsOf(principal);
      if (claims === undefined) return undefined;
      const answer = wasm.identityHeaders(first.latin1(host), second.bytes(claims), third.bytes(own));
      return readIdentity(memory.latin1(answer));
    },

    compileIdentity(templates): Uint8Array {
      const json = encoder.encode(JSON.stringify(templates));
      const block = withBytes([json], pointer => bytesAt(wasm.identityCompile(pointer as number)));
      if (block.length === 0) throw new TypeError('no identity headers');
      return block;
    },

    tokenHeader: () => tokenHeader,

    parseToken(values: readonly string[]): TokenHeader {
      if (values.length === 0) return { kind: 'none' };
      // RFC 9110 section 5.3: a field that is no list has one line.
      if (values.length > 1) return { kind: 'malformed' };
      const kind = ask(values[0] as string, readToken);
      if (kind === AUTHORIZATION_NONE) return { kind: 'none' };
      if (kind !== AUTHORIZATION_TOKEN) return { kind: 'malformed' };
      return { kind: 'token', token: takeCredential()[0] ?? '' };
    },

    sessionCookie(host: string, lines: readonly string[]): SessionCookie {
      if (lines.length === 0) return { kind: 'none' };
      const text = withNuls(lines);
      const kind = readSession(first.latin1(host), second.latin1(text));
      second.wipe(text.length);
      if (kind === AUTHORIZATION_TOO_LARGE) return { kind: 'too-large' };
      if (kind !== AUTHORIZATION_SESSION) return { kind: 'none' };
      const domain = memory.latin1(sessionDomain());
      return { kind: 'session', domain, token: takeCredential()[0] ?? '' };
    },

    withoutSessionCookies(lines: readonly string[]): readonly string[] {
      if (lines.length === 0) return lines;
      const text = withNuls(lines);
      const array = stripSessions(first.latin1(text));
      first.wipe(text.length);
      const left = memory.latin1(array);
      memory.wipe(array);
      return left === text ? lines : left.split('\0').slice(0, -1);
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

    deny(refusal: Refusal): Refused {
      const { method, scheme, host, uri, realm, signIn, headers } = refusal;
      const fields = first.fields([method, scheme, host, uri, realm, signIn]);
      let lines = '';
      for (const [name, value] of headers) lines += `${name}\0${value}\0`;
      const verdict = refusal.verdict === 'challenge' ? VERDICT_CHALLENGE : VERDICT_FORBID;
      const mode = DENIAL_CODES[refusal.mode];
      const { presented, session = false } = refusal;
      const status = wasm.deny(fields, second.latin1(lines), verdict, mode, presented, session);
      if (status === 0) throw new RangeError('a refusal is too long');
      return {
        status,
        form: FORMS[wasm.denialForm()] ?? 'status',
        ...takeApart(memory.latin1(wasm.denialText())),
      };
    },

    isTrustedProxy(address: string): boolean {
      const known = trusted.get(address);
      if (known !== undefined) return known;
      const answer = wasm.isTrustedProxy(first.latin1(address)) !== 0;
      if (trusted.size >= MAX_PEERS) trusted = new Map();
      trusted.set(address, answer);
      return answer;
    },

    clientAddress(peer: string, forwardedFor: string | undefined): string {
      // As the engine is given it; without any it is another question than with an empty one.
      const values = forwardedFor === undefined ? '' : `${forwardedFor}\0`;
      const question = `${peer} ${values}`;
      const known = clients.get(question);
      if (known !== undefined) return known;
      const answer = memory.latin1(clientAddress(first.latin1(peer), second.latin1(values)));
      if (clients.size >= MAX_CLIENTS) clients = new Map();
      if (question.length <= MAX_QUESTION) clients.set(question, answer);
      return answer;
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

/** Lines as the engine takes them; a NUL within one, which no HTTP has, would be another line's. */
function withNuls(lines: readonly string[]): string {
  return lines.map(line => `${line.replaceAll('\0', ' ')}\0`).join('');
}

const LEFT_OUT = ['group', 'display name', 'mail address'] as const;

/** What `identityHeaders` of `assembly/embed.ts` answers. */
function readIdentity(bytes: string): Identity | undefined {
  if (bytes === '') return undefined;
  const untold = bytes.charCodeAt(0);
  if ((untold & 1) !== 0) return undefined;
  const headers: [string, string][] = [];
  let at = 1;
  const next = (): string => {
    const start = at + 2;
    at = start + bytes.charCodeAt(at) + 256 * bytes.charCodeAt(at + 1);
    return bytes.slice(start, at);
  };
  while (at < bytes.length) headers.push([next(), next()]);
  return { headers, leftOut: LEFT_OUT.filter((_, i) => (untold & (2 << i)) !== 0) };
}

/** @param has bits of the criteria the rule has @param holds bits of those that hold */
function ruleMatch(has: number, holds: number): RuleMatch {
  const bits = CRITERIA.map((name, bit) => [name, 1 << bit] as const);
  return Object.fromEntries(
    bits.filter(([, bit]) => (has & bit) !== 0).map(([name, bit]) => [name, (holds & bit) !== 0]),
  );
}

const DENIAL_CODES: Readonly<Record<DenialMode, number>> = {
  authelia: DENIAL_AUTHELIA,
  adaptive: DENIAL_ADAPTIVE,
  redirect: DENIAL_REDIRECT,
  json: DENIAL_JSON,
  basic: DENIAL_BASIC,
  status: DENIAL_STATUS,
};

/** Name, NUL, value, NUL of each header, NUL, and the body. */
function takeApart(text: string): Pick<Refused, 'headers' | 'body'> {
  const headers: [string, string][] = [];
  let rest = text;
  while (!rest.startsWith('\0')) {
    const [name = '', value = ''] = rest.split('\0', 2);
    headers.push([name, value]);
    rest = rest.slice(name.length + value.length + 2);
  }
  return { headers, body: rest.slice(1) };
}

function verdictName(code: number): 'allow' | 'challenge' | 'forbid' {
  return code === VERDICT_ALLOW ? 'allow' : code === VERDICT_CHALLENGE ? 'challenge' : 'forbid';
}

function policyName(code: number): Policy {
  if (code === POLICY_BYPASS) return 'bypass';
  if (code === POLICY_ONE_FACTOR) return 'one_factor';
  return code === POLICY_TWO_FACTOR ? 'two_factor' : 'deny';
}
