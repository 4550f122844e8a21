import { createHmac } from 'node:crypto';
import type { Kysely } from 'kysely';
import { KEY_LENGTH } from '../../assembly/contract.ts';
import { deriveKey } from '../secret/derive.ts';
import { openUnder, SEAL_NONCE_LENGTH, sealUnder } from '../secret/sealed.ts';
import { StoreError } from './store.ts';
import type { Tables } from './tables.ts';

/** HKDF label under the root secret. */
const LABEL_STORAGE = 'storage';
const WRAPPED = 'data-key';
const ROW = 1;

export interface Secrets {
  readonly secret: Uint8Array;
  /** Opens, never wraps. */
  readonly previousSecret?: Uint8Array | undefined;
}

type Random = (bytes: number) => Uint8Array;

/**
 * Seals columns under a key that lies in the database, wrapped by the root
 * secret: a new root secret wraps one row anew, whatever the size of the rest.
 */
export class Columns {
  #key: Uint8Array;
  readonly #random: Random;
  readonly #reload: () => Promise<Uint8Array | undefined>;

  /** @param reload the key that lies in the database now; undefined for one that does not open */
  constructor(key: Uint8Array, random: Random, reload: () => Promise<Uint8Array | undefined>) {
    this.#key = key;
    this.#random = random;
    this.#reload = reload;
  }

  /**
   * To be awaited before anything is sealed or digested: a backup that is put into
   * the database of a running host brings its own key. Answers whether there is
   * another one. One that does not open is of a root secret that this host is yet
   * to be told of, and wraps what it always did.
   */
  async refresh(): Promise<boolean> {
    const key = await this.#reload();
    if (key === undefined || Buffer.compare(key, this.#key) === 0) return false;
    this.#key = key;
    return true;
  }

  /** Opens what was read, once more with the key of now where the one of before does not fit. */
  async opening<T>(read: () => T): Promise<T> {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof StoreError) || !(await this.refresh())) throw error;
      return read();
    }
  }

  seal(table: string, column: string, user: string, value: Uint8Array): Buffer {
    return sealUnder(this.#key, nameOf(table, column, user), value, this.#random(SEAL_NONCE_LENGTH));
  }

  /** What was sealed for another table, column or user does not open. */
  open(table: string, column: string, user: string, sealed: Uint8Array): Uint8Array {
    const value = openUnder(this.#key, nameOf(table, column, user), sealed);
    if (value !== undefined) return value;
    throw new StoreError(
      'ERR_STORE_SEALED',
      `a value of ${table}.${column} was not sealed for its row: it was moved or damaged; restore a backup`,
    );
  }

  /** For what is only compared: made with the key, so that the database alone allows no guessing. */
  digest(table: string, column: string, user: string, value: string): string {
    const mac = createHmac('sha256', this.#key);
    return mac.update(`${nameOf(table, column, user)}\0${value}`, 'utf8').digest('base64url');
  }
}

/** Names of tables and columns hold no `:`, so no two places have one name. */
function nameOf(table: string, column: string, user: string): string {
  return `${table}:${column}:${user}`;
}

/** The data key, made when there is none. */
export async function openDataKey(db: Kysely<Tables>, secrets: Secrets, random: Random): Promise<Columns> {
  const made = wrap(secrets.secret, random(KEY_LENGTH), random);
  // Hosts that start together: the first one's key counts.
  await db
    .insertInto('data_keys')
    .values({ id: ROW, wrapped: made })
    .onConflict(conflict => conflict.column('id').doNothing())
    .execute();
  return new Columns(await unwrap(db, secrets), random, async () => keyIn(await read(db), secrets));
}

/** Whether there is a data key that one of these root secrets opens; throws what is wrong. */
export async function checkDataKey(db: Kysely<Tables>, secrets: Secrets): Promise<void> {
  await refuseEmpty(db);
  await unwrap(db, secrets);
}

async function refuseEmpty(db: Kysely<Tables>): Promise<void> {
  const tables = await db.introspection.getTables();
  if (!tables.some(({ name }) => name === 'data_keys')) {
    throw new StoreError(
      'ERR_STORE_UNAVAILABLE',
      'there is nothing in this database yet: look at the keys below `storage`',
    );
  }
}

/** Wraps the data key by the present root secret; false when it is so already. */
export async function rotateSecret(db: Kysely<Tables>, secrets: Secrets, random: Random): Promise<boolean> {
  await refuseEmpty(db);
  const wrapped = await read(db);
  if (openUnder(deriveKey(secrets.secret, LABEL_STORAGE), WRAPPED, wrapped) !== undefined) return false;
  const key = await unwrap(db, secrets);
  await db
    .updateTable('data_keys')
    .set({ wrapped: wrap(secrets.secret, key, random) })
    .where('id', '=', ROW)
    .execute();
  return true;
}

/** Whether one of these root secrets wrapped it. */
export function opensBy(wrapped: Uint8Array, secrets: Secrets): boolean {
  return keyIn(wrapped, secrets) !== undefined;
}

async function unwrap(db: Kysely<Tables>, secrets: Secrets): Promise<Uint8Array> {
  const key = keyIn(await read(db), secrets);
  if (key !== undefined) return key;
  throw new StoreError(
    'ERR_STORE_SEALED',
    'the database was made under another root secret: give that one in POSTERN_SECRET, or in POSTERN_SECRET_PREVIOUS and run `postern storage rotate-secret`',
  );
}

function keyIn(wrapped: Uint8Array, { secret, previousSecret }: Secrets): Uint8Array | undefined {
  for (const root of previousSecret === undefined ? [secret] : [secret, previousSecret]) {
    const key = openUnder(deriveKey(root, LABEL_STORAGE), WRAPPED, wrapped);
    if (key?.length === KEY_LENGTH) return key;
  }
  return undefined;
}

async function read(db: Kysely<Tables>): Promise<Uint8Array> {
  const row = await db.selectFrom('data_keys').select('wrapped').where('id', '=', ROW).executeTakeFirst();
  return row === undefined ? new Uint8Array(0) : new Uint8Array(row.wrapped);
}

function wrap(secret: Uint8Array, key: Uint8Array, random: Random): Buffer {
  return sealUnder(deriveKey(secret, LABEL_STORAGE), WRAPPED, key, random(SEAL_NONCE_LENGTH));
}
