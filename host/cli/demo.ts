import { Command } from 'commander';
import { CommandError, type Io } from './io.ts';

/** `postern demo`. */
export function demoCommand(_io: Io): Command {
  return new Command('demo').action(() => {
    throw new CommandError('`postern demo` is not part of this build');
  });
}
