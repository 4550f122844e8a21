import { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { type Adoption, adopt } from '../elastic/adopt.ts';
import type { ElasticClient } from '../elastic/client.ts';
import { ElasticError } from '../elastic/error.ts';
import { OfficialClient } from '../elastic/official-client.ts';
import { ElasticPasswords } from '../elastic/password.ts';
import { departed, disableAll, type FindAccount, SYNC_MS } from '../elastic/sync.ts';
import { loadEngine } from '../policy/load-engine.ts';
import { readTokensFile } from '../tokens/registry.ts';
import { openFileDirectory } from '../users/file-directory.ts';
import { engineFile } from './engine-file.ts';
import { CommandError, EXIT_PROBLEM, type Io } from './io.ts';
import { configFile, configOption } from './options.ts';
import { writeJson, writeTable } from './table.ts';

/** `postern elastic`: users of Elasticsearch, beside what the running host does with them. */
export function elasticCommand(io: Io): Command {
  return new Command('elastic')
    .description('disable users of Elasticsearch who have gone, take over those of another program')
    .addCommand(syncCommand(io))
    .addCommand(adoptCommand(io))
    .addHelpText(
      'after',
      `
Examples:
  postern elastic sync --dry-run
  postern elastic adopt alice bob`,
    );
}

function syncCommand(io: Io): Command {
  return new Command('sync')
    .description('disable users in Elasticsearch who are gone or disabled in the directory')
    .addOption(configOption())
    .option('--dry-run', 'show who would be disabled, and change nothing')
    .option('--json', 'print JSON')
    .action(async (options: ElasticOptions) => {
      const config = configured(options.config, io);
      await withClient(config, async client => {
        const [current, previous] = passwordsOf(config);
        const find = accounts(config);
        const signal = AbortSignal.timeout(SYNC_MS);
        const plan = departed(await client.all(signal), find, current, previous);
        const done = new Set<string>();
        try {
          if (!options.dryRun) {
            await disableAll(plan, client, find, signal, ({ elasticName }) => void done.add(elasticName));
          }
        } finally {
          const rows = plan.map(({ user, elasticName, reason }) => ({
            user,
            elasticsearch: elasticName,
            directory: reason,
            now: options.dryRun ? 'would be disabled' : done.has(elasticName) ? 'disabled' : 'left',
          }));
          if (options.json) writeJson(io, rows);
          else if (rows.length > 0)
            writeTable(io, ['USER', 'IN ELASTICSEARCH', 'DIRECTORY', 'NOW'], rows.map(Object.values));
        }
        if (plan.length === 0) io.stderr.write('nobody is to be disabled\n');
      });
    })
    .addHelpText(
      'after',
      `
Only users that Postern made for its own directory are looked at: nobody else's, and none that came
by the headers of a proxy. A running host does the same by itself, a second after a change of the
directory and each elasticsearch.sync_interval. In a pipe the columns are separated by tabs.

Examples:
  postern elastic sync --dry-run
  postern elastic sync --json`,
    );
}

interface ElasticOptions {
  readonly config?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const SAID: Readonly<Record<Adoption, string>> = {
  adopted: 'taken over',
  ours: 'is ours already',
  own: 'refused: it is the account of elasticsearch.username',
  reserved: 'refused: it is one of Elasticsearch itself',
  absent: 'is not there: nothing to do',
  'no-name': 'refused: no user can have this name',
};

function adoptCommand(io: Io): Command {
  return new Command('adopt')
    .description('take over users that another program, such as elastauth, made in Elasticsearch')
    .argument('<user...>', 'names as the directory or the headers have them')
    .addOption(configOption())
    .option('--dry-run', 'show who would be taken over, and change nothing')
    .option('--json', 'print JSON')
    .action(async (users: readonly string[], options: ElasticOptions) => {
      const config = configured(options.config, io);
      await withClient(config, async client => {
        const [passwords] = passwordsOf(config);
        const account = config.elasticsearch?.access?.credentials;
        const own = account !== undefined && 'username' in account ? account.username : undefined;
        const rows: { user: string; status: Adoption; now: string }[] = [];
        try {
          for (const user of users) {
            const signal = AbortSignal.timeout(SYNC_MS);
            const status = await adopt(user, client, passwords, Date.now(), signal, own, options.dryRun);
            const now = status === 'adopted' && options.dryRun ? 'would be taken over' : SAID[status];
            rows.push({ user, status, now });
          }
        } finally {
          // Who was taken over before one failed is.
          if (options.json) writeJson(io, rows);
          else if (rows.length > 0)
            writeTable(
              io,
              ['USER', 'NOW'],
              rows.map(({ user, now }) => [user, now]),
            );
        }
        if (rows.some(({ status }) => SAID[status].startsWith('refused'))) {
          throw new CommandError('', EXIT_PROBLEM);
        }
      });
    })
    .addHelpText(
      'after',
      `
What they are and may do stays until they come next; then roles and password are set as configured.

Examples:
  postern elastic adopt alice bob --dry-run
  postern elastic adopt alice bob`,
    );
}

function configured(option: string | undefined, io: Io): Config {
  return loadConfig(configFile(option, io), { env: io.env, isTerminal: io.stderr.isTTY }).config;
}

async function withClient(
  { elasticsearch }: Config,
  use: (client: ElasticClient) => Promise<void>,
): Promise<void> {
  if (elasticsearch === undefined) throw new CommandError('no `elasticsearch.hosts` is configured');
  if (elasticsearch.access === undefined) {
    throw new CommandError('`elasticsearch.dry_run` without an account: there is nobody to ask as');
  }
  if (elasticsearch.dryRun) {
    throw new CommandError(
      '`elasticsearch.dry_run` is on, so Elasticsearch is asked nothing: remove it first',
    );
  }
  const client = new OfficialClient(elasticsearch.access);
  try {
    await use(client);
  } catch (error) {
    if (!(error instanceof ElasticError)) throw error;
    throw new CommandError(`${error.host}: ${error.message}: ${error.hint}`);
  } finally {
    await client.close();
  }
}

function passwordsOf({ secret, previousSecret }: Config): [ElasticPasswords, ElasticPasswords | undefined] {
  return [
    new ElasticPasswords(secret),
    previousSecret === undefined ? undefined : new ElasticPasswords(previousSecret),
  ];
}

/** People and service accounts, as the files are now. */
function accounts({ usersFile, usersSearch, tokens }: Config): FindAccount {
  const directory = openFileDirectory(usersFile, { watch: false, search: usersSearch });
  const services = tokens === undefined ? undefined : readTokensFile(tokens.file, loadEngine(engineFile()));
  return name => {
    const user = directory.find(name);
    return user?.principal.username === name ? user : services?.get(name);
  };
}
