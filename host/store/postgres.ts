import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { Kysely, PostgresPool, PostgresPoolClient } from 'kysely';
import type { Pool } from 'pg';
import type { StorageSetup } from '../config/schema.ts';
import type { Tables } from './tables.ts';

type PostgresSettings = Extract<StorageSetup, { kind: 'postgres' }>;

/** What sessions and second factors take is little: more connections would only wait for each other. */
const MAX_CONNECTIONS = 10;
/** A database that is there answers in milliseconds; a request must not wait for one that is not. */
const CONNECT_SECONDS = 1;
const QUERY_MS = 3_000;
/** int8, which holds our times and counters; all of them are exact in a double. */
const INT8 = 20;
/** SQLSTATE class "operator intervention", as far as the server ends the connection: 57P01 to 57P05. */
const SERVER_LEAVES = /^57P/;

/** What it needs is loaded when it is needed: most commands, and hosts without a database, do without. */
export async function openPostgres(settings: PostgresSettings): Promise<Kysely<Tables>> {
  const [{ default: pg }, { Kysely, PostgresDialect }] = await Promise.all([import('pg'), import('kysely')]);
  const { host, port, database, schema, username, password, tls } = settings;
  const { connectSeconds = CONNECT_SECONDS } = settings;
  const pool = new pg.Pool({
    host,
    port,
    database,
    user: username,
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { ssl: sslOptions(tls) }),
    application_name: 'postern',
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: connectSeconds * 1_000,
    query_timeout: QUERY_MS,
    statement_timeout: QUERY_MS,
    keepAlive: true,
    allowExitOnIdle: true,
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === INT8 ? Number : (pg.types.getTypeParser as (o: number, f?: string) => never)(oid, format),
    },
  });
  // A connection that breaks would end the process: while nobody uses it the pool says so, while somebody
  // does it says so itself, beside the statement that fails. Between two statements nothing else does.
  pool.on('error', () => {});
  pool.on('connect', client => void client.on('error', () => {}));
  const isServers = (error: unknown) =>
    error instanceof pg.DatabaseError && !SERVER_LEAVES.test(error.code ?? '');
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: withoutBroken(pool, isServers) }) });
  return schema === 'public' ? db : db.withSchema(schema);
}

/**
 * A connection on which a statement failed by anything but the server's word for
 * it is used for nothing more, a ROLLBACK included: what it still waits for may be
 * done later, in the middle of somebody else's transaction.
 */
function withoutBroken(pool: Pool, isServers: (error: unknown) => boolean): PostgresPool {
  return {
    async connect() {
      const client = await pool.connect();
      let broken: Error | undefined;
      const query = async (sql: string, parameters: unknown[]) => {
        if (broken !== undefined) throw broken;
        try {
          return await client.query(sql, parameters);
        } catch (error) {
          if (!isServers(error)) broken = error instanceof Error ? error : new Error('unknown');
          throw error;
        }
      };
      // Its other form is for cursors, which we have none of.
      return {
        query: query as unknown as PostgresPoolClient['query'],
        release: () => client.release(broken),
      };
    },
    end: () => pool.end(),
  };
}

function sslOptions(tls: NonNullable<PostgresSettings['tls']>) {
  const { ca, serverName, minVersion = 'TLSv1.2', maxVersion } = tls;
  return {
    rejectUnauthorized: true,
    minVersion,
    ...(maxVersion === undefined ? {} : { maxVersion }),
    ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
    // pg puts the host in the place of a `servername`, where that is no address.
    ...(serverName === undefined
      ? {}
      : {
          servername: serverName,
          checkServerIdentity: (_: string, certificate: PeerCertificate) =>
            checkServerIdentity(serverName, certificate),
        }),
  };
}
