import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * An example as it is shipped, with its ports, paths and names put in place.
 * Each text to replace must stand there: an example that changed is not tested
 * with something else than it says.
 */
export function exampleFile(path: string, replacements: Readonly<Record<string, string>>): string {
  return substitute(readFileSync(join(root, 'examples', path), 'utf8'), replacements, path);
}

export function substitute(
  text: string,
  replacements: Readonly<Record<string, string>>,
  what = 'the text',
): string {
  let result = text;
  for (const [from, to] of Object.entries(replacements)) {
    if (!result.includes(from)) throw new Error(`${what} does not hold ${JSON.stringify(from)}`);
    result = result.replaceAll(from, to);
  }
  return result;
}
