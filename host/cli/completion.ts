import { Argument, Command } from 'commander';
import { bashScript } from './completion/bash.ts';
import { fishScript } from './completion/fish.ts';
import { modelOf } from './completion/model.ts';
import { zshScript } from './completion/zsh.ts';
import type { Io } from './io.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
type Shell = keyof typeof SCRIPTS;

/**
 * `postern completion`: a script for the shell, made from the program as it
 * runs.
 *
 * @param program with all its commands by the time one runs
 */
export function completionCommand(io: Io, program: Command): Command {
  return new Command('completion')
    .description('print a script that completes commands, options, their values and files in your shell')
    .addArgument(new Argument('<shell>', 'your shell').choices(Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      `
Evaluate it when the shell starts, and it is never older than the program.

Examples:
  echo 'source <(postern completion bash)' >> ~/.bashrc
  echo 'source <(postern completion zsh)' >> ~/.zshrc          # behind compinit
  echo 'postern completion fish | source' >> ~/.config/fish/config.fish`,
    )
    .action((shell: Shell) => io.stdout.write(SCRIPTS[shell](modelOf(program))));
}
