import { Command } from 'commander';
import { isSeq } from 'yaml';
import { printable } from '../log/printable.ts';
import { createToken } from '../secret/secret.ts';
import { TokenDigests } from '../tokens/digests.ts';
import type { Edit } from '../tokens/edit.ts';
import { formatTime, parseEnd } from '../tokens/time.ts';
import { endOf, MAX_SECRETS, type ServiceAccount } from '../tokens/token.ts';
import { userNameProblem } from '../users/names.ts';
import { CommandError, EXIT_USAGE, type Io } from './io.ts';
import { edit, show } from './token-edit.ts';
import {
  type CommonOptions,
  endOfOption,
  expiresOption,
  newSecretId,
  withCommonOptions,
} from './token-options.ts';
import { type TokenSource, tokenSource } from './token-source.ts';

/** How long both secrets of a rotated token are good, unless told otherwise. */
const DEFAULT_OVERLAP = '7d';

/** `postern token rotate` */
export function rotateCommand(io: Io): Command {
  return withCommonOptions(new Command('rotate'))
    .description('print a new token; the old one stays good for a while')
    .argument('<name>', 'name of the service account')
    .option('--overlap <duration>', 'how long the old token stays good; 0 ends it at once', DEFAULT_OVERLAP)
    .addOption(expiresOption('as for `create` (default: as before)'))
    .action(async (name: string, options: CommonOptions & { overlap: string; expires?: string }) => {
      const source = tokenSource(options, io);
      const now = Date.now();
      const until = parseEnd(options.overlap, now);
      // A day that has been would end the old token at once, which only `0` is to say.
      if (until === undefined || until < now)
        throw new CommandError('--overlap must be a duration like `7d`', EXIT_USAGE);
      const wanted = options.expires === undefined ? undefined : endOfOption(options.expires, now);
      const secret = createToken();
      const id = await edit(source, change => {
        const account = accountOf(change, name, source);
        const left = account.secrets.filter(
          old => (endOf(account, old) ?? Number.POSITIVE_INFINITY) > now && until > now,
        );
        if (left.length >= MAX_SECRETS) {
          throw new CommandError(
            `${name} has ${left.length} valid secrets already: let its clients change, then run \`postern token revoke ${name} --secret ${left[0]?.id ?? ''}\`, or rotate with --overlap 0`,
          );
        }
        const expires = options.expires === undefined ? account.expires : wanted;
        if (expires !== undefined && expires <= now) {
          throw new CommandError(`${name} has expired: say how long it shall live on with --expires`);
        }
        change.set(name, 'expires', expires === undefined ? undefined : formatTime(expires));
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

/** `postern token revoke` */
export function revokeCommand(io: Io): Command {
  return withCommonOptions(new Command('revoke'))
    .description('end a service account, or one of its secrets')
    .argument('<name>', 'name of the service account')
    .option('--secret <id>', 'only this secret, by its id in the list')
    .action(async (name: string, options: CommonOptions & { secret?: string }) => {
      const source = tokenSource(options, io);
      const { secret } = options;
      if (secret === '') throw new CommandError('--secret must not be empty', EXIT_USAGE);
      await edit(source, change => {
        const account = accountOf(change, name, source);
        if (secret === undefined) return change.remove(name);
        const at = account.secrets.findIndex(({ id }) => id === secret);
        if (at < 0) {
          const ids = account.secrets.map(({ id }) => id).join(', ');
          throw new CommandError(`${name} has no secret ${printable(secret)}: it has ${ids}`);
        }
        if (account.secrets.length === 1) {
          throw new CommandError(`this is the only secret of ${name}: revoke the whole without --secret`);
        }
        const secrets: unknown = change.account(name)?.get('secrets');
        if (isSeq(secrets)) secrets.delete(at);
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

function accountOf(change: Edit, name: string, { file }: Pick<TokenSource, 'file'>): ServiceAccount {
  const problem = userNameProblem(name);
  if (problem !== undefined) throw new CommandError(problem, EXIT_USAGE);
  const account = change.accounts.get(name);
  if (account === undefined) throw new CommandError(`there is no service account ${name} in ${file}`);
  return account;
}
