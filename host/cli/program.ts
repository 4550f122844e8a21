import { Command, CommanderError } from 'commander';
import { ConfigError, formatProblem, type Problem } from '../config/problem.ts';
import { banCommand } from './ban.ts';
import { completionCommand } from './completion.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { elasticCommand } from './elastic.ts';
import { explainCommand } from './explain.ts';
import { hashCommand } from './hash.ts';
import { withHelpTopic } from './help-topic.ts';
import { CommandError, EXIT_OK, EXIT_PROBLEM, EXIT_USAGE, type Io } from './io.ts';
import { schemaCommand } from './schema.ts';
import { secondFactorCommand } from './second-factor.ts';
import { secretCommand } from './secret.ts';
import { serveCommand } from './serve.ts';
import { sessionCommand } from './session.ts';
import { storageCommand } from './storage.ts';
import { testCommand } from './test.ts';
import { tokenCommand } from './token.ts';
import { traefikCommand } from './traefik.ts';
import { validateCommand } from './validate.ts';
import { VERSION } from './version.ts';

/** Runs the command line `args` (without node and script) and gives its exit code. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    const program = createProgram(io);
    await program.parseAsync([...withHelpTopic(program, args)], { from: 'user' });
    return EXIT_OK;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    if (error instanceof CommandError) {
      if (error.message !== '') io.stderr.write(`error: ${error.message}\n`);
      return error.exitCode;
    }
    if (error instanceof ConfigError) {
      writeProblems(io, error.problems);
      return EXIT_PROBLEM;
    }
    throw error;
  }
}

/** One line per problem: `error: postern.yml:12: log.level: must be …`. */
export function writeProblems(io: Io, problems: readonly Problem[]): void {
  for (const problem of problems) io.stderr.write(`${problem.severity}: ${formatProblem(problem)}\n`);
}

/** People write the configuration as a word of its own. */
function hintFor(command: Command, message: string): string {
  const takesConfig = command.options.some(({ long }) => long === '--config');
  const isTooMany = message.startsWith('error: too many arguments');
  return takesConfig && isTooMany ? '(A configuration is named with --config <file>.)\n' : '';
}

function createProgram(io: Io): Command {
  const program = new Command('postern')
    .description('Authelia-grade access control inside Traefik: this is its host and its command line')
    .version(VERSION)
    .helpCommand('help [command]', 'show the help of a command, or of one below it')
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 a problem was found, 2 called wrongly. stderr says what.

Examples:
  postern demo                               # see it guard a service
  postern validate --config postern.yml      # what is wrong, and what to write
  postern serve --config postern.yml
  postern help token create`,
    );
  const inherit = (command: Command): Command => {
    command
      .exitOverride()
      .showHelpAfterError('Run with --help for the options.')
      .configureOutput({
        writeOut: text => io.stdout.write(text),
        writeErr: text => io.stderr.write(text),
        outputError: (text, write) => write(text + hintFor(command, text)),
        getOutHelpWidth: () => 100,
        getErrHelpWidth: () => 100,
        getOutHasColors: () => false,
        getErrHasColors: () => false,
      });
    for (const child of command.commands) inherit(child);
    return command;
  };
  program.addCommand(serveCommand(io));
  program.addCommand(validateCommand(io));
  program.addCommand(schemaCommand(io));
  program.addCommand(secretCommand(io));
  program.addCommand(hashCommand(io));
  program.addCommand(tokenCommand(io));
  program.addCommand(elasticCommand(io));
  program.addCommand(storageCommand(io));
  program.addCommand(sessionCommand(io));
  program.addCommand(secondFactorCommand(io));
  program.addCommand(banCommand(io));
  program.addCommand(traefikCommand(io));
  program.addCommand(doctorCommand(io));
  program.addCommand(explainCommand(io));
  program.addCommand(testCommand(io));
  program.addCommand(demoCommand(io));
  program.addCommand(completionCommand(io, program));
  return inherit(program);
}
