import { Command } from 'commander';
import { loadEngine } from '../policy/load-engine.ts';
import { createToken } from '../secret/secret.ts';
import { TokenDigests } from '../tokens/digests.ts';
import { type Edit, editTokens, LockedError } from '../tokens/edit.ts';
import { readUsage } from '../tokens/last-use.ts';
import { readTokensFile } from '../tokens/registry.ts';
import { isWeak, tokenProblem } from '../tokens/strength.ts';
import { formatTime, parseEnd } from '../tokens/time.ts';
import { endOf, MAX_SECRETS, type ServiceAccount } from '../tokens/token.ts';
import { userNameProblem } from '../users/names.ts';
import { engineFile } from './engine-file.ts';
import { CommandError, EXIT_USAGE, type Io } from './io.ts';
import { readSecretLine } from './password-input.ts';
import { isStale, listed, writeList } from './token-list.ts';
import {
  type AccountOptions,
  type CommonOptions,
  endOfOption,
  expiresOption,
  newSecretId,
  withAccountOptions,
  withCommonOptions,
} from './token-options.ts';
import { type TokenSource, tokenSource } from './token-source.ts';

/** How long both secrets of a rotated token are good, unless told otherwise. */
const DEFAULT_OVERLAP = '7d';
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

function createCommand(io: Io): Command {
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

function importCommand(io: Io): Command {
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

function listCommand(io: Io): Command {
  return withCommonOptions(new Command('list'))
    .description('show the service accounts, and when their tokens were used last')
    .option('--stale [duration]', `only those that nobody has used for so long (default ${DEFAULT_STALE})`)
    .action((options: CommonOptions & { stale?: string | true }) => {
      const source = tokenSource(options, io);
      const now = Date.now();
      const usage = readUsage(source.usageFile);
      const before = options.stale === undefined ? undefined : staleSince(options.stale, now);
      const tokens = [...readTokensFile(source.file, loadEngine(engineFile())).values()]
        .filter(account => before === undefined || isStale(account, usage, before))
        .map(account => listed(account, usage, now));
      if (options.json) io.stdout.write(`${JSON.stringify(tokens, null, 2)}\n`);
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

function rotateCommand(io: Io): Command {
  return withCommonOptions(new Command('rotate'))
    .description('print a new token; the old one stays good for a while')
    .argument('<name>', 'name of the service account')
    .option('--overlap <duration>', 'how long the old token stays good; 0 ends it at once', DEFAULT_OVERLAP)
    .addOption(expiresOption('as for `create` (default: as before)'))
    .action(async (name: string, options: CommonOptions & { overlap: string; expires?: string }) => {
      const source = tokenSource(options, io);
      const now = Date.now();
      const until = parseEnd(options.overlap, now);
      if (until === undefined) throw new CommandError('--overlap must be a duration like `7d`', EXIT_USAGE);
      const secret = createToken();
      const id = await edit(source, change => {
        const account = accountOf(change, name);
        const left = account.secrets.filter(
          old => (endOf(account, old) ?? Number.POSITIVE_INFINITY) > now && until > now,
        );
        if (left.length >= MAX_SECRETS) {
          throw new CommandError(
            `${name} has ${left.length} valid secrets already: let its clients change, then run \`postern token revoke ${name} --secret ${left[0]?.id ?? ''}\`, or rotate with --overlap 0`,
          );
        }
        const expires = options.expires === undefined ? account.expires : endOfOption(options.expires, now);
        if (expires !== undefined && expires <= now) {
          throw new CommandError(`${name} has expired: say how long it shall live on with --expires`);
        }
        change.set(name, 'expires', time(expires));
        const made = {
          id: newSecretId(),
          digest: new TokenDigests([]).make(secret),
          created: formatTime(now),
        };
        change.set(name, 'secrets', [
          ...left.map(old => ({
            id: old.id,
            digest: old.digest,
            ...(old.created === undefined ? {} : { created: formatTime(old.created) }),
            expires: formatTime(Math.min(until, old.expires ?? until)),
          })),
          made,
        ]);
        return made.id;
      });
      show(io, options, name, id, secret, source.file);
      if (until > now) io.stderr.write(`the old token is good until ${formatTime(until)}\n`);
    })
    .addHelpText(
      'after',
      `
Both tokens are good until the old one ends, and \`postern token list --json\` tells by their last
use when all clients have changed.

Examples:
  postern token rotate ci-deploy
  postern token rotate ci-deploy --overlap 2d --expires 90d
  postern token rotate leaked --overlap 0`,
    );
}

function revokeCommand(io: Io): Command {
  return withCommonOptions(new Command('revoke'))
    .description('end a service account, or one of its secrets')
    .argument('<name>', 'name of the service account')
    .option('--secret <id>', 'only this secret, by its id in the list')
    .action(async (name: string, options: CommonOptions & { secret?: string }) => {
      const source = tokenSource(options, io);
      const { secret } = options;
      await edit(source, change => {
        const account = accountOf(change, name);
        if (secret === undefined) return change.remove(name);
        const at = account.secrets.findIndex(({ id }) => id === secret);
        if (at < 0) {
          const ids = account.secrets.map(({ id }) => id).join(', ');
          throw new CommandError(`${name} has no secret ${secret}: it has ${ids}`);
        }
        if (account.secrets.length === 1) {
          throw new CommandError(`this is the only secret of ${name}: revoke the whole without --secret`);
        }
        const secrets = change.account(name)?.get('secrets') as { delete(at: number): boolean };
        secrets.delete(at);
      });
      const what = secret === undefined ? name : `secret ${secret} of ${name}`;
      io.stderr.write(`revoked ${what}: a running host refuses it within two seconds\n`);
      if (options.json) io.stdout.write(`${JSON.stringify({ name, revoked: secret ?? 'all' })}\n`);
    })
    .addHelpText(
      'after',
      `
Examples:
  postern token revoke ci-deploy
  postern token revoke ci-deploy --secret 1f0c9a3e`,
    );
}

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
  const now = Date.now();
  const id = newSecretId();
  const { group, network } = options;
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
      expires: time(endOfOption(options.expires, now)),
      secrets: [{ id, digest, created: formatTime(now) }],
    });
    return id;
  });
}

async function edit<T>(source: TokenSource, change: (edit: Edit) => T): Promise<T> {
  try {
    return await editTokens(source.file, loadEngine(engineFile()), change);
  } catch (error) {
    if (error instanceof LockedError) throw new CommandError(error.message);
    throw error;
  }
}

function accountOf(change: Edit, name: string): ServiceAccount {
  const account = change.accounts.get(name);
  if (account === undefined) throw new CommandError(`there is no service account ${name}`);
  return account;
}

/** The one time that a token is shown. */
function show(io: Io, options: CommonOptions, name: string, id: string, token: string, file: string): void {
  io.stdout.write(options.json ? `${JSON.stringify({ name, id, token })}\n` : `${token}\n`);
  io.stderr.write(`${name}, secret ${id}, written to ${file}; the token is not shown again\n`);
}

function staleSince(value: string | true, now: number): number {
  const text = value === true ? DEFAULT_STALE : value;
  const end = parseEnd(text, now);
  if (end === undefined) throw new CommandError('--stale takes a duration like `30d`', EXIT_USAGE);
  return now - (end - now);
}

function time(value: number | undefined): string | undefined {
  return value === undefined ? undefined : formatTime(value);
}
