import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { parseDuration } from '../config/duration.ts';
import { loadEngine } from '../policy/load-engine.ts';
import { readUsage } from '../tokens/last-use.ts';
import { readTokensFile } from '../tokens/registry.ts';
import { engineFile } from './engine-file.ts';
import { CommandError, EXIT_USAGE, type Io } from './io.ts';
import { writeJson } from './table.ts';
import { createCommand, importCommand } from './token-create.ts';
import { isStale, listed, writeList } from './token-list.ts';
import { type CommonOptions, withCommonOptions } from './token-options.ts';
import { revokeCommand, rotateCommand } from './token-rotate.ts';
import { tokenSource } from './token-source.ts';

/** What `--stale` alone means. */
const DEFAULT_STALE = '90d';

/** `postern token`: service accounts and their API tokens. */
export function tokenCommand(io: Io): Command {
  return new Command('token')
    .description('make, import, list, rotate and revoke API tokens of service accounts')
    .addCommand(createCommand(io))
    .addCommand(importCommand(io))
    .addCommand(listCommand(io))
    .addCommand(rotateCommand(io))
    .addCommand(revokeCommand(io))
    .addHelpText(
      'after',
      `
A token is shown once, when it is made; its file keeps a digest. A running host follows the file:
what is made, rotated or revoked counts within two seconds. Clients send a token as Basic password
beside its name, as \`Authorization: Bearer\`, or in the header that \`tokens.header\` names.

Examples:
  postern token create ci-deploy --group deploy --owner alice --expires 90d
  postern token list --stale
  postern token rotate ci-deploy --overlap 2d
  postern token revoke ci-deploy`,
    );
}

function listCommand(io: Io): Command {
  return withCommonOptions(new Command('list'))
    .description('show the service accounts, and when their tokens were used last')
    .option('--stale [duration]', `only those that nobody has used for so long (default ${DEFAULT_STALE})`)
    .action((options: CommonOptions & { stale?: string | true }) => {
      const source = tokenSource(options, io);
      // Right before the first token is made, and a typing error else.
      if (!existsSync(source.file)) io.stderr.write(`note: there is no file ${source.file} yet\n`);
      const now = Date.now();
      const usage = readUsage(source.usageFile);
      const before = options.stale === undefined ? undefined : staleSince(options.stale, now);
      const tokens = [...readTokensFile(source.file, loadEngine(engineFile())).values()]
        .filter(account => before === undefined || isStale(account, usage, before))
        .map(account => listed(account, usage, now));
      if (options.json) writeJson(io, tokens);
      else if (tokens.length > 0) writeList(io, tokens);
      else if (io.stdout.isTTY) io.stderr.write('no tokens\n');
    })
    .addHelpText(
      'after',
      `
Last use is when the host verified a token last. A grant spares it the requests of the following
\`grants.lifetime\`, so it may lie that far back, and a minute more. In a pipe the columns are
separated by tabs: name, state, owner, groups, networks, end, last use, ids of the secrets.

Examples:
  postern token list
  postern token list --stale 30d
  postern token list --json | jq -r '.[] | select(.state == "expired") | .name'`,
    );
}

function staleSince(value: string | true, now: number): number {
  const text = value === true ? DEFAULT_STALE : value;
  const seconds = parseDuration(text);
  if (seconds === undefined) throw new CommandError('--stale takes a duration like `30d`', EXIT_USAGE);
  return now - seconds * 1_000;
}
