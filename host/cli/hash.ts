import { randomInt } from 'node:crypto';
import { Command, Option } from 'commander';
import { MAX_PASSWORD } from '../../assembly/contract.ts';
import { loadPasswordPolicy } from '../config/load.ts';
import { ARGON2_DEFAULTS, MAX_MEMORY_KIB, MAX_PARALLELISM, MAX_WORK_KIB } from '../digests/argon2.ts';
import { BCRYPT_MAX_PASSWORD } from '../digests/bcrypt.ts';
import { KINDS_TO_MAKE, type KindToMake, makeDigest } from '../digests/make.ts';
import { judgePassword } from '../password-policy/password-policy.ts';
import { CommandError, EXIT_USAGE, type Io } from './io.ts';
import { configOption, optionalConfigFile, wholeNumber } from './options.ts';
import { readPassword } from './password-input.ts';

/** Authelia's default; a service account's password is its only factor. */
const RANDOM_LENGTH = 72;
const MIN_RANDOM_LENGTH = 64;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

interface HashOptions {
  readonly kind: KindToMake;
  readonly random?: number | true;
  readonly memory: number;
  readonly iterations: number;
  readonly parallelism: number;
  readonly json?: boolean;
  readonly config?: string;
  readonly ignorePolicy?: boolean;
}

/** `postern hash`: a digest for the users file. */
export function hashCommand(io: Io): Command {
  return new Command('hash')
    .description('make a digest of a password for the users file')
    .addOption(new Option('-k, --kind <kind>', 'kind of digest').choices(KINDS_TO_MAKE).default('argon2id'))
    .option(
      '-r, --random [length]',
      `make a random password and print it too (${MIN_RANDOM_LENGTH} to ${MAX_PASSWORD} characters, default ${RANDOM_LENGTH})`,
      wholeNumber(MIN_RANDOM_LENGTH, MAX_PASSWORD),
    )
    .option(
      '-m, --memory <KiB>',
      'memory of argon2id',
      wholeNumber(8, MAX_MEMORY_KIB),
      ARGON2_DEFAULTS.memory,
    )
    .option(
      '-t, --iterations <n>',
      'passes of argon2id over its memory',
      wholeNumber(1, MAX_WORK_KIB),
      ARGON2_DEFAULTS.iterations,
    )
    .option(
      '-p, --parallelism <n>',
      'lanes of argon2id',
      wholeNumber(1, MAX_PARALLELISM),
      ARGON2_DEFAULTS.parallelism,
    )
    .option('--json', 'print JSON')
    .addOption(configOption())
    .option('--ignore-policy', 'make the digest of a password that `password_policy` refuses, with a warning')
    .action(async (options: HashOptions, command: Command) => {
      const { kind, memory, iterations, parallelism } = options;
      const foreign = (['memory', 'iterations', 'parallelism'] as const).find(
        name => kind !== 'argon2id' && command.getOptionValueSource(name) === 'cli',
      );
      if (foreign !== undefined) {
        throw new CommandError(`--${foreign} is an option of argon2id, not of ${kind}`, EXIT_USAGE);
      }
      if (memory < 8 * parallelism) {
        throw new CommandError(`--memory must be at least 8 KiB per lane: ${8 * parallelism}`, EXIT_USAGE);
      }
      if (memory * iterations > MAX_WORK_KIB) {
        throw new CommandError(
          `--memory times --iterations must be at most ${MAX_WORK_KIB} KiB, or no login would wait for it`,
          EXIT_USAGE,
        );
      }
      const random = options.random === undefined ? undefined : randomPassword(options.random);
      const password = random ?? (await readPassword(io));
      // Made ones are harder to guess than any policy asks for, and hold what they hold.
      if (random === undefined) await judge(password, options, io);
      if (kind === 'bcrypt' && Buffer.byteLength(password, 'utf8') > BCRYPT_MAX_PASSWORD) {
        throw new CommandError(
          `bcrypt does not look at what is behind byte ${BCRYPT_MAX_PASSWORD} of a password: use another kind`,
        );
      }
      const digest = await makeDigest(kind, password, { memory, iterations, parallelism });
      io.stdout.write(`${format(random, digest, options.json === true)}\n`);
    })
    .addHelpText(
      'after',
      `
On a terminal the password is asked for twice and not shown; in a pipe it is the one line of
standard input. argon2id is the kind to choose; the others are for those who may not, with
Authelia's default parameters. A password that \`password_policy\` of the configuration refuses
gets no digest.

Examples:
  postern hash
  postern hash < password.txt
  postern hash --random            # for a service account
  postern hash --kind pbkdf2       # where only FIPS-approved algorithms are allowed
  postern hash --random --json | jq -r '.password, .digest'`,
    );
}

async function judge(password: string, options: HashOptions, io: Io): Promise<void> {
  const file = optionalConfigFile(options.config, io);
  const policy = loadPasswordPolicy(file, { env: io.env, isTerminal: io.stdout.isTTY });
  const problems = await judgePassword(policy, password);
  if (problems.length === 0) return;
  const told = `the password does not fit \`password_policy\`: it ${problems.map(({ message }) => message).join('; it ')}`;
  if (options.ignorePolicy !== true) {
    throw new CommandError(
      `${told}\nTake another one, or make the digest all the same with --ignore-policy.`,
    );
  }
  io.stderr.write(`warning: ${told}\n`);
}

function format(random: string | undefined, digest: string, json: boolean): string {
  if (json) return JSON.stringify(random === undefined ? { digest } : { password: random, digest });
  return random === undefined ? digest : `Password: ${random}\nDigest: ${digest}`;
}

function randomPassword(length: number | true): string {
  const count = length === true ? RANDOM_LENGTH : length;
  return Array.from({ length: count }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
