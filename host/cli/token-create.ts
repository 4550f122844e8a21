import { Command } from 'commander';
import { printable } from '../log/printable.ts';
import { loadEngine } from '../policy/load-engine.ts';
import { createToken } from '../secret/secret.ts';
import { TokenDigests } from '../tokens/digests.ts';
import { isWeak, tokenProblem } from '../tokens/strength.ts';
import { formatTime } from '../tokens/time.ts';
import { groupNameProblem, hasControl, userNameProblem } from '../users/names.ts';
import { engineFile } from './engine-file.ts';
import { CommandError, EXIT_USAGE, type Io } from './io.ts';
import { readSecretLine } from './password-input.ts';
import { edit, show } from './token-edit.ts';
import { type AccountOptions, endOfOption, newSecretId, withAccountOptions } from './token-options.ts';
import { type TokenSource, tokenSource } from './token-source.ts';

/** `postern token create` */
export function createCommand(io: Io): Command {
  return withAccountOptions(new Command('create'))
    .description('make a service account and print its token')
    .argument('<name>', 'its user name, for rules and backends')
    .action(async (name: string, options: AccountOptions) => {
      const source = tokenSource(options, io);
      const secret = createToken();
      const id = await addAccount(source, name, options, new TokenDigests([]).make(secret));
      show(io, options, name, id, secret, source.file);
    })
    .addHelpText(
      'after',
      `
The token goes to standard output, everything else to standard error.

Examples:
  postern token create ci-deploy --group deploy
  postern token create backup --network 10.0.0.0/8 --expires 2027-01-31 --owner alice
  postern token create grafana --file tokens.yml --json | jq -r .token`,
    );
}

/** `postern token import` */
export function importCommand(io: Io): Command {
  return withAccountOptions(new Command('import'))
    .description('make a service account for a secret that exists already')
    .argument('<name>', 'its user name, for rules and backends')
    .action(async (name: string, options: AccountOptions) => {
      const source = tokenSource(options, io);
      const digests = source.digests();
      const secret = await readSecretLine(io, 'Token');
      if (secret === '') throw new CommandError('no token given');
      const problem = tokenProblem(secret);
      if (problem !== undefined) throw new CommandError(problem);
      const id = await addAccount(source, name, options, digests.make(secret));
      if (isWeak(secret)) {
        io.stderr.write(
          `warning: this token may be guessed: replace it by \`postern token rotate ${name}\` as soon as its clients can change\n`,
        );
      }
      io.stderr.write(`imported ${name}, secret ${id}, into ${source.file}\n`);
      if (options.json) io.stdout.write(`${JSON.stringify({ name, id, weak: isWeak(secret) })}\n`);
    })
    .addHelpText(
      'after',
      `
On a terminal the token is asked for twice and not shown; in a pipe it is the one line of standard
input, so that it stands in no history and no process list. Its digest is keyed by the root secret.

Examples:
  postern token import user-abc --group admin --group user < old-token.txt`,
    );
}

const TEXTS = ['displayname', 'email', 'owner', 'description'] as const;

/** Adds an account with one secret and answers the secret's id. */
async function addAccount(
  source: TokenSource,
  name: string,
  options: AccountOptions,
  digest: string,
): Promise<string> {
  const problem = userNameProblem(name);
  if (problem !== undefined) throw new CommandError(problem, EXIT_USAGE);
  if (source.isUser(name)) {
    throw new CommandError(`a user is found by the name ${name}: give the service account another`);
  }
  const { group, network } = options;
  const engine = loadEngine(engineFile());
  for (const item of group) {
    const wrong = groupNameProblem(item);
    if (wrong !== undefined) throw new CommandError(wrong, EXIT_USAGE);
  }
  const bad = network.find(item => engine.compileNetworks([item]) === undefined);
  if (bad !== undefined) {
    throw new CommandError(
      `${bad === '' ? '""' : printable(bad)} is no network: write an address or a CIDR such as \`10.0.0.0/8\``,
      EXIT_USAGE,
    );
  }
  for (const option of TEXTS) {
    if (!hasControl(options[option] ?? '')) continue;
    throw new CommandError(
      `--${option} must be a text without control characters and line breaks`,
      EXIT_USAGE,
    );
  }
  const now = Date.now();
  const end = endOfOption(options.expires, now);
  const id = newSecretId();
  return edit(source, change => {
    if (change.accounts.has(name)) {
      throw new CommandError(`${name} exists already: rotate it, or revoke it first`);
    }
    for (const account of change.accounts.values()) {
      if (account.secrets.some(secret => secret.digest === digest)) {
        throw new CommandError(`this token is already ${account.principal.username}'s`);
      }
    }
    change.add(name, {
      displayname: options.displayname,
      email: options.email,
      groups: group.length === 0 ? undefined : group,
      owner: options.owner,
      description: options.description,
      networks: network.length === 0 ? undefined : network,
      created: formatTime(now),
      expires: end === undefined ? undefined : formatTime(end),
      secrets: [{ id, digest, created: formatTime(now) }],
    });
    return id;
  });
}
