import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

/** CONTRIBUTING.md tells newcomers where things are: it has to stay true. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');
const folders = (tree: string) =>
  readdirSync(join(root, tree), { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(({ name }) => name)
    .sort();

/** Folders in the first column of the table that `title` heads. */
function listed(title: string): string[] {
  const table = page.split(`| ${title} |`)[1]?.split('\n\n')[0] ?? '';
  const rows = [...table.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell = '']) => cell);
  return rows.flatMap(cell => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string));
}

describe('CONTRIBUTING.md', () => {
  it.each(['assembly', 'host'])('names each folder of %s once', tree => {
    const names = listed(`folder of \`${tree}/\``);
    expect(names.filter(name => !name.endsWith('.ts')).sort()).toEqual(folders(tree));
    for (const name of names) expect(existsSync(join(root, tree, name))).toBe(true);
  });

  it('names files and folders that exist', () => {
    const paths = [...page.matchAll(/`((?:assembly|host|test|\.ci)\/[\w./-]+)`/g)].map(
      ([, path]) => path as string,
    );
    expect(paths.length).toBeGreaterThan(8);
    expect(paths.filter(path => !existsSync(join(root, path)))).toEqual([]);
  });

  it('names scripts that exist', () => {
    const scripts = [...page.matchAll(/npm run (\w+)/g)].map(([, name]) => name as string);
    expect(scripts.length).toBeGreaterThan(7);
    expect(scripts.filter(name => !(name in packageJson.scripts))).toEqual([]);
  });
});
