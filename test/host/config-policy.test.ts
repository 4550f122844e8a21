import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../host/config/load.ts';
import { ConfigError, formatProblem } from '../../host/config/problem.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { createSecret } from '../../host/secret/secret.ts';

/** What the engine finds in a policy is told with the file and line where it stands. */
describe('policy of the configuration', () => {
  const engine = loadEngine(new URL('../../dist/embed.wasm', import.meta.url));
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'postern-policy-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  function load(text: string, env: Record<string, string> = {}): string[] {
    const file = join(dir, 'postern.yml');
    writeFileSync(file, `authentication_backend: { file: { path: users.yml } }\n${text}`);
    try {
      const { warnings } = loadConfig(file, {
        env: { POSTERN_SECRET: createSecret(), ...env },
        isTerminal: false,
        engine,
      });
      return warnings.map(formatProblem).map(line => line.replaceAll(`${dir}/`, ''));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return error.message.replaceAll(`${dir}/`, '').split('\n');
    }
  }

  it("loads the seed's rules", () => {
    expect(
      load(`access_control:
  default_policy: deny
  rules:
    - domain:
        - myapp.example.com
      policy: one_factor
      resources:
        - '^/api/push([/?].*)?$'
      subject:
        - ['group:myapp', 'group:service']
    - domain:
        - myapp.example.com
      policy: two_factor
      subject:
        - 'group:myapp'
`),
    ).toEqual([]);
  });

  const rule = (lines: string) =>
    `access_control:\n  rules:\n    - domain: a.test\n      policy: one_factor\n${lines}`;
  it.each([
    [
      'an unknown subject prefix',
      rule("      subject:\n        - 'usr:alice'\n"),
      'postern.yml:7: access_control.rules[0].subject[0]: `usr:alice` is no subject: begin it with `user:`, `group:` or `oauth2:client:`',
    ],
    [
      'a bad CIDR',
      rule("      networks:\n        - '10.0.0.0/33'\n"),
      'postern.yml:7: access_control.rules[0].networks[0]: `10.0.0.0/33` is no network: write an address, a CIDR such as `10.0.0.0/8`, or a defined name',
    ],
    [
      'a bad expression',
      rule("      resources:\n        - '^/(?=x)'\n"),
      'postern.yml:7: access_control.rules[0].resources[0]: `^/(?=x)` is no expression: invalid or unsupported Perl syntax: `(?=` at byte 3',
    ],
    [
      'a rule without domain',
      'access_control:\n  rules:\n    - policy: deny\n',
      'postern.yml:4: access_control.rules[0]: the rule has no domain; for everything that no other rule matches, remove the rule: `default_policy: deny` does it already',
    ],
  ])('refuses %s', (_name, text, expected) => expect(load(text)).toEqual([expected]));

  it('names a value from the environment by its variable', () => {
    expect(load(rule(''), { POSTERN_TRUSTED_PROXIES: '10.0.0.1,nobody' })).toEqual([
      'POSTERN_TRUSTED_PROXIES[1]: `nobody` is no network: write an address, a CIDR such as `10.0.0.0/8`, or a defined name',
    ]);
  });
});
