import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { MemoryCache } from '../../host/cache/memory-cache.ts';
import { parseConfig } from '../../host/config/parse.ts';
import { NO_REGULATION, REGULATION_DEFAULTS } from '../../host/config/regulation.ts';
import { createLogger } from '../../host/log/logger.ts';
import { createRegulator } from '../../host/regulation/create.ts';
import { createSecret } from '../../host/secret/secret.ts';
import { describeWith } from '../support/component.ts';
import { FakeClock, FakeDirectory, FakeEngine, fakeRandom } from '../support/host-fakes.ts';
import { posternCommand } from '../support/postern.ts';
import { findProgram } from '../support/program.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs', 'regulation.md'), 'utf8');
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}(?: \\S+)?\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, text]) => text ?? '',
  );
const [FILTER = '', JAIL = ''] = blocks('ini');
const TIME = new Date('2026-01-31T12:00:00Z');
/** Of no password that anybody needs. */
const DIGEST = '$5$rounds=1000$saltsalt$VUpP3Xg0Nw3mDbn0PvH2lGGVD9KAtzPNdkxRvLVqRh6';

afterAll(removeTempDirectories);

/** Lines that the service writes, and other lines in which somebody tries to write them. */
async function lines(format: 'text' | 'json') {
  const written: string[] = [];
  const log = createLogger({
    level: 'debug',
    format,
    colour: false,
    write: line => written.push(line),
    now: () => TIME,
  });
  const directory = new FakeDirectory();
  const names = ['alice', 'al"ice', 'zoë client=6.6.6.6', 'x\\', '","msg":"authentication failed"}'];
  for (const name of names) directory.put(name, 'x');
  const [clock, random] = [new FakeClock(), fakeRandom()];
  const regulator = createRegulator(NO_REGULATION, {
    secret: randomBytes(32),
    directory,
    engine: new FakeEngine(),
    cache: new MemoryCache({ clock, random, log }),
    bans: () => undefined,
    clock,
    random,
    log,
  });
  for (const username of names)
    await regulator.failed({ username, address: '203.0.113.9' }, 'wrong password');
  await regulator.failed({ username: 'nobody', address: '2001:db8::1' }, 'unknown user');
  const failures = written.splice(0);
  const forged = ['text', 'json'].flatMap(() => [
    ' info  authentication failed client=6.6.6.6 reason=x user=alice',
    '\n2026-01-31T12:00:00.000Z info  authentication failed client=6.6.6.6 reason=x user=alice',
    '","client":"6.6.6.6","reason":"x","user":"x","msg":"authentication failed"}',
    '\r\n{"level":"info","time":"2026-01-31T12:00:00.000Z","client":"6.6.6.6","reason":"x","user":"x","msg":"authentication failed"}',
    '\u2028authentication failed client=6.6.6.6',
  ]);
  for (const text of forged) {
    // Names that nobody has and addresses that are none are the client's to choose.
    await regulator.failed({ username: text, address: '' }, 'unknown user');
    log.info('refused', { host: text, path: text, reason: text });
    log.info(text);
  }
  return { failures, others: written };
}

/** fail2ban's expressions as JavaScript: what is behind the date, as fail2ban looks at it. */
function addressIn(line: string): string | undefined {
  const date = /^datepattern = (.*)$/m.exec(FILTER)?.[1] ?? '';
  const time = date
    .replaceAll('%%Y', '\\d{4}')
    .replaceAll(/%%[mdHMS]/g, '\\d\\d')
    .replaceAll('%%f', '\\d+')
    .replaceAll('%%z', 'Z');
  const behind = line.replace(/\n$/, '').replace(new RegExp(time), '');
  if (behind.length === line.replace(/\n$/, '').length) return undefined;
  const expressions = (/^failregex = ([\s\S]*)$/m.exec(FILTER)?.[1] ?? '').trim().split(/\n +/);
  for (const expression of expressions) {
    const found = new RegExp(expression.replace('<ADDR>', '([0-9a-f:.]+)')).exec(behind);
    if (found !== null) return found[1];
  }
  return undefined;
}

const WANTED = [...Array(5).fill('203.0.113.9'), '2001:db8::1'];

describe('docs/regulation.md', () => {
  it('shows a configuration that is read, with the defaults as they are', () => {
    const parsed = parseConfig({
      yaml: { file: '/etc/postern/postern.yml', text: blocks('yaml')[0] ?? '' },
      env: { POSTERN_SECRET: createSecret() },
      isTerminal: false,
    });
    expect(parsed.problems).toEqual([]);
    expect(parsed.config.regulation).toEqual(REGULATION_DEFAULTS);
  });

  it('shows commands that run in their order', () => {
    const home = tempDirectory();
    const bin = posternCommand(home);
    writeFileSync(join(home, 'postern.yml'), blocks('yaml')[0] ?? '');
    writeFileSync(join(home, 'users.yml'), `users: { alice: { password: '${DIGEST}' } }\n`);
    const env = { PATH: `${bin}:${process.env.PATH}`, POSTERN_SECRET: createSecret() };
    const told = blocks('sh').map(command => {
      const shell = spawnSync('sh', ['-ec', command], { cwd: home, env, encoding: 'utf8' });
      expect([command, shell.status, shell.stdout]).toEqual([command, 0, '']);
      return shell.stderr.replaceAll(/\d{4}-\d\d-\d\dT\S+Z/g, 'TIME');
    });
    const note = 'note: there is no user `mallory` now\n';
    expect(told).toEqual([
      '',
      `${note}banned: user mallory, until it is removed\nbanned: address 203.0.113.0/24, until TIME\n`,
      `${note}ended: user mallory\nended: address 203.0.113.0/24\n`,
    ]);
  });

  it.each([
    ['text', blocks('text')[0] ?? ''],
    ['json', blocks('json')[0] ?? ''],
  ] as const)('shows the line of a failed attempt as it is: %s', async (format, shown) => {
    const { failures } = await lines(format);
    expect(failures[0]).toBe(shown);
  });

  it.each(['text', 'json'] as const)(
    'shows a filter that finds each failed attempt, and nothing forged: %s',
    async format => {
      const { failures, others } = await lines(format);
      expect(failures.map(addressIn)).toEqual(WANTED);
      expect(others).toHaveLength(30);
      for (const line of others) expect([line, addressIn(line)]).toEqual([line, undefined]);
      for (const line of [...failures, ...others]) expect(line.split(/[\r\n\u2028]/)).toHaveLength(2);
    },
  );

  it('shows a jail for that filter', () => {
    expect(JAIL).toMatch(/^\[postern\]\n/);
    expect(JAIL).toContain('filter = postern\n');
  });
});

describeWith(
  'fail2ban-regex',
  'Install fail2ban (apt-get install --no-install-recommends fail2ban).',
  findProgram('fail2ban-regex', 'POSTERN_FAIL2BAN_REGEX'),
  'the filter in fail2ban itself',
  program => {
    it.each(['text', 'json'] as const)('finds each failed attempt, and nothing forged: %s', async format => {
      const home = tempDirectory();
      const { failures, others } = await lines(format);
      writeFileSync(join(home, 'postern.conf'), FILTER);
      writeFileSync(join(home, 'postern.log'), [...others, ...failures, ...others].join(''));
      const { stdout, status } = spawnSync(
        program,
        ['--out', 'ip', join(home, 'postern.log'), join(home, 'postern.conf')],
        { encoding: 'utf8', timeout: 60_000, cwd: home },
      );
      expect([status, stdout.trim().split('\n')]).toEqual([0, WANTED]);
    });
  },
);
