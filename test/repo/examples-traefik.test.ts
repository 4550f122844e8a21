import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { forwardAuthSetup } from '../../host/cli/traefik-forward-auth.ts';
import { exampleFile } from '../support/example.ts';

type Middlewares = Record<string, { headers: { customRequestHeaders: Record<string, string> } }>;

it('the example without the plugin removes the headers that the printed set-up removes', () => {
  const setup = forwardAuthSetup({
    domains: [{ domain: 'app.example.com', service: 'app' }],
    guestKey: new Uint8Array(32),
    hostAddress: 'http://127.0.0.1:9091',
    directory: '/run/postern',
    keyFile: undefined,
  });
  const printed = setup.dynamic.http.middlewares as Middlewares;
  const { http } = parse(exampleFile('traefik/forward-auth.yml', {})) as {
    http: { middlewares: Middlewares };
  };
  const removedBy = (middlewares: Middlewares) =>
    Object.entries(middlewares['postern-aliases']?.headers.customRequestHeaders ?? {}).sort();
  expect(removedBy(http.middlewares)).toEqual(removedBy(printed));
  expect(removedBy(printed).length).toBeGreaterThan(100);
  expect(removedBy(printed).filter(([, value]) => value !== '')).toEqual([]);
});
