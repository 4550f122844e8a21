import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/**
 * Which rooms may import from which. `contract.ts` is open to all. Files at the
 * top of a tree are rooms of their own.
 */
const ASSEMBLY: Record<string, readonly string[]> = {
  'guest.ts': ['abi', 'gate', 'snapshot', 'bytes', 'regexp'],
  'embed.ts': ['gate', 'snapshot', 'policy', 'grant', 'crypto', 'http', 'net', 'regexp', 'bytes', 'abi'],
  'contract.ts': [],
  abi: ['bytes'],
  gate: ['snapshot', 'policy', 'grant', 'http', 'crypto', 'net', 'bytes'],
  snapshot: ['policy', 'regexp', 'net', 'http', 'crypto', 'bytes'],
  policy: ['regexp', 'net', 'http', 'bytes'],
  grant: ['crypto', 'net', 'bytes'],
  http: ['net', 'bytes'],
  net: ['bytes'],
  regexp: ['bytes'],
  crypto: ['bytes'],
  bytes: [],
};

const HOST: Record<string, readonly string[]> = {
  'main.ts': ['app.ts', 'cli', 'log', 'config'],
  'app.ts': ['*'],
  'app-credentials.ts': ['*'],
  'app-portal.ts': ['*'],
  'clock.ts': [],
  'directories.ts': ['log'],
  cli: ['*'],
  demo: ['cli', 'proxy', 'secret'],
  doctor: ['cli', 'config', 'log', 'policy', 'routes', 'secret', 'snapshot'],
  explain: ['config', 'log', 'policy', 'tokens', 'users'],
  'policy-test': ['config', 'explain', 'log', 'policy', 'users'],
  routes: [
    'authn',
    'cache',
    'clock.ts',
    'config',
    'elastic',
    'grant',
    'http',
    'log',
    'metrics',
    'policy',
    'secret',
    'snapshot',
    'users',
  ],
  portal: [
    'authn',
    'cache',
    'clock.ts',
    'config',
    'http',
    'log',
    'notifier',
    'policy',
    'regulation',
    'routes',
    'second-factor',
    'secret',
    'session',
    'store',
    'users',
  ],
  metrics: ['authn', 'grant'],
  authn: [
    'clock.ts',
    'config',
    'digests',
    'grant',
    'http',
    'log',
    'policy',
    'regulation',
    'secret',
    'session',
    'store',
    'tokens',
    'users',
  ],
  tokens: ['clock.ts', 'config', 'log', 'policy', 'secret', 'snapshot', 'users'],
  grant: ['clock.ts', 'config', 'log', 'policy', 'secret', 'users'],
  store: ['config', 'secret'],
  session: ['clock.ts', 'config', 'log', 'secret', 'store', 'users'],
  notifier: ['config', 'directories.ts', 'log'],
  'second-factor': ['cache', 'clock.ts', 'config', 'log', 'notifier', 'store'],
  'password-policy': ['config'],
  snapshot: ['clock.ts', 'config', 'grant', 'log', 'policy', 'secret', 'users'],
  users: ['config', 'digests', 'log', 'policy'],
  regulation: ['cache', 'clock.ts', 'config', 'log', 'policy', 'secret', 'store', 'users'],
  digests: [],
  policy: ['config'],
  lint: ['config', 'policy'],
  schema: ['config'],
  validate: ['config', 'log', 'policy'],
  reload: ['clock.ts', 'config', 'log', 'policy', 'snapshot'],
  config: ['policy', 'secret', 'log', 'http'],
  cache: ['clock.ts', 'config', 'log', 'secret'],
  elastic: ['cache', 'clock.ts', 'config', 'http', 'log', 'metrics', 'policy', 'secret', 'users'],
  secret: ['config'],
  http: ['log'],
  log: ['clock.ts', 'config'],
  proxy: ['log'],
};

const root = fileURLToPath(new URL('../../', import.meta.url));

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sources(path) : path.endsWith('.ts') ? [path] : [];
  });
}

/** Relative imports of a file as paths from the root of the repository. */
function imports(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g);
  return [...found].map(match => relative(root, join(root, dirname(file), match[1] as string)));
}

function room(path: string, tree: string): string | undefined {
  const [top, first] = path.split('/');
  if (top !== tree) return undefined;
  return first?.includes('.') || !path.includes('/', tree.length + 1)
    ? `${first?.replace(/\.ts$/, '')}.ts`
    : first;
}

function violations(tree: string, allowed: Record<string, readonly string[]>): string[] {
  return sources(tree).flatMap(file => {
    const from = room(file, tree) as string;
    const open = allowed[from];
    if (open === undefined) return [`${file}: room ${from} is not in the layout`];
    return imports(file).flatMap(target => {
      if (/^assembly\/contract(\.ts)?$/.test(target)) return [];
      const to = room(target, tree);
      if (to === undefined) return [`${file} imports ${target}, outside ${tree}/`];
      if (to === from || open.includes(to) || open.includes('*')) return [];
      return [`${file} imports ${target}: ${from} may not use ${to}`];
    });
  });
}

describe('imports point one way', () => {
  it('in assembly/', () => {
    expect(violations('assembly', ASSEMBLY)).toEqual([]);
  });

  it('in host/', () => {
    expect(violations('host', HOST)).toEqual([]);
  });

  it('only guest.ts and abi/ know the ABI', () => {
    const users = sources('assembly').filter(file =>
      imports(file).some(target => target.startsWith('assembly/abi')),
    );
    expect(
      users.filter(
        file =>
          !file.startsWith('assembly/abi/') && file !== 'assembly/guest.ts' && file !== 'assembly/embed.ts',
      ),
    ).toEqual([]);
  });
});
