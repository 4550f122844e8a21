import type { StorageSetup } from '../config/schema.ts';
import { openStore, type StoreDeps } from './open.ts';
import { type Store, StoreError } from './store.ts';

/** A database that comes back is used so soon. */
const RETRY_MS = 1_000;
/**
 * Node's and PostgreSQL's (class 08, 53300 too many connections, 57P0x) words for a server that is not
 * there now. What stands wrong in the configuration is to be told when the service starts.
 */
const AWAY =
  /^(?:ECONNREFUSED|ECONNRESET|ECONNABORTED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|08...|53300|57P0.)$/;

export interface LateStoreEvents {
  /** It is away, or cannot be used for another reason than before. */
  onAway(error: StoreError): void;
  onOpened(): void;
}

/**
 * `openStore` for a service that does more than what needs the database. Where
 * PostgreSQL is away every call rejects as it does while PostgreSQL is away
 * later, until it is there; rejects itself for every other reason.
 */
export async function openStoreInTime(
  settings: StorageSetup,
  deps: StoreDeps,
  events: LateStoreEvents,
): Promise<Store> {
  try {
    return await openStore(settings, deps);
  } catch (error) {
    const isAway = error instanceof StoreError && AWAY.test(error.reason);
    if (!isAway || settings.kind !== 'postgres') throw error;
    return openLater(settings, deps, events, error);
  }
}

function openLater(
  settings: StorageSetup,
  deps: StoreDeps,
  { onAway, onOpened }: LateStoreEvents,
  first: StoreError,
): Store {
  let opened: Store | undefined;
  let why = first;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  let attempt: Promise<void> | undefined;

  async function open(): Promise<void> {
    try {
      opened = await openStore(settings, deps);
      if (!isClosed) onOpened();
    } catch (error) {
      const next =
        error instanceof StoreError
          ? error
          : new StoreError('ERR_STORE_UNAVAILABLE', 'the database cannot be opened: look at its log');
      if (next.message !== why.message) onAway(next);
      // Whatever it is: no row was read, so none of them is damaged or there already.
      why = new StoreError('ERR_STORE_UNAVAILABLE', next.message, next.reason);
      if (!isClosed) tryLater();
    }
  }

  function tryLater(): void {
    timer = setTimeout(() => {
      attempt = open();
    }, RETRY_MS);
    timer.unref();
  }

  function now(): Store {
    if (opened === undefined) throw why;
    return opened;
  }

  /** Each of its methods, once there is one. */
  function part<K extends 'sessions' | 'factors' | 'bans' | 'revocations'>(key: K): Store[K] {
    type Methods = Record<string | symbol, (...args: unknown[]) => Promise<unknown>>;
    const get = (_: object, name: string | symbol) => {
      return async (...args: unknown[]) => (now()[key] as unknown as Methods)[name]?.(...args);
    };
    return new Proxy({}, { get }) as Store[K];
  }

  onAway(first);
  tryLater();
  return {
    kind: settings.kind,
    sessions: part('sessions'),
    factors: part('factors'),
    bans: part('bans'),
    revocations: part('revocations'),
    sweep: async time => now().sweep(time),
    ping: async () => now().ping(),
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await attempt;
      await opened?.close();
    },
  };
}
