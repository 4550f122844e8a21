import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { failedCriteria } from '../../host/explain/words.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { runBundle, runCli } from '../support/run-cli.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

afterAll(removeTempDirectories);

const DIGEST = '$argon2id$v=19$m=65536,t=3,p=2$BpLnfgDsc2WD8F2q$o/vzA4myCqZZ36bUGsDY//8mKUYNZZaR0t4MFFSs+iM';
const home = tempDirectory();
const config = join(home, 'postern.yml');
writeFileSync(
  join(home, 'users.yml'),
  `users:
  robot: { displayname: Robot, password: '${DIGEST}', groups: [app, service] }
  john: { displayname: John, password: '${DIGEST}', groups: [app] }
  gone: { displayname: Gone, password: '${DIGEST}', groups: [app], disabled: true }
`,
);
writeFileSync(
  config,
  `authentication_backend:
  file: { path: users.yml }
access_control:
  default_policy: deny
  rules:
    - domain: public.example.com
      policy: bypass
    - domain: app.example.com
      methods: [GET]
      networks: 10.0.0.0/8
      subject: [['group:app', 'group:service']]
      resources: '^/api/push([?].*)?$'
      query: [[{ key: token, operator: present }]]
      policy: one_factor
    - domain: app.example.com
      policy: two_factor
      subject: 'group:app'
`,
);

/** What `--json` prints. */
async function explained(...args: string[]) {
  const { code, out, err } = await runCli(['explain', '--config', config, '--json', ...args]);
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out);
}

describe('the engine explains', () => {
  it('which criteria of every rule hold, in the words of the configuration', () => {
    const engine = loadEngine(new URL('../../dist/embed.wasm', import.meta.url));
    const rules = [
      { domain: 'a.example.com', policy: 'bypass' },
      { domain: 'a.example.com', methods: ['POST'], policy: 'bypass' },
      { domain: 'a.example.com', networks: ['10.0.0.0/8'], policy: 'bypass' },
      { domain: 'a.example.com', subject: 'user:bob', policy: 'deny' },
      { domain: 'a.example.com', resources: ['^/y'], policy: 'bypass' },
      { domain: 'a.example.com', query: [[{ key: 'k', operator: 'present' }]], policy: 'bypass' },
      { domain: 'b.example.com', policy: 'bypass' },
    ];
    const compiled = engine.compile({ access_control: { rules: rules.slice(1) } });
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
    engine.load(compiled.image);
    const target = { method: 'GET', scheme: 'https', host: 'A.example.com:443', uri: '/x', client: '' };
    const principal = { username: 'alice', displayName: '', email: '', groups: [] };
    const proof = { kind: 'proved', principal, level: 1 } as const;
    const { decision, host, object, rules: matches } = engine.explain(target, proof);
    expect(decision).toEqual(engine.decide(target, proof));
    expect(decision).toMatchObject({ verdict: 'forbid', position: 0 });
    expect({ host, object }).toEqual({ host: 'a.example.com', object: '/x' });
    expect(matches.map(failedCriteria)).toEqual([
      ['methods'],
      ['networks'],
      ['subject'],
      ['resources'],
      ['query'],
      ['domain'],
    ]);
    expect(matches[0]).toEqual({ domain: true, methods: false });
  });
});

describe('postern explain', () => {
  it('gives decision, rule with file and line, and what failed above it', async () => {
    const report = await explained('--url', 'https://app.example.com/api/push?token', '--user', 'john');
    expect(report.request).toEqual({
      url: 'https://app.example.com/api/push?token',
      method: 'GET',
      ip: null,
      host: 'app.example.com',
      path: '/api/push?token',
    });
    expect(report.decision).toMatchObject({
      as: { user: 'john', groups: ['app'], level: 1 },
      verdict: 'challenge',
      status: 401,
      policy: 'two_factor',
      rule: { position: 3, file: config, line: 15, policy: 'two_factor' },
      takes: 'takes a second factor',
    });
    expect(report.decisions.map((one: { verdict: string }) => one.verdict)).toEqual([
      'challenge',
      'challenge',
      'allow',
    ]);
    expect(report.rules.map((rule: { failed: string[] }) => rule.failed)).toEqual([
      ['domain'],
      ['networks', 'subject'],
      [],
    ]);
    expect(report.rules[1].criteria).toEqual({
      domain: true,
      methods: true,
      networks: false,
      subject: false,
      resources: true,
      query: true,
    });
  });

  it.each([
    ['a rule that lets in', ['--user', 'robot', '--ip', '10.1.1.1'], 'allow', 2],
    ['another method', ['--user', 'robot', '--ip', '10.1.1.1', '--method', 'POST'], 'challenge', 3],
    ['groups that are said, not those of the file', ['--user', 'john', '--groups', ''], 'forbid', 0],
    ['a user who is in no file', ['--user', 'x', '--groups', 'app,service', '--ip', '10.9.9.9'], 'allow', 2],
    ['two factors', ['--user', 'john', '--level', '2'], 'allow', 3],
    ['nobody', ['--user', 'john', '--level', '0'], 'challenge', 3],
    ['a disabled user, whose credential is no good', ['--user', 'gone', '--level', '2'], 'challenge', 3],
    ['an IPv6 address', ['--user', 'robot', '--ip', '::ffff:10.1.1.1'], 'allow', 2],
  ])('asks for %s', async (_what, args, verdict, position) => {
    const { decision } = await explained('--url', 'https://app.example.com/api/push?token=1', ...args);
    expect([decision.verdict, decision.rule.position]).toEqual([verdict, position]);
  });

  it('says why a credential counts for nothing', async () => {
    const args = ['--url', 'https://app.example.com/', '--user', 'gone'];
    const { decision } = await explained(...args);
    expect(decision).toMatchObject({
      as: { user: 'gone', refused: 'the user is disabled' },
      takes: 'the credential is refused: the user is disabled',
    });
    const { out } = await runCli(['explain', '--config', config, ...args]);
    expect(out).toContain('Rules for gone, who counts as nobody (the user is disabled)');
  });

  it.each([
    ['https://public.example.com', 'allow', '/'],
    ['https://PUBLIC.example.com.:443/a#fragment', 'allow', '/a'],
    ['https://public.example.com?x', 'allow', '/?x'],
    ['https://public.example.com/ä', 'allow', '/ä'],
    ['wss://public.example.com/ws', 'allow', '/ws'],
    ['https://public.bücher.example/', 'forbid', '/'],
  ])('reads %s as clients send it', async (url, verdict, path) => {
    const { decision, request } = await explained('--url', url);
    expect([decision.verdict, request.path]).toEqual([verdict, path]);
  });

  it.each([
    ['https://app.example.com/a%2fb', [], 'ambiguous path: encoded slash'],
    ['http://app.example.com/', [], 'plain http is not allowed for this host'],
    ['https://app.example.com/', ['--method', 'get'], 'bad method'],
    ['https://a b/', [], 'bad host'],
  ])('gives the reason for the bad request %s', async (url, args, reason) => {
    const { decision, rules } = await explained('--url', url, ...args);
    expect(decision).toMatchObject({ verdict: 'bad-request', status: 400, reason });
    expect(rules).toEqual([]);
  });

  it('draws a table, in colour on a terminal and plain in a pipe', async () => {
    const args = ['explain', '--config', config, '--url', 'https://app.example.com/', '--user', 'john'];
    const { out } = await runCli(args);
    expect(out).not.toContain('\u001b');
    expect(out).toContain('john with one factor   challenge (401)  two_factor  rule 3');
    expect(out).toMatch(/^1 .* bypass +no +- +- +- +- +- +domain: public\.example\.com$/m);
    expect(out).toMatch(
      /^2 .* one_factor +yes +yes +no +no +no +no +networks: 10\.0\.0\.0\/8; subject: group:app and group:service; resources: \^\/api\/push\(\[\?\]\.\*\)\?\$; query: .*$/m,
    );
    expect(out).toMatch(/^3 .* two_factor +yes +- +- +yes +- +- +decides$/m);
    expect(out).toContain('An unknown address lies in no network: say --ip.');
    const coloured = await runCli(args, { terminal: true });
    expect(coloured.out).toContain('\u001b[33mchallenge (401)\u001b[0m');
    expect(stripVTControlCharacters(coloured.out)).toBe(out);
    expect((await runCli(args, { terminal: true, env: { NO_COLOR: '1' } })).out).toBe(out);
  });

  it('says that subjects may yet match while nobody is signed in', async () => {
    const { out } = await runCli(['explain', '--config', config, '--url', 'https://app.example.com/']);
    expect(out).toMatch(/^3 .* maybe +- +- +decides$/m);
    expect(out).toContain('maybe: who has not signed in could be any of the subjects');
  });

  it('tells many rules of other domains in one line, or with --all in one each', async () => {
    const many = join(home, 'many.yml');
    const rules = Array.from(
      { length: 500 },
      (_, i) => `    - { domain: d${i}.example.com, policy: deny }\n`,
    );
    writeFileSync(
      many,
      `authentication_backend: { file: { path: users.yml } }\naccess_control:\n  rules:\n${rules.join('')}`,
    );
    const args = ['explain', '--config', many, '--url', 'https://d400.example.com/'];
    const { out } = await runCli(args);
    expect(out).toMatch(/^1-400 .* 400 rules of other domains$/m);
    expect(out).toMatch(/^401 .* decides$/m);
    expect(out.split('\n').length).toBeLessThan(15);
    expect((await runCli([...args, '--all'])).out).toMatch(/^400 .* domain: d399\.example\.com$/m);
  });

  it('needs no secret and no users file when groups are said', async () => {
    const bare = join(tempDirectory(), 'bare.yml');
    writeFileSync(
      bare,
      'secret_file: nowhere\nauthentication_backend: { file: { path: nowhere.yml } }\naccess_control: { rules: [{ domain: x.example.com, policy: one_factor }] }\n',
    );
    const args = ['explain', '--config', bare, '--url', 'https://x.example.com/', '--user', 'a'];
    const { code, out } = await runCli([...args, '--groups', 'b']);
    expect([code, out]).toEqual([0, expect.stringContaining('allow (200)')]);
    expect(await runCli(args)).toMatchObject({
      code: 1,
      err: expect.stringContaining('nowhere.yml: no such file'),
    });
  });

  it.each([
    [[], 0],
    [['--exit-code'], 1],
    [['--exit-code', '--level', '2'], 0],
    [['--exit-code', '--level', '1'], 1],
  ])('with %j ends with %i', async (args, code) => {
    const base = ['explain', '--config', config, '--url', 'https://app.example.com/', '--user', 'john'];
    expect((await runCli([...base, ...args])).code).toBe(code);
  });

  it.each([
    [['--url', 'app.example.com'], 'must be a whole URL'],
    [['--url', 'ftp://a/'], 'must begin with https://'],
    [['--url', 'https://bob@a/'], 'must not hold a user name'],
    [['--url', 'https:///x'], 'has no host'],
    [['--url', 'https://a/', '--ip', 'home'], 'must be an IP address'],
    [['--url', 'https://a/', '--groups', 'a'], '--groups needs --user'],
    [['--url', 'https://a/', '--level', '1'], '--level needs --user'],
    [['--url', 'https://a/', '--user', 'a:b'], 'must not hold a colon'],
    [['--url', 'https://a/', '--user', 'a', '--groups', 'a,,b'], 'a group must not be empty'],
    [['--url', 'https://a/', '--level', '3'], 'Allowed choices are 0, 1, 2'],
    [[], "required option '--url <url>' not specified"],
  ])('is called wrongly with %j', async (args, message) => {
    const { code, out, err } = await runCli(['explain', '--config', config, ...args]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(message);
  });

  it('suggests the user who was meant, and names every problem of a configuration', async () => {
    const unknown = await runCli(['explain', '--config', config, '--url', 'https://a/', '--user', 'jhon']);
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('did you mean `john`?')]);
    const broken = join(home, 'broken.yml');
    writeFileSync(
      broken,
      'access_control:\n  rules:\n    - domain: a.example.com\n      polcy: deny\n      policy: deny\nguset: 1\n',
    );
    const { code, err } = await runCli(['explain', '--config', broken, '--url', 'https://a/']);
    expect(code).toBe(1);
    expect(err).toContain('broken.yml:4');
    expect(err).toContain('broken.yml:6: guset: unknown key');
  });

  it('works as shipped', () => {
    const { code, out, err } = runBundle(
      ['explain', '--url', 'https://app.example.com/', '--user', 'robot', '--json'],
      home,
    );
    expect([code, err]).toEqual([0, '']);
    expect(JSON.parse(out).decision.rule).toEqual({
      position: 3,
      file: 'postern.yml',
      line: 15,
      policy: 'two_factor',
    });
    const help = runBundle(['explain', '--help'], home);
    expect(help.out).toContain('Examples:');
  });
});
