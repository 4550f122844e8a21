import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { Kysely } from 'kysely';
import { loadStorage } from '../config/load.ts';
import { fileProblem } from '../config/read-file.ts';
import { ask } from '../store/ask.ts';
import { backup, readBackup, restore } from '../store/backup.ts';
import { rotateSecret } from '../store/data-key.ts';
import { openDatabase } from '../store/database.ts';
import { openAsItIs, openStore } from '../store/open.ts';
import { StoreError } from '../store/store.ts';
import type { Tables } from '../store/tables.ts';
import { CommandError, type Io } from './io.ts';
import { configOption, fileName, optionalConfigFile, withHint } from './options.ts';
import { writeNewFile } from './output-file.ts';
import { refuseMissing } from './session-store.ts';
import { writeJson } from './table.ts';

interface Options {
  readonly config?: string;
  readonly json?: boolean;
}

/** `postern storage`: the database of what must last. */
export function storageCommand(io: Io): Command {
  return new Command('storage')
    .description('bring the database up to date, back it up, restore it, and change its root secret')
    .addCommand(migrateCommand(io))
    .addCommand(backupCommand(io))
    .addCommand(restoreCommand(io))
    .addCommand(rotateCommand(io))
    .addHelpText(
      'after',
      `
The database is the one below \`storage\` of the configuration: a file (\`storage.local.path\`) or
PostgreSQL (\`storage.postgres\`).

Examples:
  postern storage migrate
  postern storage backup --out postern-backup.jsonl
  postern storage restore postern-backup.jsonl
  POSTERN_SECRET_PREVIOUS_FILE=old.secret postern storage rotate-secret`,
    );
}

function migrateCommand(io: Io): Command {
  return command('migrate', 'make the tables, or bring them up to date; does nothing when they are')
    .option('--json', 'print JSON')
    .action((options: Options) => {
      const found = setup(options, io);
      return withStore(found, async () =>
        tell(io, options, { database: found.storage.kind, up_to_date: true }, 'the database is up to date'),
      );
    })
    .addHelpText(
      'after',
      `
A host does the same when it starts. Hosts of an older version do not run beside a database that is
newer than they are.

Examples:
  postern storage migrate
  postern storage migrate --config /etc/postern/postern.yml`,
    );
}

function backupCommand(io: Io): Command {
  return command('backup', 'write everything in the database as lines of JSON; secrets in it stay sealed')
    .option('-o, --out <file>', 'write to a new file that only you may read, instead of printing', fileName)
    .action(async (options: Options & { out?: string }) => {
      const text = await backupOf(mustExist(options, io));
      if (options.out === undefined) io.stdout.write(text);
      else {
        writeNewFile(options.out, text, 0o600);
        io.stderr.write(`written: ${options.out}; it opens with the root secret of now\n`);
      }
    })
    .addHelpText(
      'after',
      `
Hosts may run meanwhile. The lines are of use only with the root secret: keep that elsewhere.

Examples:
  postern storage backup --out postern-backup.jsonl
  postern storage backup | gzip > postern-backup.jsonl.gz`,
    );
}

function restoreCommand(io: Io): Command {
  return command('restore', 'write a backup into a database that is empty, as a whole or not at all')
    .argument('<file>', 'what `postern storage backup` wrote, of either kind of database', fileName)
    .option('--json', 'print JSON')
    .action(async (file: string, options: Options) => {
      const found = setup(options, io);
      const lines = linesOf(file);
      // A file that is no good makes no database.
      await told(async () => void readBackup(lines, found));
      await withStore(found, async db => {
        const rows = await restore(db, lines, found);
        tell(io, options, { rows }, `restored: ${rows} rows`);
      });
    })
    .addHelpText(
      'after',
      `
A backup knows nothing of what came after it: sessions that were ended since are good again. After a
loss, end all of them with \`postern session revoke --all\`.

Examples:
  postern storage restore postern-backup.jsonl
  postern storage restore postern-backup.jsonl --config new.yml    # to another kind of database`,
    );
}

function rotateCommand(io: Io): Command {
  return command('rotate-secret', 'wrap the key of the database by the root secret of now')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const { storage, ...secrets } = mustExist(options, io);
      await told(async () => {
        const db = await ask(() => openDatabase(storage));
        try {
          const changed = await ask(() => rotateSecret(db, secrets, randomBytes));
          const text = changed
            ? 'done: the database opens with the root secret of now alone'
            : 'nothing to do: the database opens with the root secret of now';
          tell(io, options, { changed }, text);
        } finally {
          await db.destroy();
        }
      });
    })
    .addHelpText(
      'after',
      `
POSTERN_SECRET (or its file) is the new root secret, POSTERN_SECRET_PREVIOUS the one before. Do it
when all hosts know both; then take the one before away.

Examples:
  POSTERN_SECRET_FILE=new.secret POSTERN_SECRET_PREVIOUS_FILE=old.secret postern storage rotate-secret`,
    );
}

/** What was done: for programs, or for people. */
function tell(io: Io, options: Options, value: object, text: string): void {
  if (options.json) writeJson(io, value);
  else io.stderr.write(`${text}\n`);
}

/** A backup is as large as the database was. */
function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_STRING_TOO_LONG')
      throw new CommandError(`${file}: is larger than any backup: correct the path`);
    throw new CommandError(`${file}: ${fileProblem(file, error).message}`);
  }
}

function command(name: string, description: string): Command {
  return new Command(name).description(description).addOption(configOption());
}

function setup(options: Options, io: Io): ReturnType<typeof loadStorage> {
  const file = optionalConfigFile(options.config, io);
  return withHint(file, io, () => loadStorage(file, { env: io.env, isTerminal: io.stdout.isTTY }));
}

function mustExist(options: Options, io: Io): ReturnType<typeof loadStorage> {
  const found = setup(options, io);
  refuseMissing(found.storage);
  return found;
}

async function backupOf({ storage, ...secrets }: ReturnType<typeof loadStorage>): Promise<string> {
  let text = '';
  await told(async () => {
    const db = await openAsItIs(storage, secrets);
    try {
      text = `${(await backup(db, storage.kind)).join('\n')}\n`;
    } finally {
      await db.destroy();
    }
  });
  return text;
}

/** With the tables as they should be. */
async function withStore(
  { storage, ...secrets }: ReturnType<typeof loadStorage>,
  act: (db: Kysely<Tables>) => Promise<void>,
): Promise<void> {
  await told(async () => {
    const store = await openStore(storage, { ...secrets, random: randomBytes });
    await store.close();
    const db = await ask(() => openDatabase(storage));
    try {
      await act(db);
    } finally {
      await db.destroy();
    }
  });
}

async function told(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw error instanceof StoreError ? new CommandError(error.message) : error;
  }
}
