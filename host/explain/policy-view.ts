import { readFileSync } from 'node:fs';
import type { Environment } from '../config/environment.ts';
import { loadPolicy } from '../config/load-policy.ts';
import type { Criterion, Decision, Engine, Explainer, Explanation, Proof, Target } from '../policy/engine.ts';
import { foldAscii } from '../users/names.ts';
import { type Accounts, type FoundAccount, openAccounts } from './accounts.ts';

/** A rule as it stands in the file, for showing. */
export interface RuleView {
  /** From 1. */
  readonly position: number;
  /** `postern.yml:12`. */
  readonly at: string;
  readonly file: string;
  /** From 1; undefined where the file does not say. */
  readonly line: number | undefined;
  readonly policy: string;
  /** What is written under a criterion's key. */
  readonly written: Readonly<Partial<Record<Criterion, unknown>>>;
}

export interface PolicyViewOptions {
  readonly env: Environment;
  readonly createEngine: () => Engine & Explainer;
  readonly readFile?: (file: string) => Uint8Array;
}

/** A policy that can be asked, with the places of its rules and the users it is for. */
export interface PolicyView {
  readonly file: string;
  readonly rules: readonly RuleView[];
  /** What answers when no rule matches; its position is 0. */
  readonly fallback: RuleView;
  decide(target: Target, proof: Proof): Decision;
  explain(target: Target, proof: Proof): Explanation;
  /** Who has that name in the files of users and tokens. Throws `ConfigError` when one cannot be used. */
  findAccount(name: string): FoundAccount | undefined;
  /** For suggestions. */
  accountNames(): readonly string[];
  /** Undefined when the configuration names none. */
  readonly usersFile: string | undefined;
  /** A user name as the service would have it. */
  foldName(name: string): string;
}

/** Throws `ConfigError` for a policy that does not load. */
export function openPolicy(file: string, options: PolicyViewOptions): PolicyView {
  const engine = options.createEngine();
  const readFile = options.readFile ?? readFileSync;
  const loaded = loadPolicy(file, { env: options.env, engine, readFile });
  engine.load(loaded.image);
  const { usersFile, usersSearch } = loaded;

  const view = (position: number, path: string, policy: unknown, written: RuleView['written']): RuleView => {
    const place = loaded.locate({ code: '', severity: 'error', path, message: '' });
    const { line } = place;
    const at = place.file === undefined ? place.path : line === undefined ? file : `${file}:${line}`;
    return { position, at, file: place.file ?? file, line, policy: String(policy), written };
  };
  const access = asMapping(loaded.document.access_control);
  const rules = (Array.isArray(access.rules) ? access.rules : []).map((raw: unknown, i) => {
    const rule = asMapping(raw);
    return view(i + 1, `access_control.rules[${i}]`, rule.policy ?? 'deny', criteriaOf(rule));
  });

  let accounts: Accounts | undefined;
  const readAccounts = (): Accounts => {
    accounts ??= openAccounts(loaded, { engine, readFile });
    return accounts;
  };

  return {
    file,
    rules,
    fallback: view(0, 'access_control.default_policy', access.default_policy ?? 'deny', {}),
    decide: (target, proof) => engine.decide(target, proof),
    explain: (target, proof) => engine.explain(target, proof),
    findAccount: name => readAccounts().find(name),
    accountNames: () => readAccounts().names,
    usersFile,
    foldName: name => (usersSearch.caseInsensitive ? foldAscii(name) : name),
  };
}

function criteriaOf(rule: Readonly<Record<string, unknown>>): RuleView['written'] {
  const { domain, domain_regex, methods, networks, subject, resources, query } = rule;
  const domains = [domain, domain_regex].filter(value => value !== undefined).flat();
  return { domain: domains, methods, networks, subject, resources, query };
}

function asMapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
