import { formatDuration } from '../config/duration.ts';
import { IDENTITY_PROOF_DEFAULTS } from '../config/identity-proof.ts';
import { SMTP_DEFAULTS } from '../config/notifier.ts';
import { DEFAULT_MIN_LENGTH, DEFAULT_MIN_SCORE } from '../config/password-policy.ts';
import { TOTP_DEFAULTS } from '../config/totp.ts';
import type { JsonSchema } from './key-docs.ts';

const TEXT: JsonSchema = { type: 'string', pattern: '\\S' };
/** Empty is as good as absent. */
const OPTIONAL: JsonSchema = { type: 'string', pattern: '^(|.*\\S.*)$' };
const BOOLEAN: JsonSchema = { type: 'boolean' };
const HOST: JsonSchema = {
  type: 'string',
  maxLength: 253,
  pattern: '^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)$',
};
const ALGORITHM: JsonSchema = { type: 'string', pattern: '^[Ss][Hh][Aa](1|256|512)$' };
const TLS_VERSION: JsonSchema = { enum: ['TLS1.2', 'TLS1.3'] };
const integer = (minimum: number, maximum: number): JsonSchema => ({ type: 'integer', minimum, maximum });
const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items, minItems: 1 });
const UNIT =
  '(y|M|w|d|h|m|s|ms|([Yy]ear|[Mm]onth|[Ww]eek|[Dd]ay|[Hh]our|[Mm]inute|[Ss]econd|[Mm]illisecond)s?)';
const DURATION: JsonSchema = {
  anyOf: [
    { type: 'integer', minimum: 1 },
    { type: 'string', pattern: `^\\s*\\d{1,9}\\s*${UNIT}(\\s*(and\\s+)?\\d{1,9}\\s*${UNIT})*\\s*$` },
  ],
};
const OFFERED = 'must hold what new devices get; nobody chooses among several.';
const SESSION = 'identity_validation.elevated_session';

/** Keys of second factors, messages and passwords, see `key-docs.ts`. */
export const FACTOR_DOCS: Readonly<Record<string, JsonSchema>> = {
  default_2fa_method: {
    description: 'Second factor that people are asked for; time-based codes (`totp`) are what there is.',
    enum: ['', 'totp', 'webauthn', 'mobile_push'],
    default: 'totp',
  },
  'totp.disable': { description: 'No time-based codes.', ...BOOLEAN, default: false },
  'totp.issuer': {
    description: 'Name that authenticators show for new devices.',
    type: 'string',
    pattern: '^(?=.*\\S)[^:\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]{1,64}$',
    default: TOTP_DEFAULTS.issuer,
    examples: ['example.com'],
  },
  'totp.algorithm': {
    description: 'Hash of codes of new devices; many authenticators know `SHA1` alone.',
    ...ALGORITHM,
    default: TOTP_DEFAULTS.algorithm,
    examples: ['SHA1', 'sha256'],
  },
  'totp.digits': {
    description: 'Digits of codes of new devices.',
    enum: [6, 8],
    default: TOTP_DEFAULTS.digits,
  },
  'totp.period': {
    description: 'Seconds for which each code of new devices is the present one.',
    ...integer(15, 3_600),
    default: TOTP_DEFAULTS.period,
  },
  'totp.skew': {
    description: 'So many codes before and after the present one work, too, since clocks differ.',
    ...integer(0, 10),
    default: TOTP_DEFAULTS.skew,
  },
  'totp.secret_size': {
    description: 'Bytes of the secrets of new devices.',
    ...integer(20, 128),
    default: TOTP_DEFAULTS.secretSize,
    examples: [32],
  },
  'totp.allowed_algorithms': {
    description: `Algorithms: ${OFFERED}`,
    ...list(ALGORITHM),
    examples: [['SHA1']],
  },
  'totp.allowed_digits': { description: `Digits: ${OFFERED}`, ...list({ enum: [6, 8] }), examples: [[6]] },
  'totp.allowed_periods': {
    description: `Periods: ${OFFERED}`,
    ...list(integer(15, 3_600)),
    examples: [[30]],
  },
  [`${SESSION}.code_lifespan`]: {
    description: 'How long a code works that was sent to prove who somebody is.',
    ...DURATION,
    default: formatDuration(IDENTITY_PROOF_DEFAULTS.codeSeconds),
  },
  [`${SESSION}.elevation_lifespan`]: {
    description: 'How long second factors may be changed after that proof.',
    ...DURATION,
    default: formatDuration(IDENTITY_PROOF_DEFAULTS.proofSeconds),
  },
  [`${SESSION}.characters`]: {
    description: 'Length of the code that is sent.',
    ...integer(8, 20),
    default: IDENTITY_PROOF_DEFAULTS.characters,
  },
  [`${SESSION}.require_second_factor`]: {
    description: 'Who has a second factor must have shown it as well before changing anything about it.',
    ...BOOLEAN,
    default: false,
  },
  [`${SESSION}.skip_second_factor`]: {
    description: 'Who has shown a second factor is sent no code.',
    ...BOOLEAN,
    default: false,
  },
  'notifier.disable_startup_check': {
    description: 'Do not look at the start whether messages can be sent.',
    ...BOOLEAN,
    default: false,
  },
  'notifier.filesystem.filename': {
    description: 'Messages are written into this file, each in place of the one before.',
    ...TEXT,
    examples: ['/var/lib/postern/notification.txt'],
  },
  'notifier.smtp.address': {
    description: 'The mail server: `submissions` is TLS, `submission` and `smtp` are STARTTLS.',
    type: 'string',
    pattern:
      '^\\s*((smtp|submissions?)://)?(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)(:\\d{1,5})?\\s*$',
    examples: ['submissions://mail.example.com:465', 'submission://mail.example.com:587'],
  },
  'notifier.smtp.host': {
    description: "Authelia's old form: write `notifier.smtp.address`.",
    deprecated: true,
    ...HOST,
  },
  'notifier.smtp.port': {
    description: "Authelia's old form: write `notifier.smtp.address`.",
    deprecated: true,
    ...integer(1, 65_535),
  },
  'notifier.smtp.timeout': {
    description: 'How long the mail server may take for each step.',
    ...DURATION,
    default: formatDuration(SMTP_DEFAULTS.timeout),
  },
  'notifier.smtp.username': { description: 'Our own account at the mail server.', ...OPTIONAL },
  'notifier.smtp.sender': {
    description: 'Who messages come from: an address, or a name and an address.',
    type: 'string',
    pattern: '^\\s*([^<>@]*<\\s*)?[^\\s@<>",;:\\\\()\\[\\]]{1,64}@[^\\s@<>",;:\\\\()\\[\\]_/]{1,253}>?\\s*$',
    examples: ['Postern <postern@example.com>', 'postern@example.com'],
  },
  'notifier.smtp.subject': {
    description: 'Subject of messages; `{title}` is what each is about.',
    type: 'string',
    pattern: '^(?=.*\\S)[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]{1,200}$',
    default: SMTP_DEFAULTS.subject,
  },
  'notifier.smtp.identifier': {
    description: 'What we call ourselves to the mail server (EHLO).',
    ...HOST,
    default: SMTP_DEFAULTS.identifier,
  },
  'notifier.smtp.disable_require_tls': {
    description: 'Send messages also where the server offers no TLS; never a password.',
    ...BOOLEAN,
    default: false,
  },
  'notifier.smtp.disable_starttls': {
    description: 'Use no TLS even where the server offers STARTTLS; never with a password.',
    ...BOOLEAN,
    default: false,
  },
  'notifier.smtp.tls.server_name': {
    description: "Name in the server's certificate, where that is not its host.",
    ...OPTIONAL,
  },
  'notifier.smtp.tls.minimum_version': {
    description: 'Oldest version of TLS.',
    ...TLS_VERSION,
    default: 'TLS1.2',
  },
  'notifier.smtp.tls.maximum_version': { description: 'Newest version of TLS.', ...TLS_VERSION },
  'notifier.smtp.tls.ca_certificate': {
    description: "File with the CA of the server's certificate (PEM).",
    ...OPTIONAL,
  },
  'password_policy.standard.enabled': {
    description: 'Passwords must have what the keys beside say.',
    ...BOOLEAN,
    default: false,
  },
  'password_policy.standard.min_length': {
    description: 'Characters that a password has at least.',
    ...integer(1, 1_024),
    default: DEFAULT_MIN_LENGTH,
  },
  'password_policy.standard.max_length': {
    description: 'Characters that a password has at most; 0 for any number.',
    ...integer(0, 1_024),
    default: 0,
  },
  'password_policy.standard.require_uppercase': {
    description: 'An upper-case letter.',
    ...BOOLEAN,
    default: false,
  },
  'password_policy.standard.require_lowercase': {
    description: 'A lower-case letter.',
    ...BOOLEAN,
    default: false,
  },
  'password_policy.standard.require_number': { description: 'A digit.', ...BOOLEAN, default: false },
  'password_policy.standard.require_special': {
    description: 'A character that is neither letter nor digit.',
    ...BOOLEAN,
    default: false,
  },
  'password_policy.zxcvbn.enabled': {
    description: 'Passwords must be as hard to guess as `min_score` says.',
    ...BOOLEAN,
    default: false,
  },
  'password_policy.zxcvbn.min_score': {
    description: 'From 1 (some guessing) to 4 (very hard to guess); 0 is the default.',
    ...integer(0, 4),
    default: DEFAULT_MIN_SCORE,
  },
};

export const FACTOR_SPECIAL_DOCS: Readonly<Record<string, JsonSchema>> = {
  'notifier.smtp.password': {
    description:
      'Password of that account; better in `password_file` or POSTERN_NOTIFIER_SMTP_PASSWORD_FILE.',
    ...TEXT,
  },
  'notifier.smtp.password_file': { description: 'File with that password.', ...TEXT },
  'notifier.smtp.tls.private_key': {
    description:
      'Private key of a certificate that we show to the server (PEM); better in `private_key_file`.',
    ...TEXT,
  },
  'notifier.smtp.tls.private_key_file': { description: 'File with that private key.', ...TEXT },
  'notifier.smtp.tls.certificate_chain': {
    description: 'A certificate that we show to the server, with its chain (PEM).',
    ...TEXT,
  },
  'notifier.smtp.tls.certificate_chain_file': { description: 'File with that certificate.', ...TEXT },
};
