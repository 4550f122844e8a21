import { Command } from 'commander';
import { CommandError, type Io } from './io.ts';

/** `postern serve`. */
export function serveCommand(_io: Io): Command {
  return new Command('serve').action(() => {
    throw new CommandError('`postern serve` is not part of this build');
  });
}
