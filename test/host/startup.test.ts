import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSecret } from '../../host/secret/secret.ts';
import { startChild } from '../support/child.ts';
import { freePort } from '../support/net.ts';
import { guestDirectory, removeTempDirectories, tempDirectory } from '../support/temp.ts';

const postern = fileURLToPath(new URL('../../dist/postern.mjs', import.meta.url));
/** `nobody`, who may read the configuration and write nothing. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

/** Whether users other than its owner get at a file. */
function isOpen(path: string): boolean {
  return (statSync(path).mode & 0o005) === 0o005 && (dirname(path) === path || isOpen(dirname(path)));
}

const SECRET = createSecret();
/** Salt and hash of the digest in the service-account guide, of 'password'. */
const SALT = 'BpLnfgDsc2WD8F2q';
const HASH = 'o/vzA4myCqZZ36bUGsDY//8mKUYNZZaR0t4MFFSs+iM';

/** Line numbers in the messages below count in this text. */
const CONFIG = `server:
  address: 'tcp://127.0.0.1:PORT'
authentication_backend:
  file:
    path: 'users.yml'
guest:
  directory: 'GUEST'
access_control:
  default_policy: 'deny'
  rules:
    - domain:
        - 'myapp.example.com'
      policy: 'one_factor'
      resources:
        - '^/api/push([/?].*)?$'
      networks:
        - '10.0.0.0/8'
      subject:
        - ['group:myapp', 'group:service']
`;

const USERS = `users:
  my-service-account:
    displayname: 'My Service Account'
    password: '$argon2id$v=19$m=65536,t=3,p=2$${SALT}$${HASH}'
    email: 'my-service-account@example.com'
    groups: ['myapp', 'service']
`;

interface Case {
  readonly name: string;
  readonly config?: readonly [from: string, to: string];
  /** In place of the whole configuration. */
  readonly yaml?: string;
  readonly users?: readonly [from: string, to: string];
  /** In place of POSTERN_SECRET. */
  readonly env?: Readonly<Record<string, string>>;
  /** Texts beside secret, salt and hash that no output may show. */
  readonly hidden?: readonly string[];
  /** All of stderr; CONFIG and USERS stand for the files, GUEST for the directory, PORT for the port. */
  readonly says: readonly string[];
}

const cases: readonly Case[] = [
  {
    name: 'no secret',
    env: {},
    says: [
      'error: POSTERN_SECRET: no secret: make one with `postern secret --out FILE` and name that file in POSTERN_SECRET_FILE (or put the secret itself into POSTERN_SECRET)',
    ],
  },
  {
    name: 'an empty secret',
    env: { POSTERN_SECRET: '' },
    says: [
      'error: POSTERN_SECRET: no secret: make one with `postern secret --out FILE` and name that file in POSTERN_SECRET_FILE (or put the secret itself into POSTERN_SECRET)',
    ],
  },
  {
    name: 'a passphrase for a secret',
    env: { POSTERN_SECRET: 'a-very-long-and-secret-passphrase' },
    hidden: ['passphrase-', 'very-long'],
    says: [
      'error: POSTERN_SECRET: not a secret of Postern: it must begin with `postern_secret_`, as `postern secret` prints it; secrets of Authelia, passwords and passphrases are not accepted',
    ],
  },
  {
    name: 'a secret that lost its end',
    env: { POSTERN_SECRET: SECRET.slice(0, -5) },
    hidden: [SECRET.slice(16, 30)],
    says: [
      'error: POSTERN_SECRET: damaged while copying: 43 characters follow `postern_secret_` where 48 are needed; copy it again',
    ],
  },
  {
    name: 'a secret with a typing error',
    env: { POSTERN_SECRET: SECRET.slice(0, -1) + (SECRET.endsWith('A') ? 'B' : 'A') },
    hidden: [SECRET.slice(16, 30)],
    says: ['error: POSTERN_SECRET: damaged while copying: its checksum does not fit; copy it again'],
  },
  {
    name: 'the file of a secret missing',
    env: { POSTERN_SECRET_FILE: '/nonexistent/secret' },
    says: ['error: POSTERN_SECRET_FILE: /nonexistent/secret: no such file: create it or correct its path'],
  },
  {
    name: "another program's secret in the file",
    env: {},
    config: ['server:', "secret: 'correct-horse-battery'\nserver:"],
    hidden: ['correct-horse'],
    says: [
      'error: postern.yml:1: secret: not a secret of Postern: it must begin with `postern_secret_`, as `postern secret` prints it; secrets of Authelia, passwords and passphrases are not accepted',
    ],
  },
  {
    name: 'an unknown key',
    config: ['  default_policy:', '  default_polcy:'],
    says: [
      'error: postern.yml:9: access_control.default_polcy: `default_polcy` is no key here: the keys are default_policy, rules, networks',
    ],
  },
  {
    name: 'an unknown key at the top',
    config: ['guest:', 'gest:'],
    says: ['error: postern.yml:6: gest: unknown key, did you mean `guest`?'],
  },
  {
    name: 'an unknown variable',
    env: { POSTERN_SECRET: SECRET, POSTERN_LOG_LEVLE: 'debug' },
    says: ['error: POSTERN_LOG_LEVLE: unknown environment variable, did you mean `POSTERN_LOG_LEVEL`?'],
  },
  {
    name: 'an unknown subject prefix',
    config: ["'group:myapp', ", "'grp:myapp', "],
    says: [
      'error: postern.yml:19: access_control.rules[0].subject[0][0]: `grp:myapp` is no subject: begin it with `user:`, `group:` or `oauth2:client:`',
    ],
  },
  {
    name: 'a subject without prefix',
    config: ["['group:myapp', 'group:service']", "'myapp'"],
    says: [
      'error: postern.yml:19: access_control.rules[0].subject[0]: `myapp` is no subject: begin it with `user:`, `group:` or `oauth2:client:`',
    ],
  },
  {
    name: 'a bad CIDR',
    config: ['10.0.0.0/8', '10.0.0.0/33'],
    says: [
      'error: postern.yml:17: access_control.rules[0].networks[0]: `10.0.0.0/33` is no network: write an address, a CIDR such as `10.0.0.0/8`, or a defined name',
    ],
  },
  {
    name: 'a bad address',
    config: ['10.0.0.0/8', '10.0.0.256'],
    says: [
      'error: postern.yml:17: access_control.rules[0].networks[0]: `10.0.0.256` is no network: write an address, a CIDR such as `10.0.0.0/8`, or a defined name',
    ],
  },
  {
    name: 'a bad expression',
    config: ['^/api/push([/?].*)?$', '^/api/push([/?].*?$'],
    says: [
      'error: postern.yml:15: access_control.rules[0].resources[0]: `^/api/push([/?].*?$` is no expression: missing closing )',
    ],
  },
  {
    name: 'an expression that no linear-time engine runs',
    config: ['^/api/push([/?].*)?$', '^/api/(?!admin)'],
    says: [
      'error: postern.yml:15: access_control.rules[0].resources[0]: `^/api/(?!admin)` is no expression: invalid or unsupported Perl syntax: `(?!` at byte 7',
    ],
  },
  {
    name: 'a rule without domain',
    config: ["    - domain:\n        - 'myapp.example.com'\n      policy", '    - policy'],
    says: [
      'error: postern.yml:11: access_control.rules[0]: the rule has no domain: add `domain` or `domain_regex`',
    ],
  },
  {
    name: 'an unknown policy',
    config: ["'one_factor'", "'onefactor'"],
    says: [
      'error: postern.yml:13: access_control.rules[0].policy: `onefactor` is no policy: write `bypass`, `one_factor`, `two_factor` or `deny`',
    ],
  },
  {
    name: "the service-account guide's rules as they are printed",
    yaml: `access_control:
  default_policy: deny
  rules:
    - domain:
        - myapp.example.com
    policy: one_factor
    subject:
      - ['group:myapp', 'group:service']

    - domain:
        - myapp.example.com
      policy: two_factor
      subject:
        - 'group:myapp'
`,
    says: [
      "error: postern.yml: authentication_backend.file.path: missing: write the path of the users file, for example `path: 'users.yml'`",
      'error: postern.yml:6: not valid YAML: `policy` belongs to the mapping that begins in line 4; indent lines 6 to 8 by 2 blanks more',
    ],
  },
  {
    name: "the guide's path bypass as it is printed",
    yaml: `access_control:
  default_policy: deny
  rules:
    - domain:
        - myapp.example.com
    policy: one_factor
    resources:
      - '^/api/push([/?].*)?$'
    subject:
      - ['group:myapp', 'group:service']
`,
    says: [
      "error: postern.yml: authentication_backend.file.path: missing: write the path of the users file, for example `path: 'users.yml'`",
      'error: postern.yml:6: not valid YAML: `policy` belongs to the mapping that begins in line 4; indent lines 6 to 10 by 2 blanks more',
    ],
  },
  {
    name: 'a users file that is not YAML',
    users: ['    displayname:', "   displayname: '"],
    says: [
      'error: users.yml:3: not valid YAML: this line does not fit what stands before it; write `key: value` with a space behind the colon, indent as the neighbours are, and quote values that hold `: `',
    ],
  },
  {
    name: 'a users file that is something else',
    users: [USERS, 'alice:x:1000:1000::/home/alice:/bin/sh\n'],
    says: ['error: users.yml: is not a users file: it must begin with `users:`'],
  },
  {
    name: 'no users file',
    config: ["'users.yml'", "'user.yml'"],
    says: ['error: user.yml: no such file: create it or correct its path'],
  },
  {
    name: 'an unknown digest kind',
    users: ['$argon2id$v=19$m=65536,t=3,p=2$', '$argon3$v=1$m=1$'],
    says: [
      'error: users.yml:4: users.my-service-account.password: unknown digest kind `$argon3$`: verified are argon2id, argon2i, argon2d, scrypt, pbkdf2, sha2crypt, bcrypt and bcrypt-sha256; make one with `postern hash`',
    ],
  },
  {
    name: 'a password where its digest belongs',
    users: [`$argon2id$v=19$m=65536,t=3,p=2$${SALT}$${HASH}`, 'hunter2-hunter2'],
    hidden: ['hunter2'],
    says: [
      'error: users.yml:4: users.my-service-account.password: not a password digest: write the digest of the password, never the password itself; make one with `postern hash`',
    ],
  },
  {
    name: 'everything at once, in the order of the files',
    config: ["      policy: 'one_factor'", "      polcy: 'one_factor'"],
    users: ['    email:', '    emial:'],
    env: {},
    says: [
      'error: POSTERN_SECRET: no secret: make one with `postern secret --out FILE` and name that file in POSTERN_SECRET_FILE (or put the secret itself into POSTERN_SECRET)',
      'error: postern.yml:11: access_control.rules[0]: the rule has no policy: add `policy`',
      'error: postern.yml:13: access_control.rules[0].polcy: `polcy` is no key here: the keys are domain, domain_regex, policy, subject, networks, methods, resources, query',
      'error: users.yml:5: users.my-service-account.emial: unknown key, did you mean `email`?',
    ],
  },
];

describe('postern serve, started wrongly', () => {
  let home = '';
  let shared = '';
  let count = 0;

  beforeAll(() => {
    // Another user must get through to the files.
    home = tempDirectory();
    shared = guestDirectory();
    for (const directory of [home, shared]) chmodSync(directory, 0o755);
  });
  afterAll(removeTempDirectories);

  interface Setup {
    readonly yaml?: string;
    readonly users?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly uid?: number;
    readonly guest?: string;
    readonly port?: number;
  }

  /** Runs the program to its end; what it says, with its files under short names. */
  async function serve(setup: Setup): Promise<{ code: number | string; stdout: string; stderr: string[] }> {
    const directory = join(home, String(++count));
    mkdirSync(directory);
    const port = setup.port ?? (await freePort());
    const guest = setup.guest ?? join(shared, String(count));
    const file = join(directory, 'postern.yml');
    writeFileSync(file, (setup.yaml ?? CONFIG).replace('PORT', String(port)).replace('GUEST', guest));
    writeFileSync(join(directory, 'users.yml'), setup.users ?? USERS);
    const child = startChild(process.execPath, [postern, 'serve', '--config', file], {
      env: { ...(setup.env ?? { POSTERN_SECRET: SECRET }) },
      ...(setup.uid === undefined ? {} : { uid: setup.uid }),
    });
    const timer = setTimeout(() => void child.stop(1_000), 10_000);
    const code = await child.exit;
    clearTimeout(timer);
    const stderr = child.stderr
      .replaceAll(`${directory}/`, '')
      .replaceAll(guest, 'GUEST')
      .replaceAll(String(port), 'PORT');
    return { code, stdout: child.stdout, stderr: stderr.split('\n').slice(0, -1) };
  }

  function expectNothingSecret(lines: readonly string[], hidden: readonly string[] = []): void {
    for (const text of [SECRET.slice(16), SALT, HASH, ...hidden]) {
      expect(lines.filter(line => line.includes(text))).toEqual([]);
    }
  }

  it.each(cases)('$name', async ({ config, yaml, users, env, hidden, says }) => {
    if (config !== undefined) expect(CONFIG).toContain(config[0]);
    if (users !== undefined) expect(USERS).toContain(users[0]);
    const run = await serve({
      yaml: yaml ?? (config === undefined ? CONFIG : CONFIG.replace(config[0], () => config[1])),
      users: users === undefined ? USERS : USERS.replace(users[0], () => users[1]),
      ...(env === undefined ? {} : { env }),
    });
    expectNothingSecret(run.stderr, hidden);
    expect(run).toEqual({ code: 1, stdout: '', stderr: says });
  });

  describe('guest directory', () => {
    it('that others can write', async () => {
      const guest = join(shared, 'open');
      mkdirSync(guest);
      chmodSync(guest, 0o777);
      expect(await serve({ guest })).toEqual({
        code: 1,
        stdout: '',
        stderr: [
          'error: postern.yml:7: guest.directory: GUEST can be written by others (mode 0777), who could bring revoked grants back: run `chmod 750 GUEST`',
        ],
      });
    });

    it('that is a file', async () => {
      const guest = join(shared, 'file');
      writeFileSync(guest, '');
      expect(await serve({ guest })).toEqual({
        code: 1,
        stdout: '',
        stderr: [
          "error: postern.yml:7: guest.directory: GUEST is not a directory: remove it, or name a directory of Postern's own",
        ],
      });
    });

    // Root may write anything, so there the program runs as somebody else, who must be able to read it.
    it.skipIf(isRoot && !isOpen(dirname(postern)))('that cannot be written', async () => {
      const guest = join(shared, 'foreign');
      mkdirSync(guest);
      chmodSync(guest, isRoot ? 0o755 : 0o555);
      const run = await serve({ guest, ...(isRoot ? { uid: NOBODY } : {}) });
      expect(run).toEqual({
        code: 1,
        stdout: '',
        stderr: [
          'error: postern.yml:7: guest.directory: GUEST is not writable (EACCES): make it belong to the user that Postern runs as, on a mount that is not read-only',
        ],
      });
    });

    it('that cannot be made', async () => {
      const guest = join(shared, 'none', 'below');
      expect(await serve({ guest })).toEqual({
        code: 1,
        stdout: '',
        stderr: [
          'error: postern.yml:7: guest.directory: GUEST does not exist and cannot be made (ENOENT): make it with mode 750, owned by the user that Postern runs as',
        ],
      });
    });
  });

  it('port in use', async () => {
    const other = createServer();
    const port = await freePort();
    await new Promise<void>(resolve => other.listen(port, '127.0.0.1', resolve));
    try {
      const run = await serve({ port });
      expect(run).toEqual({
        code: 1,
        stdout: '',
        stderr: [
          'error: server.address: cannot listen on 127.0.0.1:PORT (another program listens there): stop that program, or set another address',
        ],
      });
    } finally {
      other.close();
    }
  });

  it('no configuration file, named by POSTERN_CONFIG', async () => {
    const child = startChild(process.execPath, [postern, 'serve'], {
      env: { POSTERN_SECRET: SECRET, POSTERN_CONFIG: '/nonexistent/postern.yml' },
    });
    expect(await child.exit).toBe(1);
    expect(child.output).toBe(
      'error: /nonexistent/postern.yml: no such file: create it or correct its path\n',
    );
  });
});
