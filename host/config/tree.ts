import { FOREIGN_KEYS, isSwitchedOff } from './authelia.ts';
import { isValueKey, POLICY_TREES, SPECIAL_KEYS, VALUE_KEYS } from './keys.ts';
import { didYouMean } from './suggest.ts';
import { shown } from './values.ts';

export type Report = (code: string, path: string, message: string, severity?: 'error' | 'warning') => void;

/** Raw values of the YAML tree by path: of value keys, policy trees and special keys. */
export function collectValues(root: unknown, report: Report): Map<string, unknown> {
  const values = new Map<string, unknown>();
  if (root === null || root === undefined) return values;
  if (!isMapping(root)) {
    report('config.shape', '', 'must be a mapping: write `key: value` lines');
    return values;
  }
  walk(root, '');
  return values;

  function walk(mapping: Readonly<Record<string, unknown>>, parent: string): void {
    for (const [key, value] of Object.entries(mapping)) {
      const path = parent === '' ? key : `${parent}.${key}`;
      const foreign = foreignKey(path);
      if (foreign !== undefined) {
        if (foreign.kind === 'unused') report('config.unused', path, foreign.message, 'warning');
        else if (!isSwitchedOff(value)) report('config.refused', path, foreign.message);
        if (isMapping(value) && hasBelow(path)) walkForeign(value, path);
      } else if (POLICY_TREES.includes(path) || SPECIAL_KEYS.includes(path) || isValueKey(path)) {
        // A key without a value is as good as absent.
        if (value !== null) values.set(path, value);
      } else if (!hasBelow(path)) {
        report('config.unknown-key', path, `unknown key${didYouMean(key, siblings(parent))}`);
      } else if (isMapping(value)) {
        walk(value, path);
      } else if (value !== null) {
        report('config.shape', path, `must be a mapping, got ${shown(value)}`);
      }
    }
  }

  /** Below a key that is not used only what is wrong or secret is worth a word. */
  function walkForeign(mapping: Readonly<Record<string, unknown>>, parent: string): void {
    for (const [key, value] of Object.entries(mapping)) {
      const path = `${parent}.${key}`;
      const foreign = foreignKey(path);
      if (foreign?.kind === 'unused') report('config.unused', path, foreign.message, 'warning');
      else if (foreign !== undefined) report('config.refused', path, foreign.message);
      if (isMapping(value)) walkForeign(value, path);
    }
  }
}

const ALL_PATHS: readonly string[] = [
  ...Object.keys(VALUE_KEYS),
  ...POLICY_TREES,
  ...SPECIAL_KEYS,
  ...Object.keys(FOREIGN_KEYS),
];

function foreignKey(path: string) {
  return Object.hasOwn(FOREIGN_KEYS, path) ? FOREIGN_KEYS[path] : undefined;
}

function hasBelow(path: string): boolean {
  return ALL_PATHS.some(known => known.startsWith(`${path}.`));
}

/** Names of keys that may stand below `parent`. */
function siblings(parent: string): Set<string> {
  const prefix = parent === '' ? '' : `${parent}.`;
  const names = ALL_PATHS.filter(path => path.startsWith(prefix)).map(path => path.slice(prefix.length));
  return new Set(names.map(name => name.split('.')[0] ?? name));
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
