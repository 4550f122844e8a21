import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export interface YamlBlock {
  readonly file: string;
  /** Of the block's first line in the document, from 1. */
  readonly line: number;
  /** Name behind the fence, if there is one. */
  readonly name: string | undefined;
  readonly text: string;
  /** What it is by its keys: a whole or part of a configuration, a users file, or something else. */
  readonly kind: 'config' | 'users' | 'other';
}

/** Every YAML block of README.md and of the pages in docs/. */
export function yamlBlocks(root: string): YamlBlock[] {
  const pages = readdirSync(join(root, 'docs')).filter(name => name.endsWith('.md'));
  return ['README.md', ...pages.map(name => `docs/${name}`)].flatMap(file => {
    const page = readFileSync(join(root, file), 'utf8');
    return [...page.matchAll(/^```ya?ml(?:[ {]+(\S+))?[^\n]*\n([\s\S]*?)^```$/gm)].map(match => {
      const text = match[2] ?? '';
      const line = page.slice(0, match.index).split('\n').length + 1;
      const isPart = match[1]?.startsWith('examples/') === true;
      return { file, line, name: match[1], text, kind: isPart ? 'other' : kindOf(text) };
    });
  });
}

/** Keys at the top of files that are no configurations: Traefik's, Compose's, Kubernetes', policy tests', tokens'. */
const OTHERS =
  /^(http|tcp|entryPoints|providers|experimental|services|apiVersion|kind|requests|tests|policy|nginx|tokens)$/;

function kindOf(text: string): YamlBlock['kind'] {
  const value: unknown = parse(text);
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  if (keys.includes('users')) return 'users';
  if (keys.length === 0 || Array.isArray(value)) return 'other';
  const isTokensFile = keys.join() === 'tokens' && !/^ {2}(file|header|bearer|usage_file):/m.test(text);
  return keys.some(key => key !== 'tokens' && OTHERS.test(key)) || isTokensFile ? 'other' : 'config';
}
