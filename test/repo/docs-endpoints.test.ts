import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AUTHELIA_AUTH_REQUEST } from '../../host/routes/dialects/authelia-auth-request.ts';
import { DIFFERENCES } from '../../tools/replay/differences.mjs';
import { type Authz, startAuthz } from '../support/authz.ts';

/** Holds docs/endpoints.md to what the host serves. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs/endpoints.md'), 'utf8');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

describe('docs/endpoints.md', () => {
  let authz: Authz;
  beforeAll(async () => {
    authz = await startAuthz({ policy: { access_control: { default_policy: 'one_factor' } } });
  });
  afterAll(() => authz.stop());

  it('names every path that is served', () => {
    const paths = new Set(authz.routes.map(({ path }) => path.replace(/envoy\/$/, 'envoy')));
    expect(paths.size).toBeGreaterThan(25);
    for (const path of paths) expect([path, page.includes(`\`${path}`)]).toEqual([path, true]);
  });

  it('names every kind of difference from Authelia, and no other', () => {
    const section = page.slice(page.indexOf('### What is different'), page.indexOf("## authentik's"));
    const rows = [...section.matchAll(/^\| ([a-z ]+) \| .* \| .*\|$/gm)].map(([, kind]) => kind);
    const kinds = rows.slice(rows.indexOf('no session cookie'));
    expect(kinds).toEqual(DIFFERENCES.map(({ name }) => name));
  });

  it('shows the block for nginx with the lines that the log advises, as the example has them', () => {
    const mended = /^```nginx mended\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '';
    for (const line of AUTHELIA_AUTH_REQUEST.hint.split(/(?<=;) /)) expect(mended).toContain(`    ${line}\n`);
    const example = readFileSync(join(root, 'examples/nginx/authelia-legacy.conf'), 'utf8');
    for (const line of mended.split('\n')) expect(example).toContain(line.trim());
  });

  it('is linked from the README', () => {
    expect(readme).toContain('(docs/endpoints.md)');
  });
});
