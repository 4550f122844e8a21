import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { IDENTITY_PROOF_DEFAULTS } from '../../host/config/identity-proof.ts';
import { parseConfig } from '../../host/config/parse.ts';
import { TOTP_DEFAULTS } from '../../host/config/totp.ts';
import { createLogger } from '../../host/log/logger.ts';
import { FileNotifier } from '../../host/notifier/filesystem.ts';
import { messageTexts } from '../../host/notifier/texts.ts';
import { createSecret } from '../../host/secret/secret.ts';
import { BUNDLE } from '../support/run-cli.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/** Every snippet of the pages about second factors, messages and passwords. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (name: string) => readFileSync(join(root, 'docs', name), 'utf8');
const PAGES = ['second-factors.md', 'notifier.md', 'password-policy.md'] as const;
const blocksOf = (page: string) =>
  [...page.matchAll(/^```(\S+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(([, language, name, text]) => ({
    language,
    name,
    text: text ?? '',
  }));
const block = (page: string, language: string, name?: string) =>
  blocksOf(read(page)).find(one => one.language === language && one.name === name)?.text ?? '';

const parse = (text: string) =>
  parseConfig({
    yaml: { file: '/etc/postern/postern.yml', text },
    env: { POSTERN_SECRET: createSecret() },
    isTerminal: false,
    readFile: () => Buffer.from('from-a-file'),
  });

afterAll(removeTempDirectories);

describe.each(PAGES)('docs/%s', name => {
  const configs = blocksOf(read(name)).filter(({ language }) => language === 'yaml');

  it('has configurations', () => {
    expect(configs.length).toBeGreaterThan(0);
  });

  it.each(configs)('shows a configuration without a problem: $text', ({ text }) => {
    expect(parse(text).problems.map(({ path, message }) => `${path}: ${message}`)).toEqual([]);
  });

  it('is linked from the README', () => {
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(`(docs/${name})`);
  });
});

describe('docs/second-factors.md', () => {
  it('tells the defaults as they are', () => {
    const page = read('second-factors.md');
    for (const [key, value] of [
      ['issuer', TOTP_DEFAULTS.issuer],
      ['algorithm', TOTP_DEFAULTS.algorithm],
      ['digits', TOTP_DEFAULTS.digits],
      ['period', TOTP_DEFAULTS.period],
      ['skew', TOTP_DEFAULTS.skew],
      ['secret_size', TOTP_DEFAULTS.secretSize],
    ]) {
      expect(page).toContain(`| \`totp.${key}\` | \`${value}\` |`);
    }
    const shown = blocksOf(page).find(({ text }) => text.startsWith('identity_validation'))?.text ?? '';
    expect(parse(shown).config.identityProof).toEqual(IDENTITY_PROOF_DEFAULTS);
  });

  it('shows a line of the log as it is written', () => {
    const lines: string[] = [];
    const now = () => new Date('2026-01-02T03:04:05.678Z');
    const log = createLogger({
      level: 'info',
      format: 'json',
      colour: false,
      write: line => lines.push(line),
      now,
    });
    log.info('authentication failed', {
      client: '203.0.113.7',
      user: 'john',
      reason: 'wrong time-based code',
    });
    expect(JSON.parse(block('second-factors.md', 'json', 'log'))).toEqual(JSON.parse(lines[0] ?? ''));
  });

  it('shows commands that run in their order', () => {
    const home = tempDirectory();
    // The page's folder is another machine's.
    const config = block('second-factors.md', 'yaml', 'postern.yml').replaceAll('/var/lib/postern/', '');
    writeFileSync(join(home, 'postern.yml'), config);
    // The database is there: the service made it.
    const postern = `postern() { "${process.execPath}" "${BUNDLE}" "$@"; }`;
    const script = `set -e\n${postern}\npostern storage migrate 2>/dev/null\n${block('second-factors.md', 'sh')}`;
    const env = { PATH: process.env.PATH, POSTERN_SECRET: createSecret() };
    const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { cwd: home, env, encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([0, '', 'removed: 0 devices\nended: 0 sessions\n']);
  });
});

describe('docs/notifier.md', () => {
  it('shows a message as it is written', async () => {
    const file = join(tempDirectory(), 'notification.txt');
    const message = messageTexts('en').code({
      name: 'John',
      code: 'ACDEFGHJ',
      minutes: 5,
      site: 'auth.example.com',
      address: '203.0.113.7',
    });
    await new FileNotifier(file, () => Date.parse('2026-01-02T03:04:05.678Z')).send({
      to: { name: 'John', address: 'john@example.com' },
      ...message,
    });
    expect(readFileSync(file, 'utf8')).toBe(block('notifier.md', 'text', 'notification'));
  });
});

describe('docs/password-policy.md', () => {
  it('shows a password that is refused, and why', () => {
    const home = tempDirectory();
    const page = 'password-policy.md';
    writeFileSync(join(home, 'zxcvbn.yml'), block(page, 'yaml', 'zxcvbn.yml'));
    const script = `postern() { "${process.execPath}" "${BUNDLE}" "$@"; }\n${block(page, 'sh')}`;
    const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { cwd: home, encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([1, '', block(page, 'text')]);
    const forced = spawnSync('sh', ['-c', script.replace('postern hash', 'postern hash --ignore-policy')], {
      cwd: home,
      encoding: 'utf8',
    });
    expect([forced.status, forced.stdout]).toEqual([0, expect.stringMatching(/^\$argon2id\$/)]);
  });
});
