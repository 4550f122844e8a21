import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import type { SmtpSetup } from '../../host/config/notifier.ts';
import { createLogger } from '../../host/log/logger.ts';
import { checkAtStart, createNotifier } from '../../host/notifier/create.ts';
import { FileNotifier } from '../../host/notifier/filesystem.ts';
import { NotifierError } from '../../host/notifier/notifier.ts';
import { SmtpNotifier } from '../../host/notifier/smtp.ts';
import { selfSigned } from '../support/certificate.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

const NOW = Date.UTC(2026, 10, 21);
const HELLO = {
  to: { name: 'John', address: 'john@example.com' },
  subject: 'Hello',
  text: 'Your code: ABCD\n',
};

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});
afterAll(removeTempDirectories);

describe('a file of messages', () => {
  const notifier = (filename: string) => new FileNotifier(filename, () => NOW);

  it('is readable for its owner alone, and holds the last message', async () => {
    const file = join(tempDirectory(), 'notification.txt');
    await notifier(file).send({ ...HELLO, text: `${'long '.repeat(1_000)}` });
    await notifier(file).send(HELLO);
    expect(readFileSync(file, 'utf8')).toBe(
      'Date: 2026-11-21T00:00:00.000Z\nRecipient: John <john@example.com>\nSubject: Hello\n\nYour code: ABCD\n\n',
    );
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is closed to others when they could read it, and stays the same file', async () => {
    const file = join(tempDirectory(), 'notification.txt');
    writeFileSync(file, 'before', { mode: 0o644 });
    const { ino } = statSync(file);
    await notifier(file).check();
    expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).toEqual(['before', 0o600]);
    await notifier(file).send(HELLO);
    expect([statSync(file).ino, readFileSync(file, 'utf8').includes('before')]).toEqual([ino, false]);
  });

  it('holds one whole message, however many are sent at once', async () => {
    const file = join(tempDirectory(), 'notification.txt');
    const one = notifier(file);
    const texts = Array.from({ length: 20 }, (_, i) => `${i}`.repeat(1 + 1_000 * (20 - i)));
    await Promise.all(texts.map(text => one.send({ ...HELLO, text })));
    expect(readFileSync(file, 'utf8').endsWith(`\n\n${texts.at(-1)}\n`)).toBe(true);
  });

  it('has its folder made', async () => {
    const folder = join(tempDirectory(), 'a', 'b');
    const file = join(folder, 'notification.txt');
    await notifier(file).check();
    expect([statSync(folder).mode & 0o777, statSync(file).mode & 0o777]).toEqual([0o700, 0o600]);
  });

  it('says what is wrong with it', async () => {
    const directory = tempDirectory();
    await expect(notifier(directory).send(HELLO)).rejects.toThrow(
      `${directory}: cannot be written: Error: EISDIR`,
    );
    writeFileSync(join(directory, 'file'), '');
    const below = join(directory, 'file', 'notification.txt');
    await expect(notifier(below).check()).rejects.toThrow(`${below}: cannot be written: Error: E`);
  });
});

const TLS = selfSigned(['localhost', 'mail.example.com']);
const CA = readFileSync(TLS.certificate);
const KEY = readFileSync(TLS.key);

interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: string;
  readonly secure: boolean;
  readonly user: string | undefined;
  readonly hello: string;
}

/** A real mail server on a free port. */
async function mailServer(options: SMTPServerOptions = {}) {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    authOptional: true,
    cert: CA,
    key: KEY,
    closeTimeout: 100,
    onAuth: ({ username, password }, _session, callback) =>
      username === 'postern' && password === 'right-password'
        ? callback(null, { user: username })
        : callback(new Error('535 5.7.8 refused: right-password is not what was sent')),
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString('utf8'),
          secure: session.secure,
          user: session.user,
          hello: session.hostNameAppearsAs,
        });
        callback();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return { mails, port: (server.server.address() as AddressInfo).port };
}

function setup(port: number, more: Partial<SmtpSetup> = {}): SmtpSetup {
  const { tls, ...rest } = more;
  return {
    kind: 'smtp',
    host: 'localhost',
    port,
    security: 'starttls',
    username: undefined,
    password: undefined,
    sender: { name: 'Postern', address: 'postern@example.com' },
    subject: '[Postern] {title}',
    identifier: 'auth.example.com',
    timeoutSeconds: 5,
    startupCheck: true,
    ...rest,
    tls: {
      serverName: undefined,
      minVersion: 'TLSv1.2',
      maxVersion: undefined,
      ca: CA,
      certificate: undefined,
      key: undefined,
      ...tls,
    },
  };
}

const LOGIN = { username: 'postern', password: 'right-password' };

describe('mail', () => {
  it.each([
    ['STARTTLS', 'starttls', {}, true],
    ['TLS from the beginning', 'tls', { secure: true }, true],
    ['STARTTLS, where it is offered', 'if-offered', {}, true],
    ['nothing, where it is not', 'if-offered', { disabledCommands: ['STARTTLS'] }, false],
    ['nothing, as configured', 'none', {}, false],
  ] as const)('is encrypted by %s', async (_name, security, options, secure) => {
    const { mails, port } = await mailServer({
      ...options,
      disabledCommands: [...('disabledCommands' in options ? options.disabledCommands : [])],
    });
    await new SmtpNotifier(setup(port, { security })).send(HELLO);
    expect(mails).toMatchObject([
      { from: 'postern@example.com', to: ['john@example.com'], secure, hello: 'auth.example.com' },
    ]);
    const { raw } = mails[0] as Mail;
    expect(raw).toMatch(/^From: Postern <postern@example.com>\r$/m);
    expect(raw).toMatch(/^To: John <john@example.com>\r$/m);
    expect(raw).toMatch(/^Subject: \[Postern\] Hello\r$/m);
    expect(raw).toMatch(/^Auto-Submitted: auto-generated\r$/m);
    expect(raw).toMatch(/^Content-Type: text\/plain; charset=utf-8\r$/m);
    expect(raw).toContain('\r\n\r\nYour code: ABCD\r\n');
  });

  it('is signed in for, and says without any secret when that fails', async () => {
    const { mails, port } = await mailServer({ authOptional: false });
    await new SmtpNotifier(setup(port, LOGIN)).check();
    await new SmtpNotifier(setup(port, LOGIN)).send(HELLO);
    expect(mails).toMatchObject([{ secure: true, user: 'postern' }]);
    const error = await new SmtpNotifier(setup(port, { ...LOGIN, password: 'wrong-password' }))
      .send(HELLO)
      .catch((reason: NotifierError) => reason);
    expect(error).toBeInstanceOf(NotifierError);
    expect(error).toMatchObject({
      message: `the mail server localhost:${port} does not let us sign in (EAUTH, 535)`,
      hint: 'look at `notifier.smtp.username` and the password',
    });
    expect(JSON.stringify(error) + String(error)).not.toMatch(/(right|wrong)-password/);
    expect(mails).toHaveLength(1);
  });

  it('is not sent in the clear to a server that does not encrypt', async () => {
    const { mails, port } = await mailServer({ disabledCommands: ['STARTTLS'] });
    await expect(new SmtpNotifier(setup(port, LOGIN)).send(HELLO)).rejects.toThrow('does not encrypt');
    expect(mails).toEqual([]);
  });

  it.each([
    ['of an authority that nobody named', { ca: undefined }, 'is not trusted'],
    ['of another name', { serverName: 'mx.example.org' }, 'is for another name'],
  ] as const)('is not sent to a server with a certificate %s', async (_name, tls, words) => {
    for (const security of ['tls', 'starttls'] as const) {
      const { mails, port } = await mailServer({ secure: security === 'tls' });
      const own = setup(port, { security });
      const error = new SmtpNotifier({ ...own, tls: { ...own.tls, ...tls } }).send(HELLO);
      await expect(error).rejects.toThrow(`the certificate of the mail server localhost:${port} ${words}`);
      expect(mails).toEqual([]);
    }
  });

  it('is not sent to a server that nobody trusts where the environment would let node do it', async () => {
    // Its warning.
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    closing.push(() => {
      vi.unstubAllEnvs();
      vi.restoreAllMocks();
    });
    for (const security of ['tls', 'starttls'] as const) {
      const { mails, port } = await mailServer({ secure: security === 'tls' });
      const own = setup(port, { security });
      const error = new SmtpNotifier({ ...own, tls: { ...own.tls, ca: undefined } }).send(HELLO);
      await expect(error).rejects.toThrow('is not trusted');
      expect(mails).toEqual([]);
    }
  });

  it('is sent to a server that is known by another name', async () => {
    const { mails, port } = await mailServer();
    const own = setup(port, { host: '127.0.0.1' });
    await new SmtpNotifier({ ...own, tls: { ...own.tls, serverName: 'mail.example.com' } }).send(HELLO);
    expect(mails).toHaveLength(1);
  });

  it.each([
    ['a line break in a name', { name: 'John\r\nBcc: eve@example.com', address: 'john@example.com' }],
    ['a list in a name', { name: 'John <eve@example.com>, x', address: 'john@example.com' }],
    ['quotes in a name', { name: '"John" \\', address: 'john@example.com' }],
  ])('goes to one recipient whatever a name holds: %s', async (_name, to) => {
    const { mails, port } = await mailServer();
    const subject = 'Hello\r\nBcc: eve@example.com\r\n\r\nbody';
    await new SmtpNotifier(setup(port)).send({ ...HELLO, to, subject });
    expect(mails.map(mail => mail.to)).toEqual([['john@example.com']]);
    const [head = ''] = (mails[0] as Mail).raw.split('\r\n\r\n');
    const names = head
      .split('\r\n')
      .filter(line => /^\S/.test(line))
      .map(line => line.split(':')[0]?.toLowerCase());
    expect(names).not.toContain('bcc');
    expect(names.filter(name => name === 'to' || name === 'subject')).toHaveLength(2);
  });

  it('keeps texts of other scripts', async () => {
    const { mails, port } = await mailServer();
    const to = { name: 'محمد', address: 'm@example.com' };
    await new SmtpNotifier(setup(port)).send({
      to,
      subject: 'رمزك',
      text: 'مرحبًا, Grüße\n.\nnach dem Punkt',
    });
    const { raw } = mails[0] as Mail;
    expect(raw).toMatch(/^Subject: =\?UTF-8\?/m);
    const body = raw.slice(raw.indexOf('\r\n\r\n') + 4).replaceAll('\r\n', '\n');
    const plain = /^Content-Transfer-Encoding: base64\r$/m.test(raw)
      ? Buffer.from(body, 'base64').toString('utf8')
      : Buffer.from(
          body
            .replace(/=\n/g, '')
            .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
          'latin1',
        ).toString('utf8');
    expect(plain.trim()).toBe('مرحبًا, Grüße\n.\nnach dem Punkt');
  });

  it('says that a recipient is refused, and not which', async () => {
    const { port } = await mailServer({
      onRcptTo: ({ address }, _session, callback) => callback(new Error(`no such user ${address}`)),
    });
    const error = await new SmtpNotifier(setup(port)).send(HELLO).catch((reason: Error) => reason);
    expect(String(error)).toContain('refuses the sender or the recipient (EENVELOPE, 550)');
    expect(String(error)).not.toContain('john');
  });

  it('gives up on a server that is gone, and on one that says nothing', async () => {
    const { port } = await mailServer();
    for (const close of closing.splice(0)) close();
    await expect(new SmtpNotifier(setup(port)).check()).rejects.toThrow('cannot be reached (');
    const sockets: Socket[] = [];
    const silent: Server = createServer(socket => void sockets.push(socket.on('error', () => {})));
    await new Promise<void>(resolve => void silent.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const at = setup((silent.address() as AddressInfo).port, { timeoutSeconds: 1 });
    await expect(new SmtpNotifier(at).send(HELLO)).rejects.toThrow('cannot be reached (ETIMEDOUT');
  });
});

describe('the check at the start', () => {
  function logged() {
    const lines: string[] = [];
    const log = createLogger({
      level: 'debug',
      format: 'text',
      colour: false,
      write: line => lines.push(line),
    });
    return { lines, log };
  }

  it('says clearly what is wrong and how to mend it, without the password', async () => {
    const { port } = await mailServer({ authOptional: false });
    const { lines, log } = logged();
    const wrong = setup(port, { ...LOGIN, password: 'wrong-password' });
    const now = () => NOW;
    await checkAtStart(createNotifier(wrong, now), wrong, log);
    expect(lines.join('')).toContain('messages cannot be sent: nobody can register a second factor');
    expect(lines.join('')).toContain('look at `notifier.smtp.username` and the password');
    expect(lines.join('')).not.toContain('wrong-password');
    lines.splice(0);
    await checkAtStart(
      createNotifier({ ...wrong, startupCheck: false }, now),
      { ...wrong, startupCheck: false },
      log,
    );
    await checkAtStart(createNotifier(undefined, now), undefined, log);
    expect(lines).toEqual([]);
    const right = setup(port, LOGIN);
    await checkAtStart(createNotifier(right, now), right, log);
    expect(lines.join('')).toContain('messages can be sent');
  });

  it('says so where no file can be made, and does not try for ever', async () => {
    const { lines, log } = logged();
    const filename = join(tempDirectory(), 'file', 'notification.txt');
    writeFileSync(dirname(filename), '');
    const nowhere = existsSync('/proc/self') ? ['/proc/postern/x/notification.txt'] : [];
    for (const name of [filename, ...nowhere]) {
      const own = { kind: 'filesystem', filename: name, startupCheck: true } as const;
      await checkAtStart(
        createNotifier(own, () => NOW),
        own,
        log,
      );
      expect(lines.splice(0).join('')).toContain(`${name}: cannot be written: `);
    }
  });

  it('leaves the mode of what is no file, such as /dev/null, as it is', async () => {
    const filename = join(tempDirectory(), 'pipe');
    spawnSync('mkfifo', ['-m', '666', filename]);
    await new FileNotifier(filename, () => NOW).check();
    expect((statSync(filename).mode & 0o777).toString(8)).toBe('666');
  });

  it('makes the file', async () => {
    const filename = join(tempDirectory(), 'notification.txt');
    const { lines, log } = logged();
    const own = { kind: 'filesystem', filename, startupCheck: true } as const;
    await checkAtStart(
      createNotifier(own, () => NOW),
      own,
      log,
    );
    expect(statSync(filename).mode & 0o777).toBe(0o600);
    expect(lines.join('')).toContain('messages can be sent kind=filesystem');
  });
});
