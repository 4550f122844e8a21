import type { Command } from 'commander';

const HELP_OPTIONS: ReadonlySet<string> = new Set(['-h', '--help']);

/**
 * `help a b` becomes `a b --help`, for which commander itself only looks at
 * `a`; and a command that does not exist loses its `--help`, which would show
 * another command's: so it is refused like any other.
 */
export function withHelpTopic(program: Command, args: readonly string[]): readonly string[] {
  const path: string[] = [];
  let command = program;
  let asked = false;
  let at = 0;
  for (; at < args.length && command.commands.length > 0; at++) {
    if (args[at] === 'help') {
      asked = true;
      continue;
    }
    const child = command.commands.find(one => one.name() === args[at]);
    if (child === undefined) break;
    path.push(child.name());
    command = child;
  }
  const rest = args.slice(at);
  const word = rest[0];
  if (word !== undefined && !word.startsWith('-') && command.commands.length > 0) {
    return [...path, ...rest.filter(arg => !HELP_OPTIONS.has(arg))];
  }
  return asked ? [...path, '--help'] : args;
}
