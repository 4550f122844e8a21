import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, formatProblem } from '../../host/config/problem.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { livePolicy, waitingKeys } from '../../host/reload/live-config.ts';
import { createSecret, createToken, isMadeToken, parseSecret } from '../../host/secret/secret.ts';
import { isTokenDigest, TokenDigests } from '../../host/tokens/digests.ts';
import { editTokens, LockedError } from '../../host/tokens/edit.ts';
import { LastUse, readUsage, USAGE_WRITE_MS } from '../../host/tokens/last-use.ts';
import { parseTokens } from '../../host/tokens/parse-tokens.ts';
import { openTokensFile, readTokensFile, type TokensFile } from '../../host/tokens/registry.ts';
import { isWeak, tokenProblem } from '../../host/tokens/strength.ts';
import { parseEnd, parseTime } from '../../host/tokens/time.ts';
import { endOf, stateOf } from '../../host/tokens/token.ts';
import { FakeClock, fakeLogger, fakeRandom } from '../support/host-fakes.ts';
import { describeSmallDisk } from '../support/small-disk.ts';
import { waitUntil } from '../support/wait.ts';

const engine = loadEngine(fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url)));
const secret = (text: string) => {
  const parsed = parseSecret(text);
  if (!parsed.ok) throw new Error('no secret');
  return parsed.key;
};
const ROOT = secret(createSecret());
const OTHER = secret(createSecret());
const digestOf = (token: string) => new TokenDigests([ROOT]).make(token);
const DIGEST = digestOf(createToken());

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'postern-tokens-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const one = (lines: string) => `tokens:
  ci:
    groups: [deploy]
${lines}
    secrets:
      - id: a
        digest: ${DIGEST}
`;

describe('the tokens file', () => {
  it('says who a service account is', () => {
    const text = one(`    displayname: CI
    email: ci@example.com
    owner: alice
    description: deploys
    created: 2026-01-01
    expires: '2027-01-31T12:00:00+01:00'
    networks: [10.0.0.0/8, '2001:db8::1']`);
    const { accounts, problems } = parseTokens('t.yml', text, engine);
    expect(problems).toEqual([]);
    expect(accounts.get('ci')).toMatchObject({
      principal: { username: 'ci', displayName: 'CI', email: 'ci@example.com', groups: ['deploy'] },
      disabled: false,
      owner: 'alice',
      description: 'deploys',
      created: Date.UTC(2026, 0, 1),
      expires: Date.UTC(2027, 0, 31, 11),
      networkNames: ['10.0.0.0/8', '2001:db8::1'],
      secrets: [{ id: 'a', digest: DIGEST, created: undefined, expires: undefined }],
    });
  });

  it.each(['', '# nothing yet\n', 'tokens:\n', 'tokens: {}\n', 'tokens: ~\n'])(
    'may hold no token: %j',
    text => {
      const { accounts, problems } = parseTokens('t.yml', text, engine);
      expect([accounts.size, problems]).toEqual([0, []]);
    },
  );

  it.each([
    ['an unknown key', one('    group: [a]'), '4: tokens.ci.group: unknown key, did you mean `groups`?'],
    ['an unknown key above', 'token:\n  a: {}\n', '1: token: unknown key, did you mean `tokens`?'],
    ['another kind of file', '- a\n', ' is not a tokens file: it must begin with `tokens:`'],
    ['a list', 'tokens:\n  - a\n', '1: tokens: must be a mapping of names: `postern token create` writes it'],
    [
      'no attributes',
      'tokens:\n  a: x\n',
      '2: tokens.a: must be a mapping: `postern token create` writes it',
    ],
    [
      'no secrets',
      'tokens:\n  a:\n    groups: []\n',
      '2: tokens.a: must have `secrets`: `postern token create` makes one',
    ],
    [
      'a colon in the name',
      one('').replace('ci:', "'c:i':"),
      '2: tokens.c:i: a user name must not hold a colon',
    ],
    [
      'a time that is none',
      one('    expires: 2027-02-30'),
      '4: tokens.ci.expires: must be a time like `2027-01-31T12:00:00Z` or a day like `2027-01-31`',
    ],
    ['never', one('    expires: never'), '4: tokens.ci.expires: must be a time'],
    ['no time', one('    expires:'), '4: tokens.ci.expires: must be a time'],
    [
      'a network that is none',
      one('    networks: [10.0.0.0/8, internal]'),
      '4: tokens.ci.networks[1]: is no network: write an address or a CIDR such as `10.0.0.0/8`',
    ],
    ['one network', one('    networks: 10.0.0.0/8'), '4: tokens.ci.networks: must be a list'],
    [
      'nowhere',
      one('    networks: []'),
      '4: tokens.ci.networks: must list at least one network: remove the key to allow all',
    ],
    ['nowhere either', one('    networks:'), '4: tokens.ci.networks: must list at least one network'],
    ['perhaps disabled', one('    disabled: yes'), '4: tokens.ci.disabled: must be `true` or `false`'],
    [
      'a group with a comma',
      one('').replace('[deploy]', "['a,b']"),
      '3: tokens.ci.groups[0]: a group must not hold a comma',
    ],
    [
      'a secret for a digest',
      one('').replace(DIGEST, 'valid-token-123'),
      '7: tokens.ci.secrets[0].digest: is no digest of a token: let `postern token create` or `import` write it',
    ],
    [
      'an unknown key of a secret',
      `${one('')}        until: 2027-01-01\n`,
      '8: tokens.ci.secrets[0].until: unknown key',
    ],
    [
      'an id that is none',
      one('').replace('id: a', 'id: a b'),
      '6: tokens.ci.secrets[0].id: must be a name of letters, digits, `-` and `_`',
    ],
    [
      'three secrets',
      `${one('')}${['b', 'c'].map(id => `      - {id: ${id}, digest: '${digestOf(createToken())}'}\n`).join('')}`,
      '5: tokens.ci.secrets: has 3 secrets where 2 may be valid at once: remove the oldest',
    ],
    [
      'one id for two',
      `${one('')}      - {id: a, digest: '${digestOf(createToken())}'}\n`,
      '8: tokens.ci.secrets[1].id: stands twice: each secret of a token needs another',
    ],
    [
      'one secret for two',
      `${one('')}  cd:\n    secrets: [{id: a, digest: '${DIGEST}'}]\n`,
      '9: tokens.cd.secrets[0].digest: is also a secret of `ci`: revoke one of them',
    ],
    [
      'names that look alike',
      `${one('')}  CI:\n    secrets: [{id: a, digest: '${digestOf(createToken())}'}]\n`,
      '8: tokens.CI: differs from `ci` only in upper and lower case: rename one',
    ],
    ['one name twice', `${one('')}  ci: {}\n`, '8: `ci` stands twice in one mapping: keep one'],
    ['no YAML', 'tokens: [', ': not valid YAML'],
  ])('refuses %s', (_name, text, expected) => {
    const { problems } = parseTokens('t.yml', text, engine);
    const lines = problems.map(formatProblem);
    expect(lines.some(line => line.startsWith('t.yml:'))).toBe(true);
    expect(lines.map(line => line.slice('t.yml:'.length)).join('\n')).toContain(expected);
    expect(lines.join('\n')).not.toContain('valid-token');
    expect(lines.join('\n')).not.toContain(DIGEST);
  });

  it('gives another epoch for whatever a grant depends on, and the same for the rest', () => {
    const epoch = (text: string) => {
      const { accounts, problems } = parseTokens('t.yml', text, engine);
      expect(problems).toEqual([]);
      return Buffer.from(accounts.get('ci')?.epoch ?? []).toString('hex');
    };
    const base = epoch(one(''));
    expect(base).toHaveLength(32);
    const same = ['    owner: bob', '    description: x', '    created: 2026-01-01', '    disabled: false'];
    for (const line of same) expect(epoch(one(line))).toBe(base);
    const others = [
      one('    disabled: true'),
      one('    email: a@example.com'),
      one('    displayname: x'),
      one('    expires: 2027-01-01'),
      one('    networks: [10.0.0.0/8]'),
      one('    networks: [10.0.0.0/9]'),
      one('').replace('[deploy]', '[deploy, ops]'),
      one('').replace(DIGEST, digestOf(createToken())),
      `${one('')}        expires: 2027-01-01\n`,
    ];
    expect(new Set([base, ...others.map(epoch)]).size).toBe(others.length + 1);
  });

  it('knows when a token is good', () => {
    const text = `${one('    expires: 2027-01-01')}        expires: 2026-06-01\n`;
    const account = parseTokens('t.yml', text, engine).accounts.get('ci');
    if (account?.secrets[0] === undefined) throw new Error('no account');
    const end = Date.UTC(2026, 5, 1);
    expect(endOf(account, account.secrets[0])).toBe(end);
    expect([stateOf(account, end - 1), stateOf(account, end)]).toEqual(['active', 'expired']);
    expect(stateOf({ ...account, disabled: true }, end - 1)).toBe('disabled');
  });
});

describe('made tokens', () => {
  it('have 256 random bits, a prefix for scanners and a checksum', () => {
    const token = createToken();
    expect(token).toMatch(/^postern_token_[A-Za-z0-9_-]{48}$/);
    expect(isMadeToken(token)).toBe(true);
    expect(createToken()).not.toBe(token);
    const wrong = token.endsWith('A') ? 'B' : 'A';
    const others = [
      '',
      'postern_token_',
      `${token} `,
      `${token}A`,
      token.slice(0, -1) + wrong,
      createSecret(),
    ];
    for (const text of others) expect(isMadeToken(text)).toBe(false);
  });

  it('are kept as SHA-256, whatever the root secret is', () => {
    const token = createToken();
    expect(digestOf(token)).toMatch(/^sha256:[A-Za-z0-9_-]{43}$/);
    expect(new TokenDigests([OTHER]).of(token)).toEqual([digestOf(token)]);
    expect(new TokenDigests([]).make(token)).toBe(digestOf(token));
    expect(isTokenDigest(digestOf(token))).toBe(true);
  });
});

describe('imported tokens', () => {
  it('are kept under a key of the root secret', () => {
    const digest = digestOf('valid-token-123');
    expect(digest).toMatch(/^hmac-sha256:[0-9a-f]{8}:[A-Za-z0-9_-]{43}$/);
    expect(isTokenDigest(digest)).toBe(true);
    expect(new TokenDigests([OTHER]).of('valid-token-123')).not.toContain(digest);
    expect(() => new TokenDigests([]).make('valid-token-123')).toThrow(TypeError);
  });

  it('stay good while the previous root secret is set, and are known to be of it', () => {
    const digest = digestOf('valid-token-123');
    const both = new TokenDigests([OTHER, ROOT]);
    expect(both.of('valid-token-123')).toContain(digest);
    expect([both.isReadable(digest), both.isAgeing(digest)]).toEqual([true, true]);
    const alone = new TokenDigests([OTHER]);
    expect([alone.isReadable(digest), alone.isAgeing(digest)]).toEqual([false, false]);
    expect([alone.isReadable(DIGEST), alone.isAgeing(DIGEST)]).toEqual([true, false]);
  });

  it.each([
    ['valid-token-123', true],
    ['password', true],
    ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', true],
    ['abcdefghijklmnopqrstuvwxyz0123456789', true],
    ['9f86d081884c7d659a2feaa0c55ad015', false],
    ['ghp_R2D2kQ8fWvX1nZt5LbYc7JmPqAs4UeHo9T', false],
    ['4b0c7b1e-1f0f-4a7e-9c84-5f0f6b9b2d11', false],
  ])('%s is weak: %s', (text, weak) => {
    expect(isWeak(text)).toBe(weak);
  });

  it.each([
    ['valid-token-123', undefined],
    ['1234567', 'at least 8 characters'],
    ['with a blank', 'printable ASCII'],
    ['größer-als-acht', 'printable ASCII'],
    ['tab\tinside-it', 'printable ASCII'],
    ['x'.repeat(1_025), 'at most 1024'],
  ])('%j can be one: %s', (text, problem) => {
    const found = tokenProblem(text);
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(problem);
    expect(found ?? '').not.toContain(text);
  });
});

describe('times', () => {
  it.each([
    ['2027-01-31', Date.UTC(2027, 0, 31)],
    ['2028-02-29', Date.UTC(2028, 1, 29)],
    ['2027-01-31T12:30:00Z', Date.UTC(2027, 0, 31, 12, 30)],
    ['2027-01-31T12:30+02:00', Date.UTC(2027, 0, 31, 10, 30)],
    ['2027-02-29', undefined],
    ['2027-04-31', undefined],
    ['2027-13-01', undefined],
    ['2027-01-00', undefined],
    ['2027-01-31T25:00:00Z', undefined],
    ['2027-01-31T12:30:00', undefined],
    ['31.1.2027', undefined],
    ['1800000000', undefined],
    ['', undefined],
  ])('%j', (text, time) => {
    expect(parseTime(text)).toBe(time);
  });

  it('may be told from now on', () => {
    expect(parseEnd('90d', 1_000)).toBe(1_000 + 90 * 86_400_000);
    expect(parseEnd('2027-01-31', 1_000)).toBe(Date.UTC(2027, 0, 31));
    for (const text of ['never', 'soon', '', '-1d', '999999999y'])
      expect(parseEnd(text, 1_000)).toBeUndefined();
  });
});

describe('the registry', () => {
  const opened: TokensFile[] = [];
  afterEach(() => {
    for (const file of opened.splice(0)) file.close();
  });
  let count = 0;
  function open(text?: string) {
    const file = join(dir, `registry-${count++}.yml`);
    if (text !== undefined) writeFileSync(file, text);
    const changes: string[][] = [];
    const statuses: boolean[] = [];
    const registry = openTokensFile(file, {
      engine,
      intervalMs: 20,
      onStatus: status => void statuses.push(status.ok),
    });
    registry.onChange(names => void changes.push([...names]));
    opened.push(registry);
    return { file, registry, changes, statuses };
  }
  const put = (file: string, text: string) => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };

  it('finds accounts by digests', () => {
    const { registry } = open(one(''));
    expect(registry.bySecret(['nothing', DIGEST])?.account.principal.username).toBe('ci');
    expect(registry.bySecret(['nothing'])).toBeUndefined();
    expect(registry.bySecret([])).toBeUndefined();
    expect(registry.find('ci')?.secrets).toHaveLength(1);
    expect([...registry.all()]).toHaveLength(1);
  });

  it('follows the file, also one that comes later, and holds no token without it', async () => {
    const { file, registry, changes } = open();
    expect(registry.status()).toMatchObject({ ok: true, tokens: 0 });
    put(file, one(''));
    await waitUntil('the change', () => changes.length === 1);
    expect(registry.bySecret([DIGEST])).toBeDefined();
    put(file, one('    owner: nobody-minds'));
    await waitUntil('the change', () => registry.find('ci')?.owner === 'nobody-minds');
    put(file, one('    disabled: true'));
    await waitUntil('the change', () => changes.length === 2);
    rmSync(file);
    await waitUntil('the change', () => changes.length === 3);
    expect(registry.bySecret([DIGEST])).toBeUndefined();
    expect(changes).toEqual([['ci'], ['ci'], ['ci']]);
  });

  it('keeps what it knows while the file is broken', async () => {
    const { file, registry, statuses, changes } = open(one(''));
    put(file, 'tokens: [');
    await waitUntil('the change', () => statuses.length === 1);
    expect(statuses).toEqual([false]);
    expect(registry.status().problems.map(formatProblem).join()).toContain('not valid YAML');
    expect(registry.bySecret([DIGEST])).toBeDefined();
    put(file, one(''));
    await waitUntil('the change', () => statuses.length === 2);
    expect([statuses, changes]).toEqual([[false, true], []]);
  });

  it('does not start with a broken file', () => {
    expect(() => open('tokens: 5')).toThrow(ConfigError);
    expect(() => open(one('    expires: soon'))).toThrow(/expires: must be a time/);
  });
});

describe('editing', () => {
  it('keeps comments, order and the mode of the file', async () => {
    const file = join(dir, 'edit.yml');
    writeFileSync(file, `# ours\n${one('    owner: alice # on leave')}`, { mode: 0o600 });
    await editTokens(file, engine, edit => {
      edit.add('cd', { groups: undefined, secrets: [{ id: 'x', digest: digestOf(createToken()) }] });
      edit.set('ci', 'expires', '2027-01-01T00:00:00Z');
    });
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/^# ours\n/);
    expect(text).toContain('owner: alice # on leave');
    expect([...readTokensFile(file, engine).keys()]).toEqual(['ci', 'cd']);
    expect(readTokensFile(file, engine).get('ci')?.expires).toBe(Date.UTC(2027, 0, 1));
    await editTokens(file, engine, edit => {
      edit.set('ci', 'expires', undefined);
      edit.remove('cd');
    });
    expect([...readTokensFile(file, engine).keys()]).toEqual(['ci']);
    expect(readTokensFile(file, engine).get('ci')?.expires).toBeUndefined();
  });

  it('writes nothing that would not be read, and nothing over what is broken', async () => {
    const file = join(dir, 'edit-broken.yml');
    writeFileSync(file, one(''));
    await expect(editTokens(file, engine, edit => edit.add('x', { networks: ['x'] }))).rejects.toThrow(
      ConfigError,
    );
    expect(readFileSync(file, 'utf8')).toBe(one(''));
    writeFileSync(file, 'tokens: [');
    await expect(editTokens(file, engine, edit => edit.remove('ci'))).rejects.toThrow(ConfigError);
    expect(readFileSync(file, 'utf8')).toBe('tokens: [');
    expect(existsSync(`${file}.lock`)).toBe(false);
  });

  it('loses no change of those made at the same time', async () => {
    const file = join(dir, 'edit-together.yml');
    const names = Array.from({ length: 12 }, (_, i) => `t${i}`);
    await Promise.all(
      names.map(name =>
        editTokens(file, engine, edit =>
          edit.add(name, { secrets: [{ id: 'a', digest: digestOf(createToken()) }] }),
        ),
      ),
    );
    expect([...readTokensFile(file, engine).keys()].sort()).toEqual([...names].sort());
  });

  it('says whose lock is in the way, and where no file can be made', async () => {
    const file = join(dir, 'edit-locked.yml');
    writeFileSync(`${file}.lock`, '');
    const locked = editTokens(file, engine, () => {});
    await expect(locked).rejects.toThrow(LockedError);
    await expect(locked).rejects.toThrow(/is held: another `postern token` is at work, or was killed/);
    await expect(editTokens(join(dir, 'none', 't.yml'), engine, () => {})).rejects.toThrow(
      /does not exist: create it/,
    );
  });

  it('follows no link that lies in wait where the new file is written', async () => {
    const home = mkdtempSync(join(dir, 'linked-'));
    const [file, victim] = [join(home, 'tokens.yml'), join(home, 'victim')];
    writeFileSync(victim, 'untouched', { mode: 0o600 });
    symlinkSync(victim, join(home, `.new-tokens-${process.pid}`));
    await editTokens(file, engine, edit => edit.add('ci', { secrets: [{ id: 'a', digest: DIGEST }] }));
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
    expect([lstatSync(file).isFile(), ...readTokensFile(file, engine).keys()]).toEqual([true, 'ci']);
  });
});

describeSmallDisk('editing on a full disk', mount => {
  it('keeps all of the old file, says why, and leaves nothing behind', async () => {
    const disk = mount(16);
    try {
      const file = join(disk.path, 'tokens.yml');
      const add = (name: string, description = '') =>
        editTokens(file, engine, edit =>
          edit.add(name, { description, secrets: [{ id: 'a', digest: digestOf(createToken()) }] }),
        );
      await add('ci', 'x'.repeat(3_000));
      const before = readFileSync(file, 'utf8');
      // There is room for a part of it.
      const refused = expect(add('cd', 'x'.repeat(10_000))).rejects;
      await refused.toThrow(/cannot be written \(ENOSPC\), and is as it was: make room on its disk/);
      disk.fill();
      await expect(add('cd')).rejects.toThrow(ConfigError);
      expect(readFileSync(file, 'utf8')).toBe(before);
      disk.free();
      expect(readdirSync(disk.path)).toEqual(['tokens.yml']);
      await add('cd');
      expect([...readTokensFile(file, engine).keys()]).toEqual(['ci', 'cd']);
    } finally {
      disk.unmount();
    }
  });
});

describe('last use', () => {
  function start(file: string, known: readonly string[] = ['ci/a', 'ci/b', 'cd/a']) {
    const clock = new FakeClock();
    const log = fakeLogger();
    const registry = {
      find(name: string) {
        const account = parseTokens('t.yml', one(''), engine).accounts.get('ci');
        const ids = known.filter(id => id.startsWith(`${name}/`)).map(id => id.slice(name.length + 1));
        if (account === undefined || ids.length === 0) return undefined;
        return {
          ...account,
          secrets: ids.map(id => ({ id, digest: '', created: undefined, expires: undefined })),
        };
      },
    };
    return { clock, log, use: new LastUse({ file, clock, random: fakeRandom(), log, registry }) };
  }

  it('is written rarely, merged with what others wrote, without secrets that are gone', async () => {
    const file = join(dir, 'usage.json');
    const first = start(file);
    first.use.note('ci', 'a');
    first.use.note('ci', 'a');
    expect(existsSync(file)).toBe(false);
    await first.clock.advance(USAGE_WRITE_MS);
    const at = readUsage(file).get('ci')?.get('a');
    expect(at).toBe(Math.floor((first.clock.now() - USAGE_WRITE_MS) / 1_000) * 1_000);
    expect(first.clock.pending).toBe(0);
    const second = start(file, ['ci/b', 'cd/a']);
    second.use.note('cd', 'a');
    second.use.close();
    expect([...readUsage(file).keys()]).toEqual(['cd']);
    expect(second.clock.pending).toBe(0);
  });

  it.each(['', 'null', '[]', '{"version":2}', '{"version":1,"last_used":{"ci":{"a":"soon"},"cd":5}}'])(
    'takes %j for nothing',
    text => {
      const file = join(dir, 'usage-bad.json');
      writeFileSync(file, text);
      expect([...readUsage(file).values()].flatMap(ids => [...ids])).toEqual([]);
    },
  );

  it('is not written in the place of a device', async () => {
    const file = join(dir, 'usage-device');
    symlinkSync('/dev/null', file);
    const { use, log } = start(file);
    use.note('ci', 'a');
    use.close();
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(log.lines.filter(line => line.level === 'warn')).toHaveLength(1);
  });

  it('says once that it cannot be written, and goes on trying', async () => {
    const { use, clock, log } = start(join(dir, 'nowhere', 'usage.json'));
    use.note('ci', 'a');
    await clock.advance(3 * USAGE_WRITE_MS);
    expect(log.lines.filter(line => line.level === 'warn')).toHaveLength(1);
    expect(clock.pending).toBe(1);
    use.close();
    expect(clock.pending).toBe(0);
  });
});

describe('a reload', () => {
  const running = { tokens: { file: 't.yml', usageFile: 't.yml.used' }, policy: {} } as never;

  it('takes over in which ways tokens are taken, once there is a file', () => {
    const tokens = { bearer: false, header: 'X-Api-Key' };
    expect(livePolicy(running, { tokens })).toEqual({ tokens });
    expect(livePolicy(running, {})).toEqual({});
    expect(livePolicy({ policy: {} } as never, { tokens })).toEqual({});
  });

  it('says that another file waits for a restart', () => {
    const read = { tokens: { file: 'u.yml', usageFile: 't.yml.used' }, policy: {} } as never;
    expect(waitingKeys(running, read)).toEqual(['tokens.file']);
    expect(waitingKeys({ policy: {} } as never, read)).toEqual(['tokens.file']);
  });
});
