import { Command } from 'commander';
import { configSchema } from '../schema/config-schema.ts';
import type { Io } from './io.ts';

/** `postern schema`: the JSON schema of `postern.yml`, for editors. */
export function schemaCommand(io: Io): Command {
  return new Command('schema')
    .description('print the JSON schema of postern.yml, by which editors complete and explain its keys')
    .addHelpText(
      'after',
      `
The schema of a release lies beside it as postern.schema.json. In a file that the YAML language server
reads (VS Code, Neovim, Helix, …) the first line names it:
  # yaml-language-server: $schema=postern.schema.json

Examples:
  postern schema > postern.schema.json`,
    )
    .action(() => io.stdout.write(`${JSON.stringify(configSchema(), undefined, 2)}\n`));
}
