import { describe, expect, it } from 'vitest';
import { checkElasticsearch } from '../../host/doctor/checks/elasticsearch.ts';
import type { Observation } from '../../host/doctor/observation.ts';
import { all, observed } from '../support/doctor.ts';

const rules = { rules: [{ domain: '*.example.com', policy: 'one_factor' }] };
const marked = (domain: unknown, elasticsearch = true) => ({
  policy: { access_control: rules, domains: [{ domain: 'x.test' }, { domain, elasticsearch }] },
});
const takesOver = (headers: readonly string[], over: Partial<Observation> = {}) =>
  observed(
    'healthy',
    ({ rawdata }) => {
      const settings = rawdata.middlewares['postern-host@file']?.forwardAuth as {
        authResponseHeaders: string[];
      };
      settings.authResponseHeaders.push(...headers);
    },
    over,
  );

describe('postern doctor, of a domain that is marked as Elasticsearch', () => {
  it.each([
    ['kibana.example.com', [], true],
    [['*.kibana.example.com', 'b.example.com'], [], true],
    ['kibana.example.com', ['Authorization'], false],
    ['kibana.example.com', ['authorization'], false],
  ] as const)('%j, with %j in authResponseHeaders: wrong is %s', (domain, headers, isWrong) => {
    const seen = takesOver(headers, marked(domain));
    expect(all(checkElasticsearch, seen)).toEqual(isWrong ? ['error elasticsearch.authorization'] : []);
    if (!isWrong) return;
    const [finding] = checkElasticsearch(seen);
    expect(finding?.found).toContain('no forwardAuth has Authorization');
    expect(finding?.mend).toContain('traefik ');
  });

  it('says nothing of it where none is marked, nobody asks, or Traefik does not tell', () => {
    for (const seen of [
      takesOver([]),
      takesOver([], marked('kibana.example.com', false)),
      takesOver([], { ...marked('kibana.example.com'), traefik: { failed: 'no answer' }, layout: undefined }),
      observed(
        'healthy',
        ({ rawdata }) => {
          for (const name of Object.keys(rawdata.middlewares)) delete rawdata.middlewares[name];
        },
        marked('kibana.example.com'),
      ),
    ])
      expect(all(checkElasticsearch, seen)).toEqual([]);
  });

  it('says it beside what Elasticsearch itself says', () => {
    const elastic = { hosts: ['https://es:9200'], problem: undefined };
    expect(all(checkElasticsearch, takesOver([], { ...marked('k.example.com'), elastic }))).toEqual([
      'ok elasticsearch.ready',
      'error elasticsearch.authorization',
    ]);
  });
});
