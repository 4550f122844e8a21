import type { Generated } from 'kysely';

/** Columns as they lie in both databases: times are milliseconds, truth values 0 and 1, sealed ones bytes. */
export interface Tables {
  readonly data_keys: DataKeyRow;
  readonly sessions: SessionRow;
  readonly totp_devices: TotpRow;
  readonly recovery_codes: RecoveryRow;
  readonly bans: BanRow;
  readonly revocations: RevocationRow;
}

/** One row: what columns are sealed by, wrapped by the root secret. */
export interface DataKeyRow {
  readonly id: number;
  readonly wrapped: Uint8Array;
}

export interface SessionRow {
  readonly id: string;
  readonly username: string;
  readonly domain: string;
  readonly level: number;
  readonly created_at: number;
  readonly expires_at: number;
  readonly active_at: number;
  readonly remember: number;
  readonly details: Uint8Array;
  readonly password: string;
  readonly parent: string | null;
}

export interface TotpRow {
  readonly id: string;
  readonly username: string;
  readonly name: string;
  readonly secret: Uint8Array;
  readonly algorithm: string;
  readonly digits: number;
  readonly period: number;
  readonly last_step: number;
  readonly created_at: number;
}

export interface RecoveryRow {
  readonly username: string;
  readonly digest: string;
}

export interface BanRow {
  readonly kind: string;
  readonly subject: string;
  readonly until: number | null;
  readonly reason: string;
  readonly created_at: number;
  readonly source: string;
}

export interface RevocationRow {
  readonly seq: Generated<number>;
  readonly username: string | null;
  /** Whose row it is: a random name of one process. */
  readonly teller: string;
  readonly at: number;
}

/** All that last, parents first; for backups. */
export const TABLES = [
  'data_keys',
  'sessions',
  'totp_devices',
  'recovery_codes',
  'bans',
] as const satisfies readonly (keyof Tables)[];

/** What backups of older versions hold besides: nothing of it counts any more. */
export const FORMER_TABLES: readonly string[] = ['accounts'];
