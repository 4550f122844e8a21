import type { Problem } from '../config/problem.ts';
import type { Engine, Explainer, PolicyDocument } from '../policy/engine.ts';
import { hiddenDeny } from './hidden-deny.ts';
import { impossible } from './impossible.ts';
import { neverMatches } from './never-matches.ts';
import { openBypass } from './open-bypass.ts';
import { Probe } from './probe.ts';
import { readRules } from './rules.ts';
import { findShadows } from './shadows.ts';
import { swallowedDomain } from './swallowed-domain.ts';
import type { Lint } from './warning.ts';

const LINTS: readonly Lint[] = [impossible, neverMatches, hiddenDeny, swallowedDomain, openBypass];

/**
 * Warnings about rules that compile and yet say something else than was meant.
 * What patterns match is asked of the engine, which must be one of its own: it
 * holds other policies while it is asked.
 *
 * @param lineOf the line of a path, where the policy comes from a file
 */
export function lintPolicy(
  document: PolicyDocument,
  engine: Engine & Explainer,
  lineOf: (path: string) => number | undefined,
): readonly Problem[] {
  const rules = readRules(document);
  const probe = new Probe(engine, document);
  const view = {
    rules,
    shadowed: findShadows(rules, probe),
    probe,
    name: ({ position, path }: { position: number; path: string }) => {
      const line = lineOf(path);
      return `rule #${position}${line === undefined ? '' : ` (line ${line})`}`;
    },
  };
  return LINTS.flatMap(lint => lint(view));
}

/** Rules that are looked through while requests wait: a tenth of a second on a busy machine. */
const MAX_LIVE_RULES = 200;

/** Whether a running service may take the time. */
export function isQuick(document: PolicyDocument): boolean {
  return readRules(document).length <= MAX_LIVE_RULES;
}

/** `lintPolicy` with one engine for all times: made when first needed, and again after a mistake of ours broke it. */
export function lintWith(
  createEngine: () => Engine & Explainer,
): (document: PolicyDocument, lineOf: (path: string) => number | undefined) => readonly Problem[] {
  let engine: (Engine & Explainer) | undefined;
  return (document, lineOf) => {
    const mine = engine ?? createEngine();
    engine = undefined;
    const found = lintPolicy(document, mine, lineOf);
    engine = mine;
    return found;
  };
}
