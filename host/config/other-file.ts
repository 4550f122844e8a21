import { FOREIGN_KEYS } from './foreign-keys.ts';
import { POLICY_TREES, SPECIAL_KEYS, VALUE_KEYS } from './keys.ts';

/** Files that are taken for a configuration, by a key at their top. */
const OTHERS: readonly (readonly [key: string, message: string])[] = [
  ['users', 'is a users file, not a configuration: name it in `authentication_backend.file.path`'],
  ['services', 'is a Docker Compose file, not a configuration: name the file with `access_control`'],
  ['entryPoints', "is Traefik's static configuration: name the file with `access_control`"],
  ['providers', "is Traefik's static configuration: name the file with `access_control`"],
  ['http', "is Traefik's dynamic configuration: name the file with `access_control`"],
];

/** What is wrong with a file of another program; undefined for one that has a key of ours or of no such program. */
export function otherFile(root: unknown): string | undefined {
  if (typeof root !== 'object' || root === null) return undefined;
  const keys = Object.keys(root);
  if (keys.some(key => OURS.has(key))) return undefined;
  return OTHERS.find(([key]) => keys.includes(key))?.[1];
}

/** Sections of elastauth's whose names services in a Compose file that lost its indentation have, too. */
const NAMES_OF_SERVICES: readonly string[] = ['authelia', 'proxy'];

const OURS: ReadonlySet<string> = new Set(
  [...Object.keys(VALUE_KEYS), ...POLICY_TREES, ...SPECIAL_KEYS, ...Object.keys(FOREIGN_KEYS)]
    .map(path => path.split('.')[0] ?? path)
    .filter(key => !NAMES_OF_SERVICES.includes(key)),
);
