import { Command } from 'commander';
import { lintWith } from '../lint/lint.ts';
import { loadEngine } from '../policy/load-engine.ts';
import { checkTokensFile } from '../tokens/check.ts';
import { checkUsersFile } from '../users/check-users-file.ts';
import { count, jsonReport, textReport } from '../validate/report.ts';
import { validate } from '../validate/validate.ts';
import { engineFile } from './engine-file.ts';
import { CommandError, EXIT_PROBLEM, type Io, wantsColour } from './io.ts';
import { configFile, configOption, fileName } from './options.ts';

interface Options {
  readonly config?: string;
  /** False for `--no-users`. */
  readonly users?: string | false;
  readonly json?: boolean;
  readonly strict?: boolean;
}

/** For whoever takes `valid` for `will start`. */
const SECRET_NOTE =
  'no root secret is named here: `postern serve` needs one, in POSTERN_SECRET_FILE, POSTERN_SECRET or `secret_file`';

/** `postern validate`: everything that is wrong with a configuration, at once. */
export function validateCommand(io: Io): Command {
  return new Command('validate')
    .description('find everything that is wrong with a configuration and its users, and say what to write')
    .addOption(configOption())
    .option('-u, --users <file>', 'users file to look at in place of the configured one', fileName)
    .option('--no-users', 'look at no users file, for a part of a configuration or a machine without one')
    .option('--strict', 'warnings count as errors')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Reads what \`postern serve\` would read, POSTERN_… variables included, and starts nothing. It needs no root
secret: a note tells where none is named. Authelia's configuration.yml is understood as it stands. Rules
are numbered from 1.

Warnings are about what loads and yet may not say what was meant: a rule that can never match, a
bypass that is wider than it looks, a rule that hides a later deny, keys that are not used.

Exit codes: 0 valid, warnings or not; 1 a problem, with --strict also a warning; 2 called wrongly.

Examples:
  postern validate --config /etc/postern/postern.yml
  postern validate --config configuration.yml --users users_database.yml
  postern validate --strict --no-users && git commit
  postern validate --json | jq '.problems[] | select(.severity == "error")'`,
    )
    .action((options: Options) => {
      const file = configFile(options.config, io);
      const engine = loadEngine(engineFile());
      const { problems, hasNoSecret } = validate(file, {
        env: io.env,
        engine,
        lint: lintWith(() => loadEngine(engineFile())),
        checkUsers: checkUsersFile,
        checkTokens: tokens => checkTokensFile(tokens, engine),
        users: options.users,
      });
      const { errors, warnings } = count(problems);
      const ok = errors === 0 && (options.strict !== true || warnings === 0);
      const notes = hasNoSecret ? [SECRET_NOTE] : [];
      io.stdout.write(
        options.json
          ? jsonReport(file, problems, ok, notes)
          : textReport(file, problems, { table: io.stdout.isTTY, colour: wantsColour(io.stdout, io.env) }),
      );
      // Beside the report, whose lines editors and scripts read.
      if (!options.json && errors === 0) for (const note of notes) io.stderr.write(`note: ${note}\n`);
      // The report says it all.
      if (!ok) throw new CommandError('', EXIT_PROBLEM);
    });
}
