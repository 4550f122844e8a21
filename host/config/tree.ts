import { isSwitchedOff } from './authelia.ts';
import { FOREIGN_KEYS, FOREIGN_NAMES } from './foreign-keys.ts';
import { isValueKey, POLICY_TREES, SPECIAL_KEYS, VALUE_KEYS } from './keys.ts';
import { isMapping } from './mapping.ts';
import { didYouMean } from './suggest.ts';
import { shown } from './values.ts';

export { isMapping } from './mapping.ts';

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
        else if (foreign.kind === 'moved') {
          if (value !== null) values.set(path, value);
        } else if (!isSwitchedOff(value)) report('config.refused', path, foreign.message);
        if (SPECIAL_KEYS.includes(path) && value !== null) values.set(path, value);
        if (hasBelow(path) || foreignNames(path) !== undefined) walkForeign(value, path);
      } else if (POLICY_TREES.includes(path) || SPECIAL_KEYS.includes(path) || isValueKey(path)) {
        // A key without a value is as good as absent.
        if (value !== null) values.set(path, value);
        if (hasNames(path)) walkForeign(value, path);
      } else if (!hasBelow(path)) {
        report('config.unknown-key', path, `unknown key${advice(mapping, parent, key)}`);
      } else if (isMapping(value)) {
        walk(value, path);
      } else if (value !== null) {
        report('config.shape', path, `must be a mapping, got ${shown(value)}`);
      }
    }
  }

  /** Below a key that is not used, or read in its own way, only what is misspelt, wrong or secret is worth a word. */
  function walkForeign(value: unknown, parent: string): void {
    if (Array.isArray(value)) {
      for (const [i, entry] of value.entries()) walkForeign(entry, `${parent}[${i}]`);
    }
    if (!isMapping(value)) return;
    const names = foreignNames(parent);
    for (const [key, inner] of Object.entries(value)) {
      const path = `${parent}.${key}`;
      const foreign = foreignKey(path);
      if (foreign?.kind === 'unused') report('config.unused', path, foreign.message, 'warning');
      else if (foreign !== undefined) {
        if (!isSwitchedOff(inner)) report('config.refused', path, foreign.message);
      } else if (names !== undefined && !names.includes(key) && !hasBelow(path)) {
        report('config.unknown-key', path, `unknown key${didYouMean(key, names)}`);
      }
      // Some of what is not used as a whole is: where people sign in, of all that is said about sessions.
      if (SPECIAL_KEYS.includes(path) && inner !== null) values.set(path, inner);
      walkForeign(inner, path);
    }
  }
}

/** Names that may stand below a foreign key; undefined where that is not looked at. */
function foreignNames(path: string): readonly string[] | undefined {
  const key = path.replaceAll(/\[\d+\]/g, '[]');
  return Object.hasOwn(FOREIGN_NAMES, key) ? FOREIGN_NAMES[key]?.split(' ') : undefined;
}

/** Whether it is known what may stand below the key, or in the entries of its list. */
function hasNames(path: string): boolean {
  return foreignNames(path) !== undefined || foreignNames(`${path}[]`) !== undefined;
}

/** A key that follows an empty one it belongs to has lost its indentation; else it may be misspelt. */
function advice(mapping: Readonly<Record<string, unknown>>, parent: string, key: string): string {
  const names = Object.keys(mapping);
  const before = names.slice(0, names.indexOf(key)).findLast(name => mapping[name] === null);
  if (before !== undefined) {
    const path = parent === '' ? before : `${parent}.${before}`;
    if (siblings(path).has(key) || foreignNames(path)?.includes(key)) {
      return ` here: it belongs below \`${path}\`, so indent it by two blanks more than that`;
    }
  }
  return didYouMean(key, siblings(parent));
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
