import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verify } from '@node-rs/argon2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Io, wantsColour } from '../../host/cli/io.ts';
import { run } from '../../host/cli/program.ts';
import { parseDigest, verifyDigest } from '../../host/digests/parse.ts';
import { deriveGuestKey } from '../../host/secret/derive.ts';
import { createSecret, parseGuestKey, parseSecret } from '../../host/secret/secret.ts';
import packageJson from '../../package.json' with { type: 'json' };

interface Run {
  readonly env?: Record<string, string>;
  /** What arrives on stdin, chunk by chunk. */
  readonly stdin?: readonly (string | Uint8Array)[];
  /** Which of the streams are a terminal. */
  readonly terminal?: readonly ('stdin' | 'stdout')[];
}

async function postern(args: readonly string[], options: Run = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const raw: boolean[] = [];
  const isTTY = (name: 'stdin' | 'stdout') => options.terminal?.includes(name) === true;
  const io: Io = {
    env: options.env ?? {},
    stdin: {
      isTTY: isTTY('stdin'),
      setRawMode: on => void raw.push(on),
      async *[Symbol.asyncIterator]() {
        for (const chunk of options.stdin ?? []) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      },
    },
    stdout: { isTTY: isTTY('stdout'), write: text => void out.push(text) },
    stderr: { isTTY: isTTY('stdout'), write: text => void err.push(text) },
    signal: new AbortController().signal,
  };
  const code = await run(args, io);
  return { code, out: out.join(''), err: err.join(''), raw };
}

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'postern-cli-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const SECRET = createSecret();
const MISSING =
  'error: POSTERN_SECRET: no secret: make one with `postern secret --out FILE` and name that file in POSTERN_SECRET_FILE (or put the secret itself into POSTERN_SECRET)\n';
/** Little memory: the digest's cost is not what is tested. */
const CHEAP = ['--memory', '64', '--iterations', '1', '--parallelism', '1'];

describe('command line', () => {
  it('shows help and version with code 0', async () => {
    for (const args of [
      ['--help'],
      ['serve', '--help'],
      ['secret', '--help'],
      ['secret', 'guest', '--help'],
      ['hash', '--help'],
      ['traefik', '--help'],
      ['help', 'hash'],
    ]) {
      const { code, out, err } = await postern(args);
      expect([code, err]).toEqual([0, '']);
      expect(out).toMatch(/^Usage: postern/);
    }
    expect(await postern(['--version'])).toMatchObject({ code: 0, out: `${packageJson.version}\n` });
  });

  it.each([
    [[], 'Usage: postern'],
    [['servce'], "error: unknown command 'servce'\n(Did you mean serve?)"],
    [['hash', '--rondom'], "error: unknown option '--rondom'\n(Did you mean --random?)"],
    [['hash', 'hunter2'], "error: too many arguments for 'hash'. Expected 0 arguments but got 1."],
    [['secret', 'gest'], 'error: '],
    [['traefik'], "error: missing required argument 'domain'"],
    [
      ['hash', '--random', '20'],
      "error: option '-r, --random [length]' argument '20' is invalid. It must be a whole number from 64 to 1024, got \"20\".",
    ],
    [
      ['hash', '--memory', '104857600'],
      "error: option '-m, --memory <KiB>' argument '104857600' is invalid. It must be a whole number from 8 to 2097152, got \"104857600\".",
    ],
    [['hash', '--memory', '8'], 'error: --memory must be at least 8 KiB per lane: 32\n'],
    [
      ['hash', '--memory', '2097152', '--iterations', '9'],
      'error: --memory times --iterations must be at most 16777216 KiB, or no login would wait for it\n',
    ],
  ])('called wrongly: %j', async (args, message) => {
    const { code, out, err } = await postern(args);
    expect([code, out]).toEqual([2, '']);
    expect(err.startsWith(message)).toBe(true);
  });

  it('colours only where it is wanted', () => {
    const terminal = { isTTY: true, write() {} };
    expect(wantsColour(terminal, {})).toBe(true);
    expect(wantsColour(terminal, { NO_COLOR: '1' })).toBe(false);
    expect(wantsColour(terminal, { TERM: 'dumb' })).toBe(false);
    expect(wantsColour({ isTTY: false, write() {} }, {})).toBe(false);
  });
});

describe('postern secret', () => {
  it('prints nothing but the secret in a pipe, and what to do with it on a terminal', async () => {
    const piped = await postern(['secret']);
    expect([piped.code, piped.err]).toEqual([0, '']);
    expect(parseSecret(piped.out).ok).toBe(true);
    const shown = await postern(['secret'], { terminal: ['stdout'] });
    expect(parseSecret(shown.out).ok).toBe(true);
    expect(shown.err).toContain('POSTERN_SECRET_FILE');
    expect(shown.err).not.toContain(shown.out.trim());
  });

  it('writes a file that only its owner reads, and never over another', async () => {
    const file = join(dir, 'secret');
    expect(await postern(['secret', '--out', file])).toMatchObject({ code: 0, out: '' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const text = readFileSync(file, 'utf8');
    expect(parseSecret(text).ok).toBe(true);
    expect(await postern(['secret', '--out', file])).toMatchObject({
      code: 1,
      err: `error: cannot write ${file}: it exists already; remove it first or name another\n`,
    });
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect((await postern(['secret', '--out', join(dir, 'no', 'secret')])).err).toBe(
      `error: cannot write ${join(dir, 'no', 'secret')}: its directory does not exist; create it first\n`,
    );
  });

  it('derives the guest key from variable, file or configuration', async () => {
    const secretFile = join(dir, 'root');
    const config = join(dir, 'postern.yml');
    writeFileSync(secretFile, `${SECRET}\n`);
    writeFileSync(config, 'secret_file: root\n');
    const parsed = parseSecret(SECRET);
    const key = parsed.ok ? deriveGuestKey(parsed.key) : undefined;
    for (const [args, env] of [
      [[], { POSTERN_SECRET: SECRET }],
      [[], { POSTERN_SECRET_FILE: secretFile }],
      [['--config', config], {}],
      [[], { POSTERN_CONFIG: config }],
    ] as [string[], Record<string, string>][]) {
      const { code, out, err } = await postern(['secret', 'guest', ...args], { env });
      expect([code, err]).toEqual([0, '']);
      expect(parseGuestKey(out)).toEqual({ ok: true, key });
    }
    const out = join(dir, 'guest.key');
    await postern(['secret', 'guest', '--out', out], { env: { POSTERN_SECRET: SECRET } });
    expect(statSync(out).mode & 0o777).toBe(0o640);
    expect(parseGuestKey(readFileSync(out, 'utf8')).ok).toBe(true);
  });

  it('says what is wrong with the secret, without showing it', async () => {
    expect(await postern(['secret', 'guest'])).toMatchObject({ code: 1, out: '', err: MISSING });
    const { err } = await postern(['secret', 'guest'], { env: { POSTERN_SECRET: 'hunter2hunter2' } });
    expect(err).toBe(
      'error: POSTERN_SECRET: not a secret of Postern: it must begin with `postern_secret_`, as `postern secret` prints it; secrets of Authelia, passwords and passphrases are not accepted\n',
    );
  });
});

describe('postern hash', () => {
  it.each([
    ['one line', ['hunter2\n']],
    ['a line of Windows', ['hunter2\r\n']],
    ['no line end', ['hun', 'ter2']],
  ])('reads %s from a pipe', async (_name, stdin) => {
    const { code, out, err } = await postern(['hash', ...CHEAP], { stdin });
    expect([code, err]).toEqual([0, '']);
    expect(parseDigest(out)).toMatchObject({
      ok: true,
      digest: { text: expect.stringMatching(/^\$argon2id\$v=19\$m=64,[^$]*\$[^$]{22}\$[^$]{43}$/) },
    });
    expect(await verify(out.trim(), 'hunter2')).toBe(true);
  });

  it("has Authelia's defaults", async () => {
    const { out } = await postern(['hash', '--json'], { stdin: ['x'] });
    expect(JSON.parse(out)).toEqual({
      digest: expect.stringMatching(/^\$argon2id\$v=19\$m=65536,t=3,p=4\$/),
    });
  });

  it.each([
    ['scrypt', /^\$scrypt\$ln=16,r=8,p=1\$/],
    ['pbkdf2', /^\$pbkdf2-sha512\$310000\$/],
    ['sha2crypt', /^\$6\$rounds=50000\$/],
    ['bcrypt', /^\$2b\$12\$/],
  ])("makes %s by Authelia's parameters", async (kind, form) => {
    const { out } = await postern(['hash', '--kind', kind], { stdin: ['x'] });
    expect(out).toMatch(form);
    expect(await verifyDigest(out, 'x')).toBe(true);
  });

  it.each([
    [['--kind', 'bcrypt', '-m', '64'], 2, '--memory is an option of argon2id, not of bcrypt'],
    [['--kind', 'bcrypt', '--random', '73'], 1, 'bcrypt does not look at what is behind byte 72'],
    [['--kind', 'md5'], 2, "option '-k, --kind <kind>' argument 'md5' is invalid"],
  ])('refuses %j', async (options, code, message) => {
    const answer = await postern(['hash', ...options], { stdin: ['x'] });
    expect(answer).toMatchObject({ code, out: '' });
    expect(answer.err).toContain(message);
  });

  it.each([
    ['nothing', [], 'no password given'],
    ['an empty line', ['\n'], 'no password given'],
    ['two lines', ['a\nb\n'], 'standard input holds several lines: give the password alone'],
    ['other than UTF-8', [Buffer.from([0xff])], 'the password on standard input is not UTF-8'],
    ['too much', ['x'.repeat(1025)], 'a password has at most 1024 bytes'],
    ['a tab', ['a\tb'], 'a password must not hold control characters: Basic authentication cannot send them'],
  ])('refuses %s from a pipe', async (_name, stdin, message) => {
    expect(await postern(['hash', ...CHEAP], { stdin })).toMatchObject({
      code: 1,
      out: '',
      err: `error: ${message}\n`,
    });
  });

  it('asks twice on a terminal, without showing the keys', async () => {
    const zoe = Buffer.from('zoë');
    const { code, out, err, raw } = await postern(['hash', ...CHEAP], {
      terminal: ['stdin', 'stdout'],
      // Typed in pieces, corrected, started anew, and pasted with the line end.
      stdin: ['old\x15', zoe.subarray(0, 3), zoe.subarray(3), 'x\x7f', '\rzoë\r'],
    });
    expect([code, err, raw]).toEqual([0, 'Password: \nAgain: \n', [true, false]]);
    expect(await verify(out.trim(), 'zoë')).toBe(true);
  });

  it.each([
    ['differ', ['a\rb\r'], 'the two passwords differ: nothing was hashed'],
    ['are broken off', ['a\x03'], 'interrupted'],
    ['end', ['a\x04'], 'no password given'],
    ['never come', ['a'], 'no password given'],
  ])('gives up when the two %s', async (_name, stdin, message) => {
    const { code, out, err, raw } = await postern(['hash', ...CHEAP], { terminal: ['stdin'], stdin });
    expect([code, out, raw]).toEqual([1, '', [true, false]]);
    expect(err.endsWith(`error: ${message}\n`)).toBe(true);
  });

  it('makes random passwords that are long and fit their digests', async () => {
    const { out } = await postern(['hash', '--random', ...CHEAP]);
    const [, password = '', digest = ''] = /^Password: (\w{72})\nDigest: (\S+)\n$/.exec(out) ?? [];
    expect(await verify(digest, password)).toBe(true);
    const json = JSON.parse((await postern(['hash', '--random', '64', '--json', ...CHEAP])).out);
    expect(json.password).toMatch(/^[A-Za-z0-9]{64}$/);
    expect(json.password).not.toBe(password.slice(0, 64));
    expect(await verify(json.digest, json.password)).toBe(true);
  });
});
