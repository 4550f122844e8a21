import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { FOREIGN_KEYS } from '../../host/config/foreign-keys.ts';
import { RULE_KEYS } from '../../host/config/key-tree.ts';
import { SPECIAL_KEYS, VALUE_KEYS, type ValueKey } from '../../host/config/keys.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { configSchema } from '../../host/schema/config-schema.ts';
import { KEY_DOCS, SPECIAL_DOCS } from '../../host/schema/key-docs.ts';
import { POLICY_SCHEMAS } from '../../host/schema/policy-schema.ts';
import { yamlBlocks } from '../support/yaml-blocks.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
// `doNotSuggest` is a keyword of editors.
const ajv = new Ajv({ strict: true, allowUnionTypes: true, strictRequired: false, strictTypes: false });
ajv.addKeyword('doNotSuggest');
const isValid = ajv.compile(configSchema());

describe('postern.schema.json', () => {
  it('is what `postern schema > postern.schema.json` writes', () => {
    expect(read('postern.schema.json')).toBe(`${JSON.stringify(configSchema(), undefined, 2)}\n`);
  });

  it('is in the package', () => {
    expect((JSON.parse(read('package.json')) as { files: string[] }).files).toContain('postern.schema.json');
  });

  it('explains every key', () => {
    expect(Object.keys(KEY_DOCS).sort()).toEqual(Object.keys(VALUE_KEYS).sort());
    for (const path of SPECIAL_KEYS) {
      const isForeign = path in FOREIGN_KEYS || /^(session|storage)$/.test(path.split('.')[0] ?? '');
      expect([path, path in SPECIAL_DOCS || isForeign]).toEqual([path, true]);
    }
    for (const [path, { description }] of Object.entries({ ...KEY_DOCS, ...SPECIAL_DOCS })) {
      expect([path, description]).toEqual([path, expect.stringMatching(/\.$/)]);
    }
  });
});

/** Values good and bad for keys of any kind. */
const SAMPLES: readonly unknown[] = [
  ...[
    '',
    ' ',
    'x',
    'a b',
    '/',
    '/a',
    'a/b/',
    '/../x',
    '..',
    'tcp://127.0.0.1:9091',
    'tcp://:1/x',
    '[::1]:80',
  ],
  ...[
    'unix:///run/p.sock',
    'unix:///run/p.sock?umask=0007',
    'fd://3',
    'http://a',
    '1h',
    '5 minutes',
    '1h 30m',
  ],
  ...[
    '1x',
    'soon',
    'text',
    'json',
    'lax',
    'info',
    'trace',
    'loud',
    'refuse',
    'clean',
    'allow',
    'Cookie',
    'X-Api-Key',
  ],
  ...[
    'X-Forwarded-For',
    'x-forwarded-for',
    'Remote-User',
    'te',
    'a"b',
    'ä',
    'a'.repeat(200),
    'true',
    'false',
  ],
  ...[true, false, 0, 1, -1, 7, 8, 16, 512, 1000, 1024, 4096, 8192, 65_535, 65_536, 1_048_576, 2e9, 1.5],
  ...[
    [],
    ['a'],
    ['a', 'b'],
    [1],
    {},
    { clean: [] },
    { clean: 'a' },
    { clean: [1] },
    { clean: [], x: 1 },
    { x: 1 },
    [{ host: 'redis-1', port: 6379 }],
    [{ host: 'redis-1', prt: 6379 }],
    [{ port: 6379 }],
    ['redis-1:6379', '[::1]:6379'],
  ],
  ...['redis', 'memory', 'redis:6379', 'redis://user:secret@redis', 'TLS1.2', 'TLS1.1'],
];
/** What only the reader knows: numbers written as texts, and how long the longest duration is. */
const READER_KNOWS = /must be from .* to|at most \d+ bytes/;

describe('the schema of each key and its reader agree', () => {
  it.each(Object.keys(VALUE_KEYS) as ValueKey[])('%s', key => {
    const check = ajv.compile(KEY_DOCS[key] ?? {});
    let good = 0;
    for (const sample of [...SAMPLES, ...((KEY_DOCS[key]?.examples as unknown[]) ?? [])]) {
      const result = VALUE_KEYS[key](sample);
      if (result.ok) good++;
      if (!result.ok && READER_KNOWS.test(result.message)) continue;
      // A text for a number or truth value is the environment's form, and an empty realm is the engine's to refuse.
      if (result.ok && typeof sample === 'string' && /^(\d+|true|false)$/.test(sample)) continue;
      if (key === 'realm' || (key.endsWith('.header') && !result.ok)) {
        if (check(sample)) expect([sample, result.ok]).toEqual([sample, true]);
        continue;
      }
      expect([sample, check(sample)]).toEqual([sample, result.ok]);
    }
    expect(good).toBeGreaterThan(0);
    if (KEY_DOCS[key]?.default !== undefined) expect(VALUE_KEYS[key](KEY_DOCS[key].default).ok).toBe(true);
  });
});

describe('the schema of rules and the engine agree', () => {
  const engine = loadEngine(new URL('../../dist/embed.wasm', import.meta.url));
  const check = ajv.compile({ ...POLICY_SCHEMAS.access_control });
  const compiles = (rule: object) =>
    engine.compile({ access_control: { rules: [rule] }, definitions: { network: { lan: ['10.0.0.0/8'] } } })
      .ok;
  const APP = { domain: 'app.example.com', policy: 'one_factor' };

  it('knows the same keys', () => {
    const { properties } = POLICY_SCHEMAS.access_control as {
      properties: { rules: { items: { properties: object } } };
    };
    expect(Object.keys(properties.rules.items.properties).sort()).toEqual([...RULE_KEYS].sort());
  });

  it.each([
    APP,
    { domain: ['a.test', '*.b.test'], policy: 'bypass' },
    { domain_regex: '^a$', policy: 'deny' },
    { policy: 'deny' },
    { domain: 'a.test' },
    { ...APP, policy: 'two_factors' },
    { ...APP, path: '/admin' },
    { ...APP, domain: [7] },
    { ...APP, subject: 'group:a' },
    { ...APP, subject: ['user:a', ['group:b', 'oauth2:client:c']] },
    { ...APP, subject: 'usr:a' },
    { ...APP, subject: 'user: ' },
    { ...APP, subject: [[]] },
    { ...APP, policy: 'bypass', subject: 'user:a' },
    { ...APP, networks: ['10.0.0.0/8', 'lan', '::1'] },
    { ...APP, networks: [1] },
    { ...APP, methods: ['GET', 'PROPFIND', 'UNLOCK', 'CONNECT', 'TRACE'] },
    { ...APP, methods: 'HEAD' },
    { ...APP, methods: ['get'] },
    { ...APP, methods: ['BREW'] },
    { ...APP, resources: '^/a$' },
    { ...APP, resources: [true] },
    {
      ...APP,
      query: [
        { key: 'a' },
        [
          { key: 'b', value: 'c' },
          { key: 'd', operator: 'absent' },
        ],
      ],
    },
    { ...APP, query: [{ operator: 'present' }] },
    { ...APP, query: [{ key: 'a', operator: 'equal' }] },
    { ...APP, query: [{ key: 'a', operator: 'Equal', value: 'b' }] },
    { ...APP, query: [{ key: 'a', operator: 'absent', value: 'b' }] },
    { ...APP, query: [{ key: 'a', operator: 'pattern', value: '^b$' }] },
    { ...APP, query: [{ key: 'a', value: 1 }] },
    { ...APP, query: [{ key: 'a', values: 'b' }] },
    { ...APP, query: [[]] },
  ])('on %j', rule => {
    expect(check({ rules: [rule] })).toBe(compiles(rule));
  });
});

describe('configurations by the schema', () => {
  const examples = readdirSync(join(root, 'examples'))
    .filter(name => name.endsWith('.yml') && !/\.test\.yml$|^(users|tokens)/.test(name))
    .map(name => ({ name: `examples/${name}`, text: read(`examples/${name}`) }));
  const documented = yamlBlocks(root)
    .filter(({ kind }) => kind === 'config')
    .map(({ file, line, text }) => ({ name: `${file}:${line}`, text }));
  const authelia = ['configuration.yml', 'old-keys.yml'].map(name => ({
    name,
    text: read(`test/cases/validate/${name}`),
  }));

  it.each([...examples, ...documented, ...authelia])('passes $name', ({ text }) => {
    expect(isValid(parse(text, { merge: true })) ? [] : isValid.errors).toEqual([]);
  });

  it.each([
    ['a misspelt key', 'acess_control: {}'],
    ['a misspelt key below', 'log: { levle: info }'],
    ['a key below one that is not used yet', 'session: { inactivty: 5m }'],
    ['a wrong level', 'log: { level: loud }'],
    ['a list for a section', 'server: [1]'],
    ['a port out of range', 'server: { port: 70000 }'],
    ['an address of another kind', "server: { address: 'http://localhost' }"],
    ['slots that are no multiple', 'grants: { slots: 100 }'],
    ['a number for the proxies', 'trusted_proxies: 7'],
    ['a refused key', 'identity_providers: { oidc: { hmac_secret: x } }'],
    ['a wrong key of sessions', 'session: { lifetime: 1h }'],
    ['a path in a rule', 'access_control: { rules: [{ domain: a, policy: deny, path: /x }] }'],
    ['a rule without a domain', 'access_control: { rules: [{ policy: deny }] }'],
    ['a policy that is none', 'access_control: { default_policy: allow }'],
    ['an unknown key of the policy', 'access_control: { ruels: [] }'],
  ])('refuses %s', (_name, text) => {
    expect(isValid(parse(text))).toBe(false);
  });
});
