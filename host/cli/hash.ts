import { randomInt } from 'node:crypto';
import { type Algorithm, hash } from '@node-rs/argon2';
import { Command } from 'commander';
import { MAX_PASSWORD } from '../../assembly/contract.ts';
import { MAX_MEMORY_KIB, MAX_PARALLELISM, MAX_WORK_KIB } from '../users/digest.ts';
import { CommandError, EXIT_USAGE, type Io } from './io.ts';
import { wholeNumber } from './options.ts';
import { readPassword } from './password-input.ts';

/** Authelia's defaults for argon2id. */
const DEFAULTS = { memory: 65_536, iterations: 3, parallelism: 4 };
/** Argon2id in the PHC sense; the package's enum has no run-time form. */
const ARGON2ID = 2 as Algorithm.Argon2id;
const HASH_LENGTH = 32;

/** Authelia's default; a service account's password is its only factor. */
const RANDOM_LENGTH = 72;
const MIN_RANDOM_LENGTH = 64;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

interface HashOptions {
  readonly random?: number | true;
  readonly memory: number;
  readonly iterations: number;
  readonly parallelism: number;
  readonly json?: boolean;
}

/** `postern hash`: an argon2id digest for the users file. */
export function hashCommand(io: Io): Command {
  return new Command('hash')
    .description('make an argon2id digest of a password for the users file')
    .option(
      '-r, --random [length]',
      `make a random password and print it too (${MIN_RANDOM_LENGTH} to ${MAX_PASSWORD} characters, default ${RANDOM_LENGTH})`,
      wholeNumber(MIN_RANDOM_LENGTH, MAX_PASSWORD),
    )
    .option('-m, --memory <KiB>', 'memory', wholeNumber(8, MAX_MEMORY_KIB), DEFAULTS.memory)
    .option(
      '-t, --iterations <n>',
      'passes over the memory',
      wholeNumber(1, MAX_WORK_KIB),
      DEFAULTS.iterations,
    )
    .option('-p, --parallelism <n>', 'lanes', wholeNumber(1, MAX_PARALLELISM), DEFAULTS.parallelism)
    .option('--json', 'print JSON')
    .action(async (options: HashOptions) => {
      const { memory, iterations, parallelism } = options;
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
      const digest = await hash(password, {
        algorithm: ARGON2ID,
        memoryCost: memory,
        timeCost: iterations,
        parallelism,
        outputLen: HASH_LENGTH,
      });
      io.stdout.write(`${format(random, digest, options.json === true)}\n`);
    })
    .addHelpText(
      'after',
      `
On a terminal the password is asked for twice and not shown; in a pipe it is the one line of
standard input.

Examples:
  postern hash
  postern hash < password.txt
  postern hash --random            for a service account
  postern hash --random --json | jq -r .digest`,
    );
}

function format(random: string | undefined, digest: string, json: boolean): string {
  if (json) return JSON.stringify(random === undefined ? { digest } : { password: random, digest });
  return random === undefined ? digest : `Password: ${random}\nDigest: ${digest}`;
}

function randomPassword(length: number | true): string {
  const count = length === true ? RANDOM_LENGTH : length;
  return Array.from({ length: count }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
