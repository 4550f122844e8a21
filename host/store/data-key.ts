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
  readonly #key: Uint8Array;
  readonly #random: Random;

  constructor(key: Uint8Array, random: Random) {
    this.#key = key;
    this.#random = random;
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
  return new Columns(await unwrap(db, secrets), random);
}

/** Wraps the data key by the present root secret; false when it is so already. */
export async function rotateSecret(db: Kysely<Tables>, secrets: Secrets, random: Random): Promise<boolean> {
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

async function unwrap(db: Kysely<Tables>, { secret, previousSecret }: Secrets): Promise<Uint8Array> {
  const wrapped = await read(db);
  for (const root of previousSecret === undefined ? [secret] : [secret, previousSecret]) {
    const key = openUnder(deriveKey(root, LABEL_STORAGE), WRAPPED, wrapped);
    if (key?.length === KEY_LENGTH) return key;
  }
  throw new StoreError(
    'ERR_STORE_SEALED',
    'the database was made under another root secret: give that one in POSTERN_SECRET, or in POSTERN_SECRET_PREVIOUS and run `postern storage rotate-secret`',
  );
}

async function read(db: Kysely<Tables>): Promise<Uint8Array> {
  const row = await db.selectFrom('data_keys').select('wrapped').where('id', '=', ROW).executeTakeFirst();
  return row === undefined ? new Uint8Array(0) : new Uint8Array(row.wrapped);
}

function wrap(secret: Uint8Array, key: Uint8Array, random: Random): Buffer {
  return sealUnder(deriveKey(secret, LABEL_STORAGE), WRAPPED, key, random(SEAL_NONCE_LENGTH));
}
