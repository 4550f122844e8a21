import { HEARTBEAT_STALE_MS } from '../../assembly/contract.ts';
import type { CacheStatus } from '../cache/cache.ts';
import type { Clock } from '../clock.ts';
import { jsonReply } from '../http/reply.ts';
import type { Handler } from '../http/router.ts';

export const HEALTH_PATHS = ['/health', '/api/health'] as const;

export interface HealthDeps {
  /** State of the users file; undefined for a directory that has none. */
  readonly usersOk: (() => boolean) | undefined;
  /** State of the configuration; undefined when nobody watches it. */
  readonly configStatus?:
    | (() => {
        readonly ok: boolean;
        readonly readAt: number;
        readonly loadedAt: number;
        readonly needsRestart: readonly string[];
      })
    | undefined;
  /** When the state page was last written, milliseconds since 1970. */
  readonly heartbeatAt: () => number | undefined;
  readonly hasTable: () => boolean;
  /** What hosts share; absent where that is one host's memory. */
  readonly store?: () => CacheStatus;
  /** Where sessions are kept; absent without any. */
  readonly database?: () => {
    readonly ok: boolean;
    readonly lastContact: number | undefined;
    readonly reason?: string;
  };
  readonly clock: Clock;
}

/**
 * Authelia's `{"status":"OK"}`, with details. Always 200 while the process
 * answers: restarting it would mend neither a users file nor a full disk.
 */
export function createHealth(deps: HealthDeps): Handler {
  const { usersOk, heartbeatAt, hasTable, clock } = deps;
  return () => {
    const at = heartbeatAt();
    const age = at === undefined ? undefined : clock.now() - at;
    const heartbeat = age !== undefined && age <= HEARTBEAT_STALE_MS ? 'ok' : 'stale';
    const users = usersOk === undefined || usersOk() ? 'ok' : 'broken';
    const grants = hasTable() ? 'ok' : 'not written';
    const config = deps.configStatus?.();
    const store = deps.store?.();
    const database = deps.database?.();
    const good =
      heartbeat === 'ok' &&
      users === 'ok' &&
      grants === 'ok' &&
      config?.ok !== false &&
      (store === undefined || store.state === 'up') &&
      database?.ok !== false;
    return jsonReply(200, {
      status: good ? 'OK' : 'DEGRADED',
      heartbeat: { status: heartbeat, ...(age === undefined ? {} : { age_ms: age }) },
      users: { status: users },
      grants: { status: grants },
      ...(store === undefined
        ? {}
        : {
            store: {
              status: store.state === 'up' ? 'ok' : store.state,
              kind: store.kind,
              ...(store.address === undefined ? {} : { address: store.address }),
              ...(store.lastContact === undefined ? {} : { contact_age_ms: clock.now() - store.lastContact }),
              ...(store.reason === undefined ? {} : { reason: store.reason }),
              ...(store.hint === undefined ? {} : { hint: store.hint }),
            },
          }),
      ...(database === undefined
        ? {}
        : {
            storage: {
              status: database.ok ? 'ok' : 'down',
              ...(database.lastContact === undefined
                ? {}
                : { contact_age_ms: clock.now() - database.lastContact }),
              ...(database.reason === undefined ? {} : { reason: database.reason }),
            },
          }),
      ...(config === undefined
        ? {}
        : {
            config: {
              // `broken`: the newest is not in force, the one read before is.
              status: config.ok ? 'ok' : 'broken',
              read_at: new Date(config.readAt).toISOString(),
              in_force_since: new Date(config.loadedAt).toISOString(),
              needs_restart: config.needsRestart,
            },
          }),
    });
  };
}
