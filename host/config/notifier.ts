import { tlsVersion } from './cache-values.ts';
import type { ForeignKey } from './foreign-keys.ts';
import type { GetValue } from './keys.ts';
import { headerText, type Mailbox, mailbox } from './mailbox.ts';
import type { ReadPem } from './pem.ts';
import type { Report } from './tree.ts';
import { boolean, duration, integer, type Reader, shown, text, textOrEmpty } from './values.ts';

/** A server for mail, and how to reach it. */
export interface SmtpSetup {
  readonly kind: 'smtp';
  readonly host: string;
  readonly port: number;
  /** `tls` from the first byte; `starttls` or nothing is sent; `if-offered`; `none`. */
  readonly security: 'tls' | 'starttls' | 'if-offered' | 'none';
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly sender: Mailbox;
  /** `{title}` is what a message is about. */
  readonly subject: string;
  /** What we call ourselves. */
  readonly identifier: string;
  readonly timeoutSeconds: number;
  /** Certificates are always checked. */
  readonly tls: {
    readonly serverName: string | undefined;
    readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
    readonly maxVersion: 'TLSv1.2' | 'TLSv1.3' | undefined;
    readonly ca: Uint8Array | undefined;
    readonly certificate: string | undefined;
    readonly key: string | undefined;
  };
  readonly startupCheck: boolean;
}

export interface FileNotifierSetup {
  readonly kind: 'filesystem';
  readonly filename: string;
  readonly startupCheck: boolean;
}

export type NotifierSetup = FileNotifierSetup | SmtpSetup;

export const SMTP_DEFAULTS = { subject: '[Postern] {title}', identifier: 'localhost', timeout: 5 } as const;
/** A person waits for the page that says it was sent. */
const MAX_TIMEOUT = 60;

type Scheme = 'smtp' | 'submission' | 'submissions';
const PORTS: Readonly<Record<Scheme, number>> = { smtp: 25, submission: 587, submissions: 465 };

interface SmtpAddress {
  readonly scheme: Scheme;
  readonly host: string;
  readonly port: number;
}

const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)$/;

/** `submissions://mail.example.com:465`; without a scheme the port says which it is. */
const smtpAddress: Reader<SmtpAddress> = raw => {
  const form =
    'must be `smtp://HOST:PORT`, `submission://HOST:PORT` (STARTTLS) or `submissions://HOST:PORT` (TLS)';
  const match =
    typeof raw === 'string'
      ? /^(?:(smtp|submissions?):\/\/)?(\[[^\]/]*\]|[^:/[\]@\s]+)(?::(\d{1,5}))?$/.exec(raw.trim())
      : null;
  const named = match?.[3] === undefined ? undefined : Number(match[3]);
  const scheme = (match?.[1] as Scheme | undefined) ?? schemeOf(named);
  const port = named ?? PORTS[scheme];
  if (match?.[2] === undefined || !HOST.test(match[2]) || port < 1 || port > 65_535) {
    // Somebody may have written a password into it.
    return { ok: false, message: typeof raw === 'string' ? form : `${form}, got ${shown(raw)}` };
  }
  return { ok: true, value: { scheme, host: match[2].replace(/^\[|\]$/g, ''), port } };
};

function schemeOf(port: number | undefined): Scheme {
  if (port === PORTS.submissions) return 'submissions';
  return port === PORTS.submission ? 'submission' : 'smtp';
}

const subject: Reader<string> = raw =>
  typeof raw === 'string' && raw.trim() !== '' && headerText(raw) === raw.trim() && raw.length <= 200
    ? { ok: true, value: raw.trim() }
    : {
        ok: false,
        message: `must be one line of up to 200 characters; \`{title}\` is what the message is about, got ${shown(raw)}`,
      };

const hostName: Reader<string> = raw =>
  typeof raw === 'string' && raw.length <= 253 && HOST.test(raw)
    ? { ok: true, value: raw }
    : { ok: false, message: `must be a host name like \`auth.example.com\`, got ${shown(raw)}` };

export const NOTIFIER_KEYS = {
  'notifier.disable_startup_check': boolean,
  'notifier.filesystem.filename': text,
  'notifier.smtp.address': smtpAddress,
  'notifier.smtp.host': hostName,
  'notifier.smtp.port': integer(1, 65_535),
  'notifier.smtp.timeout': duration(1, MAX_TIMEOUT),
  'notifier.smtp.username': textOrEmpty,
  'notifier.smtp.sender': mailbox,
  'notifier.smtp.subject': subject,
  'notifier.smtp.identifier': hostName,
  'notifier.smtp.disable_require_tls': boolean,
  'notifier.smtp.disable_starttls': boolean,
  'notifier.smtp.tls.server_name': textOrEmpty,
  'notifier.smtp.tls.minimum_version': tlsVersion,
  'notifier.smtp.tls.maximum_version': tlsVersion,
  'notifier.smtp.tls.ca_certificate': textOrEmpty,
} as const;

/** Each also as the file that holds it. */
export const NOTIFIER_SECRETS: readonly string[] = [
  'notifier.smtp.password',
  'notifier.smtp.tls.private_key',
  'notifier.smtp.tls.certificate_chain',
];

const unused = (message: string): ForeignKey => ({ kind: 'unused', message });

export const NOTIFIER_FOREIGN: Readonly<Record<string, ForeignKey>> = {
  'notifier.template_path': unused(
    'not used: messages are written in the language of who asked; the key may stay',
  ),
  'notifier.smtp.disable_html_emails': unused('not used: messages are plain text; the key may stay'),
  'notifier.smtp.startup_check_address': unused(
    'not used: the check at the start connects and signs in, and names no recipient; the key may stay',
  ),
  'notifier.smtp.trusted_cert': unused(
    "is Authelia's old form and not used: name the CA in `notifier.smtp.tls.ca_certificate`",
  ),
  'notifier.smtp.tls.skip_verify': {
    kind: 'refused',
    message:
      "must be removed: the server's certificate is always checked; name its CA in `notifier.smtp.tls.ca_certificate`",
  },
};

export interface NotifierInput {
  readonly get: GetValue;
  isSet(path: string): boolean;
  secret(path: string): string | undefined;
  resolve(path: string): string;
  readonly pem: ReadPem;
  readonly report: Report;
}

/** The section `notifier`; undefined without one, or with a mistake, which has been reported. */
export function readNotifier(input: NotifierInput): NotifierSetup | undefined {
  const { get, isSet, report } = input;
  const startupCheck = !(get('notifier.disable_startup_check') ?? false);
  const filename = get('notifier.filesystem.filename');
  const smtp = [
    ...Object.keys(NOTIFIER_KEYS),
    ...NOTIFIER_SECRETS,
    ...NOTIFIER_SECRETS.map(path => `${path}_file`),
  ]
    .filter(path => path.startsWith('notifier.smtp.'))
    .some(isSet);
  if (smtp && isSet('notifier.filesystem.filename')) {
    report('config.twice', 'notifier.filesystem.filename', 'stands beside `notifier.smtp`: keep one of them');
  }
  if (smtp) return readSmtp(input, startupCheck);
  if (filename === undefined) return undefined;
  return { kind: 'filesystem', filename: input.resolve(filename), startupCheck };
}

function readSmtp(input: NotifierInput, startupCheck: boolean): SmtpSetup | undefined {
  const { get, isSet, report } = input;
  const at = readServer(input);
  const sender = get('notifier.smtp.sender');
  if (!isSet('notifier.smtp.sender')) {
    report(
      'config.missing',
      'notifier.smtp.sender',
      'missing: write who messages come from, for example `Postern <postern@example.com>`',
    );
  }
  const username = get('notifier.smtp.username') || undefined;
  const password = input.secret('notifier.smtp.password');
  if (username !== undefined && password === undefined && !isGiven('notifier.smtp.password')) {
    report(
      'config.missing',
      'notifier.smtp.password',
      'missing: `notifier.smtp.username` is nothing without it; better in `password_file` or POSTERN_NOTIFIER_SMTP_PASSWORD_FILE',
    );
  }
  if (username === undefined && password !== undefined && !isSet('notifier.smtp.username')) {
    report(
      'config.missing',
      'notifier.smtp.username',
      'missing: `notifier.smtp.password` is nothing without it',
    );
  }
  const tls = readTls(input);
  if (at === undefined || sender === undefined) return undefined;
  return {
    kind: 'smtp',
    host: at.host,
    port: at.port,
    security: readSecurity(input, at, username !== undefined),
    username,
    password,
    sender,
    subject: get('notifier.smtp.subject') ?? SMTP_DEFAULTS.subject,
    identifier: get('notifier.smtp.identifier') ?? SMTP_DEFAULTS.identifier,
    timeoutSeconds: get('notifier.smtp.timeout') ?? SMTP_DEFAULTS.timeout,
    tls,
    startupCheck,
  };

  function isGiven(path: string): boolean {
    return isSet(path) || isSet(`${path}_file`);
  }
}

function readServer({ get, isSet, report }: NotifierInput): SmtpAddress | undefined {
  const address = get('notifier.smtp.address');
  const host = get('notifier.smtp.host');
  const port = get('notifier.smtp.port');
  const scheme = schemeOf(port);
  for (const key of ['notifier.smtp.host', 'notifier.smtp.port'] as const) {
    if (!isSet(key)) continue;
    if (isSet('notifier.smtp.address')) {
      report('config.twice', key, 'must be removed: `notifier.smtp.address` says it already');
    } else if (host !== undefined) {
      const better = `${scheme}://${host}:${port ?? PORTS[scheme]}`;
      report(
        'config.old',
        key,
        `is Authelia's old form: write \`notifier.smtp.address: '${better}'\``,
        'warning',
      );
    }
  }
  if (isSet('notifier.smtp.address')) return address;
  if (host !== undefined) return { scheme, host, port: port ?? PORTS[scheme] };
  if (!isSet('notifier.smtp.host')) {
    report(
      'config.missing',
      'notifier.smtp.address',
      'missing: write the mail server, for example `submissions://mail.example.com:465`',
    );
  }
  return undefined;
}

/** A password is never sent in the clear, but to this machine. */
function readSecurity(
  { get, report }: NotifierInput,
  { scheme, host }: SmtpAddress,
  hasPassword: boolean,
): SmtpSetup['security'] {
  if (scheme === 'submissions') return 'tls';
  const inClear = hasPassword && !/^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host);
  if (get('notifier.smtp.disable_starttls') === true) {
    if (!inClear) return 'none';
    report(
      'config.value',
      'notifier.smtp.disable_starttls',
      'would send the password in the clear: remove the key, or write `submissions://` in `notifier.smtp.address`',
    );
  }
  if (get('notifier.smtp.disable_require_tls') !== true) return 'starttls';
  if (!inClear) return 'if-offered';
  report(
    'config.unused',
    'notifier.smtp.disable_require_tls',
    'not used: a password is never sent in the clear, so TLS is required; the key may stay',
    'warning',
  );
  return 'starttls';
}

function readTls({ get, isSet, secret, pem, report }: NotifierInput): SmtpSetup['tls'] {
  const minVersion = get('notifier.smtp.tls.minimum_version') ?? 'TLSv1.2';
  const maxVersion = get('notifier.smtp.tls.maximum_version');
  if (maxVersion === 'TLSv1.2' && minVersion === 'TLSv1.3') {
    report('config.value', 'notifier.smtp.tls.maximum_version', 'is below `minimum_version`: remove it');
  }
  const read = (path: string): string | undefined => {
    const value = secret(path);
    if (value === undefined || value.includes('-----BEGIN ')) return value;
    report(
      'config.value',
      path,
      'is no PEM text (`-----BEGIN …`): name a file in the key with `_file` behind',
    );
    return undefined;
  };
  const key = read('notifier.smtp.tls.private_key');
  const certificate = read('notifier.smtp.tls.certificate_chain');
  const given = (path: string) => isSet(path) || isSet(`${path}_file`);
  for (const [path, own, other] of [
    ['notifier.smtp.tls.private_key', key, certificate],
    ['notifier.smtp.tls.certificate_chain', certificate, key],
  ] as const) {
    if (own === undefined && other !== undefined && !given(path)) {
      report('config.missing', path, 'missing: the certificate and its key are nothing without each other');
    }
  }
  return {
    serverName: get('notifier.smtp.tls.server_name') || undefined,
    minVersion,
    maxVersion,
    ca: pem('notifier.smtp.tls.ca_certificate') ?? undefined,
    certificate,
    key,
  };
}
