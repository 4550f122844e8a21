import type { Probe } from './probe.ts';
import type { LintRule } from './rules.ts';
import { holdsExpression, type Shaped } from './simple-expression.ts';

/**
 * Whether the outer rule's criteria other than its domain hold for every request
 * for which the inner rule's do. False when that cannot be told.
 */
export function coversCriteria(outer: LintRule, inner: LintRule, probe: Probe): boolean {
  return (
    !outer.opaque &&
    coversMethods(outer.methods, inner.methods) &&
    coversLists(outer.subjects, inner.subjects) &&
    coversLists(outer.query, inner.query) &&
    coversResources(outer.paths, inner.paths, probe) &&
    coversNetworks(outer.networks, inner.networks, probe)
  );
}

function coversMethods(outer?: readonly string[], inner?: readonly string[]): boolean {
  return outer === undefined || inner?.every(method => outer.includes(method)) === true;
}

/** Of two ORs of ANDs: each AND of the inner one holds at least what some AND of the outer one asks for. */
function coversLists(
  outer: readonly (readonly string[])[] | undefined,
  inner: readonly (readonly string[])[] | undefined,
): boolean {
  if (outer === undefined) return true;
  return inner?.every(all => outer.some(wanted => wanted.every(item => all.includes(item)))) === true;
}

function coversResources(
  outer: readonly Shaped[] | undefined,
  inner: readonly Shaped[] | undefined,
  probe: Probe,
): boolean {
  if (outer === undefined) return true;
  return inner?.every(one => outer.some(other => holdsExpression(other, one, probe))) === true;
}

function coversNetworks(
  outer: readonly string[] | undefined,
  inner: readonly string[] | undefined,
  probe: Probe,
): boolean {
  if (outer === undefined) return true;
  if (inner === undefined) return false;
  return inner.every(network => outer.includes(network)) || probe.holdsNetworks(outer, inner);
}
