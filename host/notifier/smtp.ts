import type { Transporter } from 'nodemailer';
import type { SmtpSetup } from '../config/notifier.ts';
import { type Message, type Notifier, NotifierError } from './notifier.ts';

/** A server that answers each step just in time may not keep a person waiting for longer. */
const STEPS = 4;

/** Mail, by nodemailer. Each message has a connection of its own: there are few. */
export class SmtpNotifier implements Notifier {
  readonly kind = 'smtp';
  readonly #setup: SmtpSetup;
  #transport: Promise<Transporter> | undefined;

  constructor(setup: SmtpSetup) {
    this.#setup = setup;
  }

  async send({ to, subject, text }: Message): Promise<void> {
    const { sender, subject: template } = this.#setup;
    await this.#ask(transport =>
      transport.sendMail({
        from: sender,
        to,
        subject: template.replaceAll('{title}', () => subject),
        text,
        // Nobody's holiday notice shall answer.
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
      }),
    );
  }

  async check(): Promise<void> {
    await this.#ask(transport => transport.verify());
  }

  async #ask(act: (transport: Transporter) => Promise<unknown>): Promise<void> {
    this.#transport ??= createTransport(this.#setup);
    const transport = await this.#transport;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject({ code: 'ETIMEDOUT' }), this.#setup.timeoutSeconds * 1_000 * STEPS);
      timer.unref();
    });
    try {
      await Promise.race([act(transport), late]);
    } catch (error) {
      throw explained(error, this.#setup);
    } finally {
      clearTimeout(timer);
    }
  }
}

async function createTransport(setup: SmtpSetup): Promise<Transporter> {
  const { default: nodemailer } = await import('nodemailer');
  const { host, port, security, username, password, identifier, timeoutSeconds, tls } = setup;
  const timeout = timeoutSeconds * 1_000;
  return nodemailer.createTransport({
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    name: identifier,
    ...(username === undefined ? {} : { auth: { user: username, pass: password ?? '' } }),
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    dnsTimeout: timeout,
    // Nothing in a message names a file or an address to fetch; were it so, nothing would be fetched.
    disableFileAccess: true,
    disableUrlAccess: true,
    tls: {
      // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      rejectUnauthorized: true,
      minVersion: tls.minVersion,
      ...(tls.maxVersion === undefined ? {} : { maxVersion: tls.maxVersion }),
      ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
      ...(tls.ca === undefined ? {} : { ca: Buffer.from(tls.ca) }),
      ...(tls.certificate === undefined ? {} : { cert: tls.certificate, key: tls.key }),
    },
  });
}

/** What a server answers may hold the address or what it was sent: only codes are told. */
function explained(error: unknown, { host, port }: SmtpSetup): NotifierError {
  const codes = codesOf(error);
  const at = `${host}:${port}`;
  const reply = replyOf(error);
  // nodemailer keeps TLS's own words, and no code of them.
  if (reply === undefined && error instanceof Error && /certificate/i.test(error.message)) {
    return /altnames/.test(error.message)
      ? new NotifierError(
          `the certificate of the mail server ${at} is for another name`,
          'write that name in `notifier.smtp.address` or `notifier.smtp.tls.server_name`',
        )
      : new NotifierError(
          `the certificate of the mail server ${at} is not trusted`,
          'name the file of its CA in `notifier.smtp.tls.ca_certificate`',
        );
  }
  const shown = [...codes, ...(reply === undefined ? [] : [reply])].join(', ') || 'unknown';
  if (codes.includes('EAUTH') || codes.includes('ENOAUTH')) {
    return new NotifierError(
      `the mail server ${at} does not let us sign in (${shown})`,
      'look at `notifier.smtp.username` and the password',
    );
  }
  if (codes.includes('ETLS')) {
    return new NotifierError(
      `the mail server ${at} does not encrypt (${shown})`,
      'write `submissions://` in `notifier.smtp.address`, or, without a password, `notifier.smtp.disable_require_tls: true`',
    );
  }
  if (codes.includes('EENVELOPE')) {
    return new NotifierError(
      `the mail server ${at} refuses the sender or the recipient (${shown})`,
      'look at `notifier.smtp.sender`, and at the mail address in the users file',
    );
  }
  if (codes.some(code => UNREACHABLE.test(code))) {
    return new NotifierError(
      `the mail server ${at} cannot be reached (${shown})`,
      'look at `notifier.smtp.address`: `submissions://` is TLS, `submission://` and `smtp://` are STARTTLS',
    );
  }
  return new NotifierError(`the mail server ${at} did not take the message (${shown})`);
}

const UNREACHABLE = /^(ECONN|ETIMEDOUT|ESOCKET|EDNS|ENOTFOUND|EHOST|ENET|EAI_|EPROTOCOL|ERR_SSL)/;

/** Codes of an error and of what caused it. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let next = error, depth = 0; isObject(next) && depth < 4; next = next.cause, depth++) {
    if (typeof next.code === 'string' && !codes.includes(next.code)) codes.push(next.code);
  }
  return codes;
}

function replyOf(error: unknown): string | undefined {
  return isObject(error) && typeof error.responseCode === 'number' ? String(error.responseCode) : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
