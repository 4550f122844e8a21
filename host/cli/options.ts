import { existsSync } from 'node:fs';
import { InvalidArgumentError, Option } from 'commander';
import { type Loaded, loadSetup } from '../config/load.ts';
import { ConfigError } from '../config/problem.ts';
import type { Setup } from '../config/schema.ts';
import { integer } from '../config/values.ts';
import { printable } from '../log/printable.ts';
import type { Io } from './io.ts';

export const DEFAULT_CONFIG = 'postern.yml';

/** `--config`, also from `POSTERN_CONFIG`. */
export function configOption(): Option {
  return new Option(
    '-c, --config <file>',
    `configuration file (or POSTERN_CONFIG; else ./${DEFAULT_CONFIG})`,
  ).argParser(fileName);
}

/** A parser for commander: `--config "$UNSET"` names no file. */
export function fileName(value: string): string {
  if (value === '') throw new InvalidArgumentError('It must be the path of a file.');
  return value;
}

/** The same for directories. */
export function directoryName(value: string): string {
  if (value === '') throw new InvalidArgumentError('It must be the path of a directory.');
  return value;
}

/** The file that `serve` reads: named by the option or POSTERN_CONFIG, else the default. */
export function configFile(option: string | undefined, io: Io): string {
  return option ?? (io.env.POSTERN_CONFIG || DEFAULT_CONFIG);
}

/** The named file, else the default when it exists; undefined for the environment alone. */
export function optionalConfigFile(option: string | undefined, io: Io): string | undefined {
  const named = option ?? (io.env.POSTERN_CONFIG || undefined);
  return named ?? (existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : undefined);
}

/** For commands that the environment alone seldom tells enough: where a file would have been looked for. */
export function withHint<T>(file: string | undefined, io: Io, load: () => T): T {
  try {
    return load();
  } catch (error) {
    if (file === undefined && error instanceof ConfigError) {
      io.stderr.write(
        `note: there is no ${DEFAULT_CONFIG} in this folder: name one with --config or POSTERN_CONFIG\n`,
      );
    }
    throw error;
  }
}

/** How messages call the configuration. */
export function nameOf(file: string | undefined): string {
  return file ?? `the environment (there is no ${DEFAULT_CONFIG} in this folder)`;
}

/** Loads that. */
export function setupFor(option: string | undefined, io: Io): Loaded<Setup> {
  const file = optionalConfigFile(option, io);
  return loadSetup(file, { env: io.env, isTerminal: io.stdout.isTTY });
}

/** A parser of whole numbers for commander. */
export function wholeNumber(min: number, max: number): (value: string) => number {
  const read = integer(min, max);
  return value => {
    const number = read(value);
    if (!number.ok) throw new InvalidArgumentError(`It ${number.message}.`);
    return number.value;
  };
}

/** A URL in a message: without a user's name and password. */
export function shownUrl(url: string): string {
  return printable(url.replace(/^([A-Za-z][A-Za-z0-9+.-]*:\/\/)[^/?#]*@/, '$1…@'));
}
