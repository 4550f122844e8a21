import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hash, verify } from '@node-rs/argon2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, formatProblem } from '../../host/config/problem.ts';
import { parseDigest } from '../../host/digests/parse.ts';
import { type FileDirectory, openFileDirectory } from '../../host/users/file-directory.ts';
import { parseUsers } from '../../host/users/parse-users.ts';

/** The seed's digest of `password`. */
const DIGEST = '$argon2id$v=19$m=65536,t=3,p=2$BpLnfgDsc2WD8F2q$o/vzA4myCqZZ36bUGsDY//8mKUYNZZaR0t4MFFSs+iM';
const HASH = 'o/vzA4myCqZZ36bUGsDY//8mKUYNZZaR0t4MFFSs+iM';

const SEED = `users:
  my-service-account:
    displayname: 'My Service Account'
    password: '${DIGEST}' # digest for 'password'
    email: 'my-service-account@example.com'
    groups:
      - 'myapp'
      - 'service'
  john:
    displayname: 'John Doe'
    password: '${DIGEST}'
    email: 'john.doe@authelia.com'
    groups:
      - 'myapp'
`;

const messages = (text: string) => parseUsers('users.yml', text).problems.map(formatProblem);

describe('users file', () => {
  it("reads the seed's users", () => {
    const { users, problems } = parseUsers('users.yml', SEED);
    expect(problems).toEqual([]);
    expect([...users.keys()]).toEqual(['my-service-account', 'john']);
    expect(users.get('my-service-account')).toMatchObject({
      principal: {
        username: 'my-service-account',
        displayName: 'My Service Account',
        email: 'my-service-account@example.com',
        groups: ['myapp', 'service'],
      },
      disabled: false,
      digest: DIGEST,
    });
    expect(users.get('john')?.epoch).toHaveLength(16);
  });

  it('reads every attribute of Authelia 4.39, odd names, anchors and merge keys', () => {
    const { users, problems } = parseUsers(
      'users.yml',
      `users:
  007: &base
    disabled: false
    displayname: 42
    password: ${DIGEST}
    email:
    groups: []
    given_name: James
    middle_name: ''
    family_name: Bond
    nickname: ''
    gender: ''
    birthdate: ''
    website: ''
    profile: ''
    picture: ''
    zoneinfo: ''
    locale: en
    phone_number: ''
    phone_extension: ''
    address: { street_address: '', locality: '', region: '', postal_code: '', country: '' }
    extra: { anything: [1] }
  __proto__:
    <<: *base
    disabled: true
  john.doe@example.com: { password: '{CRYPT}${DIGEST}', groups: ~ }
`,
    );
    expect(problems).toEqual([]);
    expect([...users.keys()]).toEqual(['007', '__proto__', 'john.doe@example.com']);
    expect(users.get('007')?.principal).toEqual({
      username: '007',
      displayName: '42',
      email: '',
      groups: [],
    });
    expect(users.get('__proto__')?.disabled).toBe(true);
    expect(users.get('john.doe@example.com')).toMatchObject({
      digest: DIGEST,
      principal: { displayName: 'john.doe@example.com' },
    });
  });

  const user = (lines: string) => `users:\n  alice:\n    password: '${DIGEST}'\n${lines}`;
  it.each([
    ['', ['users.yml: is empty: write the users below `users:`']],
    ['# nothing\n', ['users.yml: is empty: write the users below `users:`']],
    ['hello\n', ['users.yml: is not a users file: it must begin with `users:`']],
    ['- a\n', ['users.yml: is not a users file: it must begin with `users:`']],
    [
      'user:\n  alice: {}\n',
      [
        'users.yml:1: user: unknown key, did you mean `users`?',
        'users.yml: is not a users file: it must begin with `users:`',
      ],
    ],
    ['users:\n', ['users.yml:1: users: must list at least one user']],
    [
      'users: [alice]\n',
      ['users.yml:1: users: must be a mapping of user names: write `alice:` and her attributes below'],
    ],
    [
      'users:\n  alice:\n',
      [
        'users.yml:2: users.alice: must be a mapping: write `displayname`, `password`, `email` and `groups` below',
      ],
    ],
    [
      user('\tdisplayname: x\n'),
      ['users.yml:4: not valid YAML: a tab stands where the line is indented; use spaces'],
    ],
    [
      user('   email: x\n'),
      [
        'users.yml:4: not valid YAML: `email` belongs to the mapping that begins in line 2; indent this line by 1 blank more',
      ],
    ],
    [
      `${user('    email: a@b\n')}  alice:\n    password: '${DIGEST}'\n  bob:\n    email: x\n    email: y\n`,
      [
        'users.yml:5: `alice` stands twice in one mapping: keep one',
        'users.yml:9: `email` stands twice in one mapping: keep one',
        'users.yml:7: users.bob: no password digest: make one with `postern hash`',
      ],
    ],
    [
      user('    displayName: Alice\n    grops: []\n    quota: 5\n'),
      [
        'users.yml:4: users.alice.displayName: unknown key, did you mean `displayname`?',
        'users.yml:5: users.alice.grops: unknown key, did you mean `groups`?',
        'users.yml:6: users.alice.quota: unknown key',
      ],
    ],
    [user('    disabled: yes\n'), ['users.yml:4: users.alice.disabled: must be `true` or `false`']],
    [user('    disabled:\n'), ['users.yml:4: users.alice.disabled: must be `true` or `false`']],
    [
      user('    groups: admins\n'),
      ["users.yml:4: users.alice.groups: must be a list: write `- 'admins'` below it, or `['admins']`"],
    ],
    [
      user("    groups:\n      - 'a,admins'\n      - ''\n      - [x]\n"),
      [
        'users.yml:5: users.alice.groups[0]: a group must not hold a comma: backends are given the groups joined by commas',
        'users.yml:6: users.alice.groups[1]: a group must not be empty',
        'users.yml:7: users.alice.groups[2]: a group must be a text',
      ],
    ],
    [
      user('    displayname: "Alice\\r\\nRemote-User: root"\n    email: [a]\n'),
      [
        'users.yml:4: users.alice.displayname: must not hold control characters or line breaks',
        'users.yml:5: users.alice.email: must be a text',
      ],
    ],
    [
      user('    email: [email protected]\n'),
      [
        'users.yml:4: users.alice.email: must be a text: `[email protected]` is what the web page that this was copied from shows instead of a mail address; write the address',
      ],
    ],
    [
      `users:\n  'a:b': { password: '${DIGEST}' }\n  "a\\tb": { password: '${DIGEST}' }\n  ' a': { password: '${DIGEST}' }\n  '': { password: '${DIGEST}' }\n  ${'x'.repeat(256)}: { password: '${DIGEST}' }\n`,
      [
        'users.yml:2: users.a:b: a user name must not hold a colon: Basic authentication cannot send it',
        'users.yml:3: users.a\\x09b: a user name must not hold control characters or line breaks',
        'users.yml:4: users. a: a user name must not begin or end with white space',
        'users.yml:1: users.: a user name must not be empty',
        `users.yml:6: users.${'x'.repeat(256)}: a user name has at most 255 bytes`,
      ],
    ],
    [
      `users:\n  Bob: { password: '${DIGEST}' }\n  bob: { password: '${DIGEST}' }\n`,
      ['users.yml:3: users.bob: differs from user `Bob` only in upper and lower case: rename one'],
    ],
    [
      'users:\n  alice:\n    email: x\n',
      ['users.yml:2: users.alice: no password digest: make one with `postern hash`'],
    ],
    [
      'users: *all\n',
      [
        'users.yml: not valid YAML: an alias (`*name`) has no anchor (`&name`) before it, or there are too many of them',
      ],
    ],
  ])('says what is wrong (%#)', (text, expected) => {
    expect(messages(text)).toEqual(expected);
  });

  it('refuses nesting and aliases without end', () => {
    expect(messages(`users: ${'['.repeat(100_000)}`)).toHaveLength(1);
    const bomb = Array.from({ length: 9 }, (_, i) => {
      const inner = i === 0 ? 'x' : `*a${i - 1}`;
      return `a${i}: &a${i} [${Array(9).fill(inner).join(',')}]`;
    });
    expect(messages(`${bomb.join('\n')}\nusers: *a8\n`)).toHaveLength(1);
  });

  it('gives equal content an equal epoch and any difference another', () => {
    const epoch = (text: string) =>
      Buffer.from(parseUsers('f', text).users.get('alice')?.epoch ?? []).toString('hex');
    const base = epoch(user('    groups: [a, b]\n    email: e\n    displayname: d\n'));
    expect(epoch(user('    displayname: d\n    email: e\n    groups: [a, b]\n    locale: en\n'))).toBe(base);
    const others = [
      user('    groups: [ab]\n    email: e\n    displayname: d\n'),
      user('    groups: [b, a]\n    email: e\n    displayname: d\n'),
      user('    groups: [a, b]\n    email: ed\n'),
      user('    groups: [a, b]\n    email: e\n    displayname: d\n    disabled: true\n'),
      user('    groups: [a, b]\n    email: e\n    displayname: d\n').replace('t=3', 't=4'),
    ].map(epoch);
    expect(new Set([base, ...others]).size).toBe(6);
  });
});

describe('password digest', () => {
  const salt = (bytes: number) => Buffer.alloc(bytes).toString('base64').replace(/=+$/, '');
  const malformed =
    'malformed argon2id digest: it reads `$argon2id$v=19$m=…,t=…,p=…$salt$hash` in one line; copy it again, or make one with `postern hash`';
  const plain =
    'not a password digest: write the digest of the password, never the password itself; make one with `postern hash`';
  it.each([
    ['', 'no password digest: make one with `postern hash`'],
    ['hunter2', plain],
    ['$ecret$ummer', plain],
    ['$ecret', plain],
    [
      '$md5$abc$def',
      'unknown digest kind `$md5$`: verified are argon2id, argon2i, argon2d, scrypt, pbkdf2, sha2crypt, bcrypt and bcrypt-sha256; make one with `postern hash`',
    ],
    [
      '$1$abc$def',
      'unknown digest kind `$1$`: verified are argon2id, argon2i, argon2d, scrypt, pbkdf2, sha2crypt, bcrypt and bcrypt-sha256; make one with `postern hash`',
    ],
    [
      '$plaintext$hunter2',
      'digest kind `plaintext` is no digest, whoever reads the file has the password: make one with `postern hash`',
    ],
    ['$argon2id$v=19$m=65536,t=3,p=4$your_hashed_password_here', malformed],
    [`$argon2id$v=19$m=65536,t=3$${salt(16)}$${HASH}`, malformed],
    [`$argon2id$v=19$m=65536,t=3,p=2$${salt(16)}=$${HASH}`, malformed],
    [`$argon2id$v=19$m=65536,t=3,p=2$${salt(16)}$${HASH.slice(0, -1)}N`, malformed],
    [`$argon2id$v=19$m=0,t=3,p=2$${salt(16)}$${HASH}`, malformed],
    [
      `$argon2id$v=16$m=65536,t=3,p=2$${salt(16)}$${HASH}`,
      'argon2id digest of version 16: only v=19 is verified; make one with `postern hash`',
    ],
    [
      `$argon2id$v=19$m=104857600,t=3,p=2$${salt(16)}$${HASH}`,
      'argon2id digest refused, m=104857600 (KiB of memory) is over the limit of 2097152; make one with `postern hash`',
    ],
    [
      `$argon2id$v=19$m=8,t=1,p=2$${salt(16)}$${HASH}`,
      'argon2id digest refused, m=8 (KiB of memory) is under the least of 8 per lane; make one with `postern hash`',
    ],
    [
      `$argon2id$v=19$m=65536,t=4000000000,p=2$${salt(16)}$${HASH}`,
      'argon2id digest refused, t=4000000000 (passes) over m=65536 KiB is over the limit of 16777216 KiB in all; make one with `postern hash`',
    ],
    [
      `$argon2id$v=19$m=65536,t=3,p=65$${salt(16)}$${HASH}`,
      'argon2id digest refused, p=65 (lanes) is over the limit of 64; make one with `postern hash`',
    ],
    [
      `$argon2id$v=19$m=65536,t=3,p=2$${salt(7)}$${HASH}`,
      'argon2id digest refused, its salt has 7 bytes where 8 to 64 are allowed; make one with `postern hash`',
    ],
    [
      `$argon2id$v=19$m=65536,t=3,p=2$${salt(16)}$${salt(15)}`,
      'argon2id digest refused, its hash has 15 bytes where 16 to 64 are allowed; make one with `postern hash`',
    ],
  ])('refuses %j', (text, message) => {
    expect(parseDigest(text)).toMatchObject({ ok: false, message });
    for (const part of ['hunter2', 'ecret', HASH]) expect(message).not.toContain(part);
  });

  it('takes what @node-rs/argon2 makes and verifies, at both ends of its lengths', async () => {
    for (const [saltLength, outputLen] of [
      [8, 16],
      [64, 64],
    ] as const) {
      const digest = await hash('pw', {
        algorithm: 2,
        memoryCost: 64,
        timeCost: 1,
        parallelism: 4,
        outputLen,
        salt: Buffer.alloc(saltLength, 7),
      });
      expect(parseDigest(digest)).toMatchObject({
        ok: true,
        digest: { text: digest, memoryKib: 64 },
      });
      expect(await verify(digest, 'pw')).toBe(true);
    }
  });
});

describe('file directory', () => {
  let dir: string;
  let file: string;
  let directory: FileDirectory | undefined;
  const cheap = (memory: number) => DIGEST.replace('m=65536,t=3', `m=${memory},t=1`);
  const one = (name: string, groups = 'a') =>
    `users:\n  ${name}: { password: '${cheap(64)}', groups: [${groups}] }\n`;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'postern-users-'));
    file = join(dir, 'users.yml');
  });
  afterEach(() => {
    directory?.close();
    rmSync(dir, { recursive: true });
  });

  /** Opens the directory and gives a function that waits for the next reading. */
  function open(): { next: () => Promise<readonly string[]>; changes: string[][] } {
    const seen: (readonly string[])[] = [];
    let wake = () => {};
    const changes: string[][] = [];
    directory = openFileDirectory(file, {
      intervalMs: 10,
      onStatus: (_status, changed) => {
        seen.push(changed);
        wake();
      },
    });
    directory.onChange(names => changes.push([...names]));
    return {
      changes,
      next: async () => {
        while (seen.length === 0) await new Promise<void>(resolve => (wake = resolve));
        return seen.shift() ?? [];
      },
    };
  }

  it('refuses to start without a usable file', () => {
    const problem = () => {
      try {
        openFileDirectory(file).close();
        return 'opened';
      } catch (error) {
        return error instanceof ConfigError ? error.message : error;
      }
    };
    expect(problem()).toBe(`${file}: no such file: create it or correct its path`);
    mkdirSync(file);
    expect(problem()).toBe(
      `${file}: is a directory where a file is needed: correct the path (Docker makes a directory of a bind mount whose source does not exist)`,
    );
    rmSync(file, { recursive: true });
    writeFileSync(file, Buffer.from([0x75, 0xff]));
    expect(problem()).toBe(`${file}: is not UTF-8 text: save it in that encoding`);
    writeFileSync(file, 'users: {alice: {password: x');
    expect(problem()).toMatch(/^.*users.yml:1: not valid YAML: /);
  });

  it('sees a write in place, a rename, and a write that keeps size and time', async () => {
    writeFileSync(file, one('alice'));
    const { next, changes } = open();
    expect(directory?.find('alice')?.principal.groups).toEqual(['a']);

    writeFileSync(file, one('alice', 'b'));
    expect(await next()).toEqual(['alice']);
    expect(directory?.find('alice')?.principal.groups).toEqual(['b']);

    writeFileSync(join(dir, 'new'), one('bobby'));
    renameSync(join(dir, 'new'), file);
    expect(await next()).toEqual(['alice', 'bobby']);
    expect(directory?.find('alice')).toBeUndefined();

    const time = new Date();
    utimesSync(file, time, time);
    writeFileSync(file, one('bobby', 'b'));
    utimesSync(file, time, time);
    expect(await next()).toEqual(['bobby']);
    expect(changes).toEqual([['alice'], ['alice', 'bobby'], ['bobby']]);
  });

  it('sees the symbolic links that Kubernetes swaps', async () => {
    for (const [name, groups] of [
      ['v1', 'a'],
      ['v2', 'b'],
    ] as const) {
      mkdirSync(join(dir, name));
      writeFileSync(join(dir, name, 'users.yml'), one('alice', groups));
    }
    symlinkSync('v1', join(dir, '..data'));
    symlinkSync('..data/users.yml', file);
    const { next } = open();
    symlinkSync('v2', join(dir, '..data_tmp'));
    renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
    expect(await next()).toEqual(['alice']);
    expect(directory?.find('alice')?.principal.groups).toEqual(['b']);
  });

  it('keeps the old users while the file is broken, and says so once', async () => {
    writeFileSync(file, one('alice'));
    const { next, changes } = open();
    const broken = 'users:\n  alice: { pass';
    writeFileSync(file, broken);
    expect(await next()).toEqual([]);
    expect(directory?.status()).toMatchObject({ ok: false, users: 1 });
    expect(directory?.find('alice')).toBeDefined();
    writeFileSync(file, broken);

    unlinkSync(file);
    expect(await next()).toEqual([]);
    expect(directory?.status().problems[0]?.message).toBe('no such file: create it or correct its path');

    // The same users again: nobody is signed out.
    writeFileSync(file, one('alice'));
    expect(await next()).toEqual([]);
    expect(directory?.status()).toMatchObject({ ok: true, problems: [] });
    expect(changes).toEqual([]);
  });

  const bcrypt = (cost: number) =>
    `$2b$${String(cost).padStart(2, '0')}$......................0123456789012345678901234567890`;
  it.each([
    [
      'argon2id',
      [cheap(64), DIGEST, bcrypt(4), cheap(128)],
      /^\$argon2id\$v=19\$m=65536,t=3,p=2\$.{16}\$.{43}$/,
    ],
    ['bcrypt', [DIGEST, bcrypt(12), bcrypt(10)], /^\$2b\$12\$.{53}$/],
  ])('has a dummy digest as costly as the costliest, that no password fits: %s', (_name, digests, form) => {
    writeFileSync(
      file,
      `users:\n${digests.map((digest, i) => `  u${i}: { password: '${digest}' }\n`).join('')}`,
    );
    directory = openFileDirectory(file, { watch: false });
    const dummy = directory.dummyDigest();
    expect(dummy).toMatch(form);
    expect(digests).not.toContain(dummy);
    expect(directory.dummyDigest()).toBe(dummy);
    const again = openFileDirectory(file, { watch: false });
    expect(again.dummyDigest()).not.toBe(dummy);
  });
});
