import { describe, expect, it } from 'vitest';
import { parseMailbox } from '../../host/config/mailbox.ts';
import { parseConfig } from '../../host/config/parse.ts';
import { TOTP_DEFAULTS } from '../../host/config/totp.ts';
import { createSecret } from '../../host/secret/secret.ts';

const SECRET = createSecret();
const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

function parse(text: string, env: Readonly<Record<string, string>> = {}, files: Record<string, string> = {}) {
  const { config, problems } = parseConfig({
    yaml: { file: '/etc/postern/postern.yml', text },
    env: { POSTERN_SECRET: SECRET, ...env },
    isTerminal: false,
    readFile: file => Buffer.from(files[file] ?? PEM),
  });
  const told = problems.map(({ severity, path, message }) => `${severity}: ${path}: ${message}`);
  return { config, told };
}

const paths = (told: readonly string[]) => told.map(line => line.split(': ').slice(0, 2).join(' '));

describe('totp', () => {
  it('has the defaults of Authelia, and takes each key', () => {
    expect(parse('').config.totp).toEqual(TOTP_DEFAULTS);
    const { config, told } = parse(`
default_2fa_method: totp
totp: { disable: false, issuer: example.com, algorithm: sha512, digits: 8, period: 60, skew: 0, secret_size: 64,
  allowed_algorithms: [SHA512], allowed_digits: [8], allowed_periods: [60], disable_reuse_security_policy: false }
`);
    expect(told).toEqual([]);
    expect(config.totp).toEqual({
      issuer: 'example.com',
      algorithm: 'SHA512',
      digits: 8,
      period: 60,
      skew: 0,
      secretSize: 64,
    });
  });

  it('is switched off by one key, and read from the environment', () => {
    expect(parse('totp: { disable: true }').config.totp).toBeUndefined();
    const env = {
      POSTERN_TOTP_ISSUER: 'Home',
      POSTERN_TOTP_DIGITS: '8',
      POSTERN_TOTP_ALLOWED_DIGITS: '6,8',
      POSTERN_TOTP_ALGORITHM: 'SHA256',
    };
    const { config, told } = parse('', env);
    expect(config.totp).toMatchObject({ issuer: 'Home', digits: 8, algorithm: 'SHA256' });
    expect(told).toEqual([
      'warning: POSTERN_TOTP_ALLOWED_DIGITS: nobody chooses among these: new devices get `totp.digits`, which is `8`; the key may stay',
    ]);
  });

  it.each([
    ['algorithm: md5', 'totp.algorithm', 'must be `SHA1`, `SHA256` or `SHA512`, got "md5"'],
    ['digits: 7', 'totp.digits', 'must be 6 or 8, got 7'],
    ['period: 14', 'totp.period', 'must be a whole number from 15 to 3600, got 14'],
    ['skew: -1', 'totp.skew', 'must be a whole number from 0 to 10, got -1'],
    ['skew: 11', 'totp.skew', 'must be a whole number from 0 to 10, got 11'],
    ['secret_size: 16', 'totp.secret_size', 'must be a whole number from 20 to 128, got 16'],
    ["issuer: 'a:b'", 'totp.issuer', 'must be a name of up to 64 characters without a colon, got "a:b"'],
    [
      'allowed_algorithms: [SHA256]',
      'totp.allowed_algorithms',
      'must hold `SHA1`, which is what `totp.algorithm` says',
    ],
    ['allowed_digits: []', 'totp.allowed_digits', 'must be a list with at least one entry, got []'],
    [
      'allowed_periods: [5]',
      'totp.allowed_periods',
      'each entry must be a whole number from 15 to 3600, got 5',
    ],
    [
      'disable_reuse_security_policy: true',
      'totp.disable_reuse_security_policy',
      'must be removed: a code never works twice',
    ],
    ['algoritm: sha1', 'totp.algoritm', 'unknown key, did you mean `algorithm`?'],
  ])('says what to write in place of %s', (text, path, message) => {
    expect(parse(`totp: { ${text} }`).told).toEqual([`error: ${path}: ${message}`]);
  });

  it.each(['webauthn', 'mobile_push'])('takes %s for the preferred method, with a warning', method => {
    expect(parse(`default_2fa_method: ${method}`).told).toEqual([
      `warning: default_2fa_method: \`${method}\` is not supported yet: people are asked for a time-based code; the key may stay`,
    ]);
  });
});

describe('identity_validation.elevated_session', () => {
  it('says how long the code that is sent counts', () => {
    const { config, told } = parse(
      'identity_validation: { elevated_session: { code_lifespan: 2 minutes, elevation_lifespan: 1h, characters: 12, require_second_factor: true, skip_second_factor: true } }',
    );
    expect(told).toEqual([]);
    expect(config.identityProof).toEqual({
      codeSeconds: 120,
      proofSeconds: 3_600,
      characters: 12,
      requireSecondFactor: true,
      skipSecondFactor: true,
    });
    expect(parse('identity_validation: { elevated_session: { characters: 4 } }').told.join()).toContain(
      'must be a whole number from 8 to 20, got 4',
    );
  });
});

describe('notifier', () => {
  it('writes into a file', () => {
    const { config, told } = parse('notifier: { filesystem: { filename: notification.txt } }');
    expect(told).toEqual([]);
    expect(config.notifier).toEqual({
      kind: 'filesystem',
      filename: '/etc/postern/notification.txt',
      startupCheck: true,
    });
  });

  const SMTP = 'sender: Postern <postern@example.com>';
  const smtp = (text: string, env = {}, files = {}) =>
    parse(`notifier: { smtp: { ${text}, ${SMTP} } }`, env, files);

  it('takes every key of SMTP', () => {
    const { config, told } = parse(
      `notifier:
  disable_startup_check: true
  template_path: ''
  smtp:
    address: submissions://mail.example.com
    timeout: 10s
    username: postern
    password_file: smtp.password
    sender: '"Sign-in" <postern@example.com>'
    identifier: auth.example.com
    subject: 'Home: {title}'
    disable_require_tls: false
    disable_starttls: false
    tls:
      server_name: mx.example.com
      minimum_version: TLS1.3
      ca_certificate: ca.pem
      certificate_chain_file: own.pem
      private_key_file: own.pem
`,
      {},
      { '/etc/postern/smtp.password': 'hunter2\n' },
    );
    expect(told).toEqual([
      'warning: notifier.template_path: not used: messages are written in the language of who asked; the key may stay',
    ]);
    expect(config.notifier).toEqual({
      kind: 'smtp',
      host: 'mail.example.com',
      port: 465,
      security: 'tls',
      username: 'postern',
      password: 'hunter2',
      sender: { name: 'Sign-in', address: 'postern@example.com' },
      subject: 'Home: {title}',
      identifier: 'auth.example.com',
      timeoutSeconds: 10,
      tls: {
        serverName: 'mx.example.com',
        minVersion: 'TLSv1.3',
        maxVersion: undefined,
        ca: Buffer.from(PEM),
        certificate: PEM.replace(/\n$/, ''),
        key: PEM.replace(/\n$/, ''),
      },
      startupCheck: false,
    });
  });

  it.each([
    ['smtp://mail.example.com', 'mail.example.com', 25, 'starttls'],
    ['smtp://mail.example.com:2525', 'mail.example.com', 2525, 'starttls'],
    ['submission://mail.example.com', 'mail.example.com', 587, 'starttls'],
    ['submissions://mail.example.com', 'mail.example.com', 465, 'tls'],
    ["'mail.example.com:465'", 'mail.example.com', 465, 'tls'],
    ["'mail:587'", 'mail', 587, 'starttls'],
    ["'smtp://[::1]:25'", '::1', 25, 'starttls'],
  ])('reads the address %s', (address, host, port, security) => {
    const { config, told } = smtp(`address: ${address}`);
    expect(told).toEqual([]);
    expect(config.notifier).toMatchObject({ host, port, security });
  });

  it('takes the old host and port, with the new form', () => {
    const { config, told } = smtp('host: mail.example.com, port: 587');
    expect(config.notifier).toMatchObject({ host: 'mail.example.com', port: 587, security: 'starttls' });
    expect(told).toEqual(
      ['host', 'port'].map(
        key =>
          `warning: notifier.smtp.${key}: is Authelia's old form: write \`notifier.smtp.address: 'submission://mail.example.com:587'\``,
      ),
    );
  });

  it('takes all of it from the environment, and the password from a file that it names', () => {
    const { config, told } = parse(
      '',
      {
        POSTERN_NOTIFIER_SMTP_ADDRESS: 'submission://mail:587',
        POSTERN_NOTIFIER_SMTP_SENDER: 'postern@example.com',
        POSTERN_NOTIFIER_SMTP_USERNAME: 'postern',
        POSTERN_NOTIFIER_SMTP_PASSWORD_FILE: '/run/secrets/smtp',
      },
      { '/run/secrets/smtp': 'from-a-file\n' },
    );
    expect(told).toEqual([]);
    expect(config.notifier).toMatchObject({ host: 'mail', password: 'from-a-file' });
  });

  it.each([
    [
      'a password over a connection that need not be encrypted: it must be',
      'address: smtp://mail, username: a, password: b-b, disable_require_tls: true',
      'starttls',
      ['warning notifier.smtp.disable_require_tls'],
    ],
    [
      'to this machine it need not',
      'address: smtp://127.0.0.1:1025, username: a, password: b-b, disable_require_tls: true',
      'if-offered',
      [],
    ],
    ['nobody signs in', 'address: smtp://mail, disable_require_tls: true', 'if-offered', []],
    ['no TLS at all', 'address: smtp://mail, disable_starttls: true', 'none', []],
    [
      'a password without any TLS',
      'address: smtp://mail, username: a, password: b-b, disable_starttls: true',
      'starttls',
      ['error notifier.smtp.disable_starttls'],
    ],
  ])('%s', (_name, text, security, expected) => {
    const { config, told } = smtp(text);
    expect(config.notifier).toMatchObject({ security });
    expect(paths(told)).toEqual(expected);
    expect(told.join()).not.toContain('b-b');
  });

  it.each([
    ['address: mail://a, sender: a@b.test', ['error notifier.smtp.address']],
    ['address: "smtp://user:hunter2@mail", sender: a@b.test', ['error notifier.smtp.address']],
    ['address: smtp://mail', ['error notifier.smtp.sender']],
    ['sender: a@b.test', ['error notifier.smtp.address']],
    ['address: smtp://mail, sender: nobody', ['error notifier.smtp.sender']],
    ['address: smtp://mail, sender: "a@b.test, c@d.test"', ['error notifier.smtp.sender']],
    ['address: smtp://mail, sender: a@b.test, username: u', ['error notifier.smtp.password']],
    ['address: smtp://mail, sender: a@b.test, password: hunter2', ['error notifier.smtp.username']],
    ['address: smtp://mail, host: mail, sender: a@b.test', ['error notifier.smtp.host']],
    [
      'address: smtp://mail, sender: a@b.test, tls: { skip_verify: true }',
      ['error notifier.smtp.tls.skip_verify'],
    ],
    ['address: smtp://mail, sender: a@b.test, subject: "a\\nBcc: b"', ['error notifier.smtp.subject']],
    ['address: smtp://mail, sender: a@b.test, identifier: "a b"', ['error notifier.smtp.identifier']],
    ['address: smtp://mail, sender: a@b.test, timeout: 2m', ['error notifier.smtp.timeout']],
    [
      'address: smtp://mail, sender: a@b.test, tls: { minimum_version: TLS1.3, maximum_version: TLS1.2 }',
      ['error notifier.smtp.tls.maximum_version'],
    ],
    [
      'address: smtp://mail, sender: a@b.test, tls: { private_key: hunter2 }',
      ['error notifier.smtp.tls.private_key'],
    ],
    ['adress: smtp://mail', ['error notifier.smtp.adress']],
  ])('refuses %s, without the password', (text, expected) => {
    const { told } = parse(`notifier: { smtp: { ${text} } }`);
    expect(paths(told)).toEqual(expected);
    expect(told.join()).not.toContain('hunter2');
  });

  it('is one of the two', () => {
    const { told } = parse(
      'notifier: { filesystem: { filename: a }, smtp: { address: smtp://mail, sender: a@b.test } }',
    );
    expect(paths(told)).toEqual(['error notifier.filesystem.filename']);
  });
});

describe('mail addresses', () => {
  it.each([
    ['a@b.test', { name: '', address: 'a@b.test' }],
    ['A B <a.b+c@d.test>', { name: 'A B', address: 'a.b+c@d.test' }],
    ['"A, B" <a@b.test>', { name: 'A, B', address: 'a@b.test' }],
    ['root@localhost', { name: '', address: 'root@localhost' }],
    ['a@bücher.test', { name: '', address: 'a@xn--bcher-kva.test' }],
    ['Jürgen <j@b.test>', { name: 'Jürgen', address: 'j@b.test' }],
  ])('reads %s', (text, expected) => {
    expect(parseMailbox(text)).toEqual(expected);
  });

  it.each([
    '',
    'a',
    '@b.test',
    'a@',
    'a@b@c.test',
    'a b@c.test',
    'a@b.test\r\nBcc: c@d.test',
    'a@b.test,c@d.test',
    'A, B <a@b.test>',
    'A <a@b.test> <c@d.test>',
    'a@b.test>',
    '<a@b.test',
    '"a"@b.test',
    'a@[127.0.0.1]',
    'a..b@c.test',
    '.a@c.test',
    'a@-b.test',
    'a@b..test',
    'a(c)@b.test',
    'a@b.test(c)',
    'group: a@b.test;',
    'A\\" <a@b.test>',
    `${'a'.repeat(65)}@b.test`,
    `a@${'b'.repeat(64)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(70)}.test`,
    'jürgen@b.test',
    'a@b.test\0',
  ])('refuses %j', text => {
    expect(parseMailbox(text)).toBeUndefined();
  });
});

describe('password_policy', () => {
  it('is none unless one is enabled', () => {
    expect(parse('password_policy: { standard: { min_length: 20 } }').config.passwordPolicy).toBeUndefined();
    const { config, told } = parse(
      'password_policy: { standard: { enabled: true, max_length: 0, require_number: true } }',
    );
    expect(told).toEqual([]);
    expect(config.passwordPolicy).toEqual({
      kind: 'standard',
      minLength: 8,
      maxLength: undefined,
      requireUppercase: false,
      requireLowercase: false,
      requireNumber: true,
      requireSpecial: false,
    });
    expect(parse('password_policy: { zxcvbn: { enabled: true } }').config.passwordPolicy).toEqual({
      kind: 'zxcvbn',
      minScore: 3,
    });
  });

  it.each([
    ['standard: { enabled: true }, zxcvbn: { enabled: true }', ['error password_policy.zxcvbn.enabled']],
    ['standard: { min_length: 0 }', ['error password_policy.standard.min_length']],
    ['standard: { min_length: 12, max_length: 8 }', ['error password_policy.standard.max_length']],
    ['zxcvbn: { min_score: 5 }', ['error password_policy.zxcvbn.min_score']],
    ['standard: { require_numbers: true }', ['error password_policy.standard.require_numbers']],
  ])('refuses %s', (text, expected) => {
    expect(paths(parse(`password_policy: { ${text} }`).told)).toEqual(expected);
  });
});
