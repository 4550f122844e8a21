import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createSecret } from '../../host/secret/secret.ts';
import { startChild } from '../support/child.ts';
import { BUNDLE, runBundle, runCli } from '../support/run-cli.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

afterAll(removeTempDirectories);

const DIGEST = '$argon2id$v=19$m=65536,t=3,p=2$BpLnfgDsc2WD8F2q$o/vzA4myCqZZ36bUGsDY//8mKUYNZZaR0t4MFFSs+iM';
const POLICY = `authentication_backend:
  file: { path: users.yml }
access_control:
  rules:
    - domain: public.example.com
      policy: bypass
    - domain: app.example.com
      subject: 'group:admins'
      policy: two_factor
    - domain: app.example.com
      networks: 10.0.0.0/8
      policy: one_factor
`;

/** A folder with a policy, its users and these tests. */
function folder(tests: string, policy = POLICY): string {
  const home = tempDirectory();
  writeFileSync(join(home, 'postern.yml'), policy);
  writeFileSync(
    join(home, 'users.yml'),
    `users:
  alice: { displayname: Alice, password: '${DIGEST}', groups: [admins] }
  gone: { displayname: Gone, password: '${DIGEST}', groups: [admins], disabled: true }
`,
  );
  writeFileSync(join(home, 'policy.test.yml'), tests);
  return home;
}

async function run(tests: string, ...args: string[]) {
  const home = folder(tests);
  const { code, out, err } = await runCli(['test', join(home, 'policy.test.yml'), ...args]);
  return { code, out: out.replaceAll(`${home}/`, ''), err: err.replaceAll(`${home}/`, '') };
}

const app = 'https://app.example.com/';
const one = (lines: string) => `config: postern.yml\ntests:\n  - request: ${app}\n    ${lines}\n`;

describe('postern test', () => {
  it.each([
    ['a verdict', 'expect: challenge'],
    ["a rule's policy", 'expect: two_factor'],
    ['the rule', 'expect: challenge\n    rule: 2'],
    ['the default policy', 'as: { user: bob, groups: [] }\n    expect: forbid\n    rule: default'],
    ['the default policy by number', 'as: { user: bob, groups: [] }\n    expect: deny\n    rule: 0'],
    ['groups of the users file', 'as: { user: alice, level: 2 }\n    expect: allow'],
    ['a user of the users file by name', 'as: alice\n    expect: challenge\n    rule: 2'],
    ['groups that are said', 'as: { user: alice, groups: [], level: 2 }\n    expect: forbid'],
    ['a disabled user', 'as: { user: gone, level: 2 }\n    expect: challenge'],
    [
      'a list of visitors',
      'as: [anonymous, alice, { user: root, groups: [admins] }]\n    expect: two_factor',
    ],
  ])('judges by %s', async (_what, lines) => {
    expect(await run(one(lines))).toMatchObject({ code: 0, err: '' });
  });

  it.each([
    ['a verdict', 'expect: allow', 'expected allow (policy.test.yml:3)'],
    ['a policy', 'expect: bypass', 'got two_factor by rule 2 (postern.yml:7): takes two factors'],
    ['a rule', 'expect: two_factor\n    rule: 3', 'expected two_factor by rule 3'],
    ['a bad request', 'expect: bad-request', 'got challenge by rule 2'],
    ['a level', 'as: alice\n    expect: allow', 'takes a second factor'],
  ])('fails by %s', async (_what, lines, said) => {
    const { code, out, err } = await run(one(lines));
    expect([code, err]).toEqual([1, 'error: 1 test failed\n']);
    expect(out).toContain('✗');
    expect(out).toContain(said);
    expect(out).toContain('1 test, 1 request: 0 passed, 1 failed');
  });

  it('says what got in the way, and the explain that shows more', async () => {
    const { out } = await run(
      `config: postern.yml
tests:
  - name: bob at home
    request: { url: '${app}', ip: 192.168.1.5 }
    as: { user: "bob o'neill", groups: [users] }
    expect: allow
    rule: 3
`,
    );
    expect(out).toContain('  ✗ bob at home\n');
    expect(out).toContain(`GET ${app} as bob o'neill with one factor from 192.168.1.5`);
    expect(out).toContain('got forbid by default_policy (postern.yml:3): denied: no sign-in helps');
    expect(out).toContain('rule 2 (postern.yml:7) does not match by subject: group:admins');
    expect(out).toContain('rule 3 (postern.yml:10) does not match by networks: 10.0.0.0/8');
    expect(out).toContain(
      `postern explain --config postern.yml --url ${app} --ip 192.168.1.5 --user 'bob o'\\''neill' --groups users --level 1`,
    );
  });

  it('knows service accounts, and where their tokens are good from', async () => {
    const home = folder(
      `config: postern.yml
tests:
  - { request: { url: '${app}', ip: 10.1.1.1 }, as: robot, expect: allow, rule: 3 }
  - { request: { url: '${app}', ip: 10.2.1.1 }, as: robot, expect: challenge, rule: 2 }
`,
      `tokens: { file: tokens.yml }\n${POLICY}`,
    );
    const config = join(home, 'postern.yml');
    const create = ['token', 'create', 'robot', '--network', '10.1.0.0/16', '--config', config];
    expect(await runCli(create)).toMatchObject({ code: 0 });
    expect(await runCli(['test', join(home, 'policy.test.yml')])).toMatchObject({ code: 0, err: '' });
    const explain = ['explain', '--config', config, '--url', app, '--user', 'robot'];
    const { out } = await runCli([...explain, '--ip', '10.2.1.1']);
    expect(out).toContain('the credential is refused: the token is good from 10.1.0.0/16 only');
    expect(out).toMatch(/^robot with a token +challenge \(401\)/m);
    expect(out).not.toContain('two factors ');
    expect(await runCli([...explain, '--level', '2'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('one factor and never two'),
    });
    writeFileSync(join(home, 'two.test.yml'), one('as: { user: robot, level: 2 }\n    expect: allow'));
    expect(await runCli(['test', join(home, 'two.test.yml')])).toMatchObject({
      code: 1,
      err: expect.stringContaining('two.test.yml:4: tests[0].as: user `robot` is a service account'),
    });
  });

  it('says that the expected rule stands too low', async () => {
    const { out } = await run(
      one('as: alice\n    expect: challenge\n    rule: 3').replace(app, `{ url: ${app}, ip: 10.0.0.1 }`),
    );
    expect(out).toContain('rule 3 (postern.yml:10) would match, too, but stands below');
  });

  it('multiplies lists, and applies defaults', async () => {
    const { code, out } = await run(
      `config: postern.yml
subjects:
  alice: { groups: [admins] }
  bob: { user: robert, groups: [] }
defaults: { ip: [10.0.0.1, '10.0.0.2'], method: [GET, POST], as: [bob, { subject: alice, level: 2 }] }
tests:
  - request: { url: ['${app}a', '${app}b'] }
    expect: allow
  - request: ['${app}c', { url: '${app}d', method: PUT, ip: 10.0.0.3 }]
    as: bob
    expect: one_factor
`,
    );
    expect(out).toContain(`GET ${app}a (16 requests)`);
    expect(out).toContain(`GET ${app}c (5 requests)`);
    expect([code, out.split('\n').at(-2)]).toEqual([0, '2 tests, 21 requests: 2 passed, 0 failed']);
  });

  it('lists rules that no test reaches, and fails below a minimum', async () => {
    const tests = one('expect: two_factor');
    const { code, out } = await run(tests, '--coverage');
    expect(code).toBe(0);
    expect(out).toContain('✗ postern.yml: 1 of 3 rules reached');
    expect(out).toContain('never reached: rule 1 (postern.yml:5): bypass for public.example.com');
    expect(out).toContain('never reached: rule 3 (postern.yml:10): one_factor for app.example.com');
    expect(out).toContain('default_policy was not reached');
    expect(await run(tests, '--coverage-min', '33')).toMatchObject({ code: 0 });
    expect(await run(tests, '--coverage-min', '34')).toMatchObject({
      code: 1,
      err: 'error: postern.yml: 33 % of the rules reached, 34 % wanted\n',
    });
  });

  it('counts the coverage of several files of one policy together', async () => {
    const home = folder(one('expect: two_factor'));
    writeFileSync(
      join(home, 'more.test.yml'),
      `config: ../${home.split('/').at(-1)}/postern.yml\ntests:\n  - { request: 'https://public.example.com/', expect: allow }\n`,
    );
    const files = [join(home, 'policy.test.yml'), join(home, 'more.test.yml')];
    const { code, out } = await runCli(['test', ...files, '--coverage', '--json']);
    expect(code).toBe(0);
    const report = JSON.parse(out);
    expect(report).toMatchObject({ ok: true, passed: 2, failed: 0, requests: 2, problems: [] });
    expect(report.coverage).toMatchObject([{ rules: 3, reached: 2, missed: [{ position: 3, line: 10 }] }]);
  });

  it('prints JSON with every request and its decision', async () => {
    const { code, out } = await run(one('as: alice\n    expect: allow'), '--json');
    expect(code).toBe(1);
    const report = JSON.parse(out);
    expect(report.files[0].tests[0]).toMatchObject({ line: 3, passed: false, expect: 'allow' });
    expect(report.files[0].tests[0].cases[0]).toMatchObject({
      url: app,
      method: 'GET',
      ip: null,
      passed: false,
      got: {
        as: { user: 'alice', groups: ['admins'], level: 1 },
        verdict: 'challenge',
        policy: 'two_factor',
        rule: { position: 2, line: 7 },
      },
    });
  });

  it('takes another configuration', async () => {
    const home = folder(one('expect: bypass').replace('config: postern.yml\n', ''));
    const other = join(home, 'other.yml');
    writeFileSync(other, POLICY.replaceAll('public.', 'app.'));
    const file = join(home, 'policy.test.yml');
    expect(await runCli(['test', file, '--config', other])).toMatchObject({ code: 0 });
    const without = await runCli(['test', file]);
    expect(without.code).toBe(1);
    expect(without.err).toContain('config: missing: name the file whose rules are tested');
  });

  it.each([
    ['subject: {}', ':2: subject: unknown key, did you mean `subjects`?'],
    ['subjects: { anonymous: { groups: [] } }', ':2: subjects.anonymous: `anonymous` is whoever'],
    ['subjects: { al: { grups: [] } }', ':2: subjects.al.grups: unknown key, did you mean `groups`?'],
    [
      'subjects: { al: { level: 3 } }',
      ':2: subjects.al.level: must be 1 (one factor) or 2 (two factors), got 3',
    ],
    ['subjects: { al: { groups: [7] } }', ":2: subjects.al.groups[0]: must be a text, got 7: write '7'"],
    ['defaults: { methods: GET }', ':2: defaults.methods: unknown key, did you mean `method`?'],
    ['defaults: { ip: home }', ':2: defaults.ip: must be an IP address, got "home"'],
  ])('finds what is wrong with %s', async (line, message) => {
    const { code, err } = await run(
      `config: postern.yml\n${line}\ntests: [{ request: ${app}, expect: deny }]\n`,
    );
    expect(code).toBe(1);
    expect(err).toContain(`error: policy.test.yml${message}`);
  });

  it.each([
    ['expect: deney', ':4: tests[0].expect: must be `allow`', 'did you mean `deny`?'],
    ['rule: 1', ':3: tests[0].expect: missing', ''],
    ['expect: allow\n    rule: 4', ':5: tests[0].rule: the policy has 3 rules, got 4', ''],
    ['expect: allow\n    rule: one', ':5: tests[0].rule: must be a rule', ''],
    ['expect: bad-request\n    rule: 1', ':5: tests[0].rule: must be removed', ''],
    ['expect: allow\n    user: bob', ':5: tests[0].user: unknown key', '`name`, `request`, `as`'],
    [
      'expect: allow\n    as: alise',
      ':5: tests[0].as: user `alise` is no user that the configuration knows',
      '`alice`?',
    ],
    ['expect: allow\n    as: { subject: al }', ':5: tests[0].as.subject: no such subject', ''],
    ['expect: allow\n    as: []', ':5: tests[0].as: must not be an empty list', ''],
    ['expect: allow\n    as: { level: 2 }', ':5: tests[0].as: must have a `user`', ''],
    ["expect: allow\n    as: { user: 'a:b' }", ':5: tests[0].as.user: a user name must not hold a colon', ''],
  ])('finds what is wrong with %j', async (lines, message, more) => {
    const { code, err } = await run(one(lines));
    expect(code).toBe(1);
    expect(err).toContain(`error: policy.test.yml${message}`);
    expect(err).toContain(more);
  });

  it.each([
    ['tests: []', 'must be a list of at least one test'],
    ['tests: [{ expect: allow }]', 'tests[0].request: missing'],
    ['tests: [{ request: app.example.com, expect: allow }]', 'must be a whole URL'],
    [
      'tests: [{ request: { uri: x }, expect: allow }]',
      'tests[0].request.uri: unknown key, did you mean `url`?',
    ],
    ['tests: [{ request: { url: [] }, expect: allow }]', 'must not be an empty list'],
    ['tests:\n  - a\n b', 'not valid YAML'],
    ['hello', 'must be a mapping with `config`'],
  ])('does not take %j for tests', async (text, message) => {
    const { code, err } = await run(text === 'hello' ? text : `config: postern.yml\n${text}\n`);
    expect(code).toBe(1);
    expect(err).toContain(message);
  });

  it('gives up lists that multiply beyond reason', async () => {
    const urls = Array.from({ length: 400 }, (_, i) => `${app}${i}`).join(', ');
    const users = Array.from({ length: 300 }, (_, i) => `{ user: u${i}, groups: [] }`).join(', ');
    const { code, err } = await run(
      `config: postern.yml\ntests:\n  - { request: { url: [${urls}] }, as: [${users}], expect: deny }\n`,
    );
    expect([code, err]).toEqual([1, expect.stringContaining('more than 100000 requests in one file')]);
  });

  it('runs what it can when another file is broken, and fails', async () => {
    const home = folder(one('expect: two_factor'));
    const files = [join(home, 'nowhere.yml'), join(home, 'policy.test.yml')];
    const { code, out, err } = await runCli(['test', ...files]);
    expect(code).toBe(1);
    expect(out).toContain('1 passed, 0 failed; 1 problem in the files');
    expect(err).toContain('nowhere.yml: no such file');
  });

  it('names the problems of a policy that does not load once, however many files test it', async () => {
    const home = folder(one('expect: allow'), POLICY.replace('policy: bypass', 'policy: bypas'));
    writeFileSync(join(home, 'more.test.yml'), one('expect: allow'));
    const { code, err } = await runCli(['test', join(home, 'policy.test.yml'), join(home, 'more.test.yml')]);
    expect(code).toBe(1);
    expect(err.match(/postern\.yml:6/g)).toHaveLength(1);
  });

  it('shows nothing of a file that is a secret', async () => {
    const secret = createSecret();
    const { code, out, err } = await run(`${secret}\n`);
    expect([code, err.split('\n')[0]]).toEqual([
      1,
      expect.stringMatching(/: must be a mapping with `config`, `subjects`, `defaults`, `tests`$/),
    ]);
    expect(out + err).not.toContain(secret);
  });

  it('is called wrongly without a file', async () => {
    expect(await runCli(['test'])).toMatchObject({ code: 2, out: '' });
    expect(await runCli(['test', 'x.yml', '--coverage-min', '101'])).toMatchObject({ code: 2 });
  });

  it('runs again when tests, policy or users change, until it is stopped', async () => {
    const home = folder(one('as: alice\n    expect: two_factor'));
    const child = startChild(process.execPath, [BUNDLE, 'test', 'policy.test.yml', '--watch'], { cwd: home });
    const write = (name: string, text: string): void => {
      writeFileSync(join(home, `${name}.new`), text);
      renameSync(join(home, `${name}.new`), join(home, name));
    };
    await child.waitFor(/1 passed, 0 failed\nwaiting/);
    write('postern.yml', POLICY.replace('two_factor', 'one_factor'));
    await child.waitFor(/changed: postern\.yml.*0 passed, 1 failed\nwaiting/s);
    write('policy.test.yml', one('as: alice\n    expect: one_factor\n    rule: 2'));
    await child.waitFor(/changed: policy\.test\.yml.*1 passed, 0 failed\nwaiting/s);
    write('users.yml', `users:\n  alice: { displayname: A, password: '${DIGEST}', groups: [others] }\n`);
    await child.waitFor(/changed: \S*users\.yml.*0 passed, 1 failed\nwaiting/s);
    write('postern.yml', 'access_control: [');
    await child.waitFor(/changed: postern\.yml.*0 tests.*waiting/s);
    write('postern.yml', POLICY.replaceAll('admins', 'others').replace('two_factor', 'one_factor'));
    await child.waitFor(/0 tests.*changed: postern\.yml.*1 passed, 0 failed\nwaiting/s);
    expect(await child.stop()).toBe(0);
  });
});

describe('examples', () => {
  const folder = fileURLToPath(new URL('../../examples/', import.meta.url));
  const files = readdirSync(folder).filter(name => name.endsWith('.test.yml'));

  const policies = readdirSync(folder).filter(name => /^(?!users)[^.]+\.yml$/.test(name));

  it.each(policies)('%s is valid, without a warning', async name => {
    const config = join(folder, name);
    const env = { POSTERN_SECRET: createSecret() };
    expect(await runCli(['validate', '--config', config], { env })).toEqual({
      code: 0,
      out: `${config} is valid\n`,
      err: '',
    });
  });

  it('are tested, every rule and the default policy of them', () => {
    expect(files.map(name => name.replace('.test', ''))).toEqual(policies);
    const { code, out, err } = runBundle(['test', ...files, '--coverage-min', '100', '--json'], folder);
    expect([code, err]).toEqual([0, '']);
    const report = JSON.parse(out);
    expect(report).toMatchObject({ ok: true, failed: 0 });
    expect(report.coverage).toHaveLength(policies.length);
    for (const { missed, default_policy_reached } of report.coverage) {
      expect({ missed, default_policy_reached }).toEqual({ missed: [], default_policy_reached: true });
    }
  });
});
