import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { judgePassword } from '../../host/password-policy/password-policy.ts';
import { runCli } from '../support/run-cli.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

afterAll(removeTempDirectories);

const STANDARD = {
  kind: 'standard',
  minLength: 8,
  maxLength: 12,
  requireUppercase: true,
  requireLowercase: true,
  requireNumber: true,
  requireSpecial: true,
} as const;

describe('the standard policy', () => {
  it.each([
    ['Passw0rd!', []],
    ['Pässw0rd', []],
    ['ÄÖÜäöü12', []],
    ['Aa1 Aa1 Aa1 ', []],
    ['', ['min-length', 'uppercase', 'lowercase', 'number', 'special']],
    ['Aa1!', ['min-length']],
    ['😀😀😀Aa1!', ['min-length']],
    ['😀😀😀😀Aa1!', []],
    ['Passw0rd!Passw0rd!', ['max-length']],
    ['passw0rd!', ['uppercase']],
    ['PASSW0RD!', ['lowercase']],
    ['Password!', ['number']],
    ['Passw0rd1', ['special']],
  ])('says of %j: %j', async (password, codes) => {
    expect((await judgePassword(STANDARD, password)).map(({ code }) => code)).toEqual(codes);
  });

  it('asks for nothing more than it says', async () => {
    const lax = {
      ...STANDARD,
      maxLength: undefined,
      requireUppercase: false,
      requireLowercase: false,
      requireNumber: false,
      requireSpecial: false,
    };
    expect(await judgePassword(lax, 'x'.repeat(1_000))).toEqual([]);
    expect(await judgePassword(undefined, '')).toEqual([]);
  });
});

describe('the zxcvbn policy', () => {
  it.each([
    ['password', 1, false],
    ['Passw0rd!', 2, false],
    ['qwertyuiop', 1, false],
    ['2001-09-11', 2, false],
    ['correct horse battery staple', 4, true],
    ['vT9#kq2LmZx0', 4, true],
  ])('of %j by at least %i: %s', async (password, minScore, isGood) => {
    const problems = await judgePassword({ kind: 'zxcvbn', minScore }, password);
    expect([problems.length === 0, JSON.stringify(problems).includes(password)]).toEqual([isGood, false]);
  });

  it("knows its owner's names, and does not dwell on the longest password", async () => {
    const policy = { kind: 'zxcvbn', minScore: 4 } as const;
    const password = 'zaphod7beeblebrox';
    expect(await judgePassword(policy, password)).toEqual([]);
    const owner = { words: ['zaphod', 'beeblebrox'] };
    expect((await judgePassword(policy, password, owner)).map(({ code }) => code)).toEqual(['score']);
    expect(await judgePassword(policy, 'aB3$'.repeat(256))).toHaveLength(1);
  });
});

describe('postern hash', () => {
  const file = (text: string): string => {
    const path = join(tempDirectory(), 'postern.yml');
    writeFileSync(path, text);
    return path;
  };
  const FAST = ['-m', '8', '-t', '1', '-p', '1'];
  const policy = 'password_policy: { standard: { enabled: true, min_length: 10, require_number: true } }\n';

  it('makes no digest of a password that the policy refuses, unless it is told to', async () => {
    const config = file(policy);
    const refused = await runCli(['hash', ...FAST, '--config', config], { stdin: 'hunter\n' });
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toContain(
      'the password does not fit `password_policy`: it must have at least 10 characters; it needs a digit',
    );
    expect(refused.err).toContain('--ignore-policy');
    expect(refused.err).not.toContain('hunter');
    const forced = await runCli(['hash', ...FAST, '--config', config, '--ignore-policy'], {
      stdin: 'hunter\n',
    });
    expect(forced).toMatchObject({ code: 0, out: expect.stringMatching(/^\$argon2id\$/) });
    expect(forced.err).toContain('warning: the password does not fit');
    const good = await runCli(['hash', ...FAST, '--config', config], { stdin: 'hunter-hunter-2\n' });
    expect(good).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^\$argon2id\$/) });
  });

  it('finds the policy by POSTERN_CONFIG and in the environment, and judges no made password', async () => {
    const env = { POSTERN_CONFIG: file('password_policy: { zxcvbn: { enabled: true } }\n') };
    expect((await runCli(['hash', ...FAST], { stdin: 'password\n', env })).code).toBe(1);
    expect((await runCli(['hash', ...FAST, '--random'], { env })).code).toBe(0);
    const only = { POSTERN_PASSWORD_POLICY_STANDARD_ENABLED: 'true' };
    expect((await runCli(['hash', ...FAST], { stdin: 'short\n', env: only })).code).toBe(1);
  });

  it('minds what is wrong with the policy, and nothing else in the file', async () => {
    const other = file(`server: { address: 'http://x' }\nlog: { level: loud }\n${policy}`);
    expect((await runCli(['hash', ...FAST, '--config', other], { stdin: 'hunter-hunter-2\n' })).code).toBe(0);
    const wrong = file('password_policy: { standard: { enabled: true, require_numbers: true } }\n');
    const answer = await runCli(['hash', ...FAST, '--config', wrong], { stdin: 'hunter-hunter-2\n' });
    expect(answer.code).toBe(1);
    expect(answer.err).toContain('did you mean `require_number`?');
    const broken = file('password_policy: { standard: {\n');
    expect((await runCli(['hash', ...FAST, '--config', broken], { stdin: 'hunter-hunter-2\n' })).code).toBe(
      1,
    );
    const missing = await runCli(['hash', ...FAST, '--config', '/no/such.yml'], {
      stdin: 'hunter-hunter-2\n',
    });
    expect(missing.code).toBe(1);
  });
});
