import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../host/config/parse.ts';
import { formatProblem } from '../../host/config/problem.ts';
import { formatSecret } from '../../host/secret/secret.ts';

const POSTERN_SECRET = formatSecret(Buffer.alloc(32, 1));

function read(regulation: string, env: Record<string, string> = {}) {
  const text = `authentication_backend: { file: { path: users.yml } }\n${regulation}\n`;
  const yaml = { file: 'postern.yml', text };
  const { config, problems } = parseConfig({ yaml, env: { POSTERN_SECRET, ...env }, isTerminal: false });
  return { regulation: config.regulation, problems: problems.map(formatProblem) };
}

const DEFAULT = { maxRetries: 3, findSeconds: 120, banSeconds: 300, modes: ['user'] };

describe('regulation', () => {
  const good: [string, object][] = [
    // Authelia has a database always.
    ['storage: { local: { path: postern.sqlite3 } }', {}],
    ['', { maxRetries: 0 }],
    ['regulation: {}', {}],
    // As in the corpus of a zero-trust installation.
    [
      'regulation: { max_retries: 3, find_time: 10m, ban_time: 30m }',
      { findSeconds: 600, banSeconds: 1_800 },
    ],
    ["regulation: { find_time: '2 minutes', ban_time: '1h 30m' }", { banSeconds: 5_400 }],
    ['regulation: { find_time: 60, ban_time: 60 }', { findSeconds: 60, banSeconds: 60 }],
    ['regulation: { max_retries: 0 }', { maxRetries: 0 }],
    ['regulation: { modes: [ip] }', { modes: ['ip'] }],
    ['regulation: { modes: [ip, user, ip] }', { modes: ['user', 'ip'] }],
    ['regulation: { modes: user }', {}],
  ];
  it.each(good)('reads as Authelia does: %s', (text, over) => {
    expect(read(text)).toEqual({ regulation: { ...DEFAULT, ...over }, problems: [] });
  });

  it('comes from the environment, too', () => {
    const env = { POSTERN_REGULATION_MAX_RETRIES: '5', POSTERN_REGULATION_MODES: 'user, ip' };
    expect(read('', env)).toEqual({
      regulation: { ...DEFAULT, maxRetries: 5, modes: ['user', 'ip'] },
      problems: [],
    });
  });

  const bad: [string, string][] = [
    ['max_retries: -1', 'max_retries: must be a whole number from 0 to 1000, got -1'],
    ['max_retries: three', 'max_retries: must be a whole number from 0 to 1000, got "three"'],
    ['find_time: soon', 'find_time: must be a duration like `1h`'],
    ['ban_time: 0', 'ban_time: must be from 1s to 365d, got 0'],
    ['modes: [group]', 'modes: must be a list of `user`, `ip` or both'],
    ['modes: []', 'modes: must be a list of `user`, `ip` or both'],
    [
      'find_time: 10m',
      'find_time: must not be longer than `regulation.ban_time`, got 10m and 5m: failed attempts from before a ban would bring the next one',
    ],
    ['max_retires: 3', 'max_retires: unknown key, did you mean `max_retries`?'],
  ];
  it.each(bad)('refuses %s', (text, message) => {
    expect(read(`regulation: { ${text} }`).problems).toEqual([
      expect.stringContaining(`postern.yml:2: regulation.${message}`),
    ]);
  });
});
