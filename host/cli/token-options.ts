import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { formatTime, parseEnd } from '../tokens/time.ts';
import { CommandError, EXIT_USAGE } from './io.ts';
import { configOption, fileName } from './options.ts';
import type { SourceOptions } from './token-source.ts';

export interface CommonOptions extends SourceOptions {
  readonly json?: boolean;
}

/** Of the commands that make a service account. */
export interface AccountOptions extends CommonOptions {
  readonly displayname?: string;
  readonly email?: string;
  readonly group: readonly string[];
  readonly network: readonly string[];
  readonly owner?: string;
  readonly description?: string;
  readonly expires: string;
}

/** Nobody looks after what never ends. */
const DEFAULT_LIFE = '1y';

export function withCommonOptions(command: Command): Command {
  return command
    .addOption(configOption())
    .option('-f, --file <file>', 'tokens file (else `tokens.file` of the configuration)', fileName)
    .option('--json', 'print JSON');
}

export function withAccountOptions(command: Command): Command {
  return withCommonOptions(command)
    .option('--displayname <text>', 'name for people (default: its name)')
    .option('--email <address>', 'mail address that backends are told')
    .addOption(
      new Option('-g, --group <group>', 'a group that it is in; may be repeated')
        .argParser(collect)
        .default([], 'none'),
    )
    .addOption(
      new Option('-n, --network <cidr>', 'a network it may ask from; may be repeated')
        .argParser(collect)
        .default([], 'all'),
    )
    .option('--owner <name>', 'who answers for it')
    .option('--description <text>', 'what it is for')
    .addOption(expiresOption(`a duration, a day, a time, or \`never\``).default(DEFAULT_LIFE));
}

export function expiresOption(what: string): Option {
  return new Option('-e, --expires <when>', `when it ends: ${what}`).argParser(value => {
    if (value !== 'never' && parseEnd(value, 0) === undefined) {
      throw new InvalidArgumentError(
        'It must be a duration like `90d`, a day like `2027-01-31`, a time like `2027-01-31T12:00:00Z`, or `never`.',
      );
    }
    return value;
  });
}

/** Milliseconds since 1970, undefined for never; refuses an end that has been. */
export function endOfOption(value: string, now: number): number | undefined {
  const end = value === 'never' ? undefined : parseEnd(value, now);
  if (end !== undefined && end <= now) {
    throw new CommandError(`--expires lies in the past: ${formatTime(end)}`, EXIT_USAGE);
  }
  return end;
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** Tells the secrets of a token apart: short enough to type, no part of the secret. */
export function newSecretId(): string {
  return randomBytes(4).toString('hex');
}
