import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { parseConfig } from '../../host/config/parse.ts';

/** The examples for systems that no test can start, against the schemas in `test/schemas`. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const ajv = new Ajv({
  allErrors: true,
  allowUnionTypes: true,
  strictRequired: false,
  strictTypes: false,
  formats: { regex: isExpression },
  schemas: ['compose', 'traefik-labels', 'kubernetes'].map(name =>
    JSON.parse(read(`test/schemas/${name}.schema.json`)),
  ),
});

/** Go's flags at the beginning are not JavaScript's. */
function isExpression(text: string): boolean {
  try {
    new RegExp(text.replace(/^\(\?i\)/, ''));
    return true;
  } catch {
    return false;
  }
}

function problems(schema: string, value: unknown): string[] {
  const check = ajv.getSchema(schema);
  if (check === undefined) throw new Error(`no schema ${schema}`);
  return check(value) ? [] : (check.errors ?? []).map(error => `${error.instancePath} ${error.message}`);
}

describe.each(['compose.yml', 'compose.authentik.yml', 'compose.elasticsearch.yml'])(
  'examples/docker/%s',
  name => {
    const text = read(`examples/docker/${name}`);
    const compose = parse(text);

    it('fits its schema', () => {
      expect(problems('compose', compose)).toEqual([]);
    });

    it('names only what it declares', () => {
      for (const service of Object.values(compose.services) as Record<string, object>[]) {
        const networks = service.networks ?? [];
        for (const network of Array.isArray(networks) ? networks : Object.keys(networks)) {
          expect(Object.keys(compose.networks)).toContain(network);
        }
        for (const secret of (service.secrets ?? []) as string[]) {
          expect(Object.keys(compose.secrets)).toContain(secret);
        }
      }
      const labels = Object.assign(
        {},
        ...(Object.values(compose.services) as { labels?: object }[]).map(s => s.labels),
      );
      const middlewares = Object.keys(labels).map(label => /middlewares\.([a-z-]+)\./.exec(label)?.[1]);
      for (const [label, value] of Object.entries(labels)) {
        if (!label.endsWith('.middlewares')) continue;
        for (const used of String(value).split(','))
          expect(middlewares).toContain(used.replace('@docker', ''));
      }
    });

    it('trusts the address that Traefik has there', () => {
      const { networks } = compose.services.traefik;
      const [address] = (Object.values(networks) as ({ ipv4_address?: string } | null)[]).flatMap(
        network => network?.ipv4_address ?? [],
      );
      const own = name === 'compose.elasticsearch.yml' ? 'postern.elasticsearch.yml' : 'postern.yml';
      const { trusted_proxies, elasticsearch } = parse(read(`examples/docker/${own}`));
      expect(trusted_proxies ?? elasticsearch.peers).toEqual([address]);
    });

    it.each([
      [
        'a label that Traefik does not have',
        (c: typeof compose) => {
          c.services.traefik.labels = { 'traefik.http.routers.x.middleware': 'y' };
        },
      ],
      [
        'a misspelt key',
        (c: typeof compose) => {
          c.services.traefik.label = {};
        },
      ],
      [
        'a number where text belongs',
        (c: typeof compose) => {
          c.services.traefik.labels = { 'traefik.http.routers.x.priority': 10 };
        },
      ],
    ])('the schema refuses %s', (_, spoil) => {
      const spoilt = parse(text);
      spoil(spoilt);
      expect(problems('compose', spoilt)).not.toEqual([]);
    });
  },
);

const KUBERNETES = ['postern', 'traefik', 'traefik-authentik', 'ingress-nginx', 'ingress-nginx-authentik'];

describe.each(KUBERNETES)('examples/kubernetes/%s.yml', name => {
  const resources = parseAllDocuments(read(`examples/kubernetes/${name}.yml`)).map(document =>
    document.toJS(),
  );

  it.each(resources.map(resource => [resource.kind, resource]))('%s fits its schema', (_, resource) => {
    expect(problems('kubernetes', resource)).toEqual([]);
  });

  it('the schema refuses another key, kind or version in any of them', () => {
    for (const resource of resources) {
      expect(problems('kubernetes', { ...resource, specs: {} })).not.toEqual([]);
      expect(problems('kubernetes', { ...resource, kind: `${resource.kind}s` })).not.toEqual([]);
      expect(problems('kubernetes', { ...resource, apiVersion: 'v0' })).not.toEqual([]);
      if (resource.spec === undefined) continue;
      expect(problems('kubernetes', { ...resource, spec: { ...resource.spec, other: 1 } })).not.toEqual([]);
    }
  });
});

describe('configurations of the host in there', () => {
  const inCluster = parseAllDocuments(read('examples/kubernetes/postern.yml'))
    .map(document => document.toJS())
    .find(({ kind }) => kind === 'ConfigMap').data['postern.yml'];

  it.each([
    ['examples/docker/postern.yml', read('examples/docker/postern.yml')],
    ['examples/docker/postern.elasticsearch.yml', read('examples/docker/postern.elasticsearch.yml')],
    ['examples/kubernetes/postern.yml', inCluster],
  ])('%s', (_, text) => {
    const yaml = { file: '/config/postern.yml', text };
    const readFile = () => Buffer.from('-----BEGIN CERTIFICATE-----\n');
    const { problems: found } = parseConfig({ yaml, env: {}, isTerminal: false, readFile });
    const own = found.filter(problem => !problem.path.startsWith('POSTERN_SECRET'));
    expect(own.filter(problem => problem.severity === 'error')).toEqual([]);
  });
});
