import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configTree } from '../../host/config/key-tree.ts';
import { reindent } from '../../host/config/reindent.ts';
import { yamlBlocks } from '../support/yaml-blocks.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const examples = readdirSync(join(root, 'examples'))
  .filter(name => name.endsWith('.yml') && !/\.test\.yml$|^(users|tokens)/.test(name))
  .map(name => ({ name, text: readFileSync(join(root, 'examples', name), 'utf8') }));
const documented = yamlBlocks(root)
  .filter(({ kind }) => kind === 'config')
  .map(({ file, line, text }) => ({ name: `${file}:${line}`, text }));
const authelia = ['configuration.yml', 'old-keys.yml'].map(name => ({
  name,
  text: readFileSync(join(root, 'test/cases/validate', name), 'utf8'),
}));
const good = [...examples, ...documented, ...authelia];

/** The lines of a file that are neither empty nor comments. */
const contentLines = (text: string) =>
  text.split('\n').flatMap((line, i) => (/^\s*(#.*)?$/.test(line) ? [] : [i]));

describe('lines are put below the keys they belong to', () => {
  it.each(good)('a good file stays as it is: $name', ({ text }) => {
    expect(reindent(text, configTree())).toBe(text);
  });

  it.each(good)('a file without any indentation means the same again: $name', ({ text }) => {
    const flat = text.replaceAll(/^[ ]+/gm, '');
    expect(flat).not.toBe(text);
    const right = reindent(flat, configTree());
    expect(right && parse(right)).toEqual(parse(text));
  });

  it.each(good)('one line that slipped is put back, or the file is given up: $name', ({ text }) => {
    const lines = text.split('\n');
    let restored = 0;
    for (const i of contentLines(text)) {
      const line = lines[i] ?? '';
      for (const slipped of [` ${line}`, `   ${line}`, line.replace(/^ /, ''), line.replace(/^ {2}/, '')]) {
        const broken = lines.with(i, slipped).join('\n');
        const right = reindent(broken, configTree());
        if (right !== undefined && right !== broken) restored++;
        // Whatever is guessed is YAML again, or told to be none by who asked.
        if (right !== undefined) expect(right.split('\n')).toHaveLength(lines.length);
      }
    }
    expect(restored).toBeGreaterThan(0);
  });

  it.each([
    ['a block scalar', 'realm: |\n  x\nlog:\nlevel: info\n'],
    ['a bracket over several lines', 'trusted_proxies: [\n10.0.0.1\n]\n'],
    ['a text over several lines', "realm: 'a\nb'\n"],
    ['no mapping', 'hello\n'],
  ])('gives up %s', (_name, text) => {
    expect(reindent(text, configTree())).toBeUndefined();
  });
});
