import { execFileSync } from 'node:child_process';
import { chownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { StorageSetup } from '../../host/config/schema.ts';
import { describeWith } from './component.ts';
import { freePort } from './net.ts';
import { findProgram, type Program, startProgram } from './program.ts';
import { tempDirectory } from './temp.ts';
import { waitUntil } from './wait.ts';

/** Debian keeps the server's programs by version. */
const DEBIAN = '/usr/lib/postgresql';
/** PostgreSQL refuses to run as root: then as `nobody`. */
const NOBODY = 65_534;

/** Folder with `initdb` and `postgres`. */
function findPostgres(): string | undefined {
  const named = process.env.POSTERN_POSTGRES_BIN_DIR;
  if (named) return named;
  try {
    const version = readdirSync(DEBIAN)
      .filter(name => /^\d+$/.test(name))
      .sort((a, b) => Number(b) - Number(a))[0];
    if (version !== undefined) return join(DEBIAN, version, 'bin');
  } catch {
    // Not Debian.
  }
  return findProgram('initdb', 'POSTERN_INITDB')?.replace(/\/initdb$/, '');
}

/** `describe` with the installed PostgreSQL. */
export function describePostgres(title: string, body: (binaries: string) => void): void {
  describeWith(
    'PostgreSQL',
    'Install it (apt-get install postgresql) or name its folder of programs with POSTERN_POSTGRES_BIN_DIR.',
    findPostgres(),
    title,
    body,
  );
}

/** A busy machine may stand still for longer than hosts wait by themselves. */
export const PATIENT = { connectSeconds: 30 };

/** A real PostgreSQL server of the test's own, with one user, `postern`, who needs a password. */
export interface PostgresServer {
  readonly port: number;
  readonly password: string;
  /** A new empty database. */
  createDatabase(): string;
  /** How to open a new empty database. */
  createSettings(): Extract<StorageSetup, { kind: 'postgres' }>;
  /** Rows of a statement, as text. */
  sql(database: string, statement: string): string;
  stop(): Promise<void>;
  restart(): Promise<void>;
}

export async function startPostgres(binaries: string): Promise<PostgresServer> {
  const directory = tempDirectory();
  const isRoot = process.getuid?.() === 0;
  const as = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  if (isRoot) chownSync(directory, NOBODY, NOBODY);
  const data = join(directory, 'data');
  execFileSync(
    join(binaries, 'initdb'),
    [
      '-D',
      data,
      '-U',
      'postern',
      '--auth-local=trust',
      '--auth-host=scram-sha-256',
      '--no-sync',
      '-E',
      'UTF8',
    ],
    { ...as, stdio: 'pipe', cwd: directory },
  );
  const port = await freePort();
  const start = () =>
    startProgram({
      command: join(binaries, 'postgres'),
      // The test's data needs no disk.
      args: ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', directory, '-c', 'fsync=off'],
      directory,
      ports: [port],
      ...(isRoot ? { uid: NOBODY } : {}),
    });
  let program: Program = await start();
  const password = 'correct horse';
  const sql = (database: string, statement: string): string =>
    execFileSync(
      join(binaries, 'psql'),
      ['-h', directory, '-p', String(port), '-U', 'postern', '-d', database, '-Atc', statement],
      { ...as, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], cwd: directory, timeout: 20_000 },
    ).trim();
  await waitUntil('PostgreSQL', () => sql('postgres', 'select 1') === '1');
  sql('postgres', `alter user postern password '${password}'`);
  let databases = 0;
  function createDatabase(): string {
    const name = `test_${++databases}`;
    sql('postgres', `create database ${name}`);
    return name;
  }
  return {
    port,
    password,
    createDatabase,
    createSettings: () => ({
      kind: 'postgres',
      host: '127.0.0.1',
      port,
      database: createDatabase(),
      schema: 'public',
      username: 'postern',
      password,
    }),
    sql,
    stop: () => program.stop(),
    async restart() {
      await program.stop();
      program = await start();
      await waitUntil('PostgreSQL', () => sql('postgres', 'select 1') === '1');
    },
  };
}
