import { createHmac } from 'node:crypto';
import type { Cache } from '../cache/cache.ts';
import type { Clock } from '../clock.ts';
import { formatDuration } from '../config/duration.ts';
import type { RegulationSetup } from '../config/regulation.ts';
import type { Logger } from '../log/logger.ts';
import type { Engine } from '../policy/engine.ts';
import { deriveKey } from '../secret/derive.ts';
import type { BanStore } from '../store/store.ts';
import type { Directory } from '../users/directory.ts';
import { rangeOf } from './address-range.ts';
import { type BanKind, Bans, type Suspect } from './bans.ts';
import { AddressBudget, Failures } from './failures.ts';
import type { Attempt, FailureReason, Regulator } from './regulator.ts';

/**
 * Names that nobody has share so many counters, by a keyed hash: a million of them
 * take no more memory than these, in each host and in Redis. Sharing harms nobody,
 * since no such name gets in.
 */
export const UNKNOWN_PLACES = 4_096;

/** HKDF label under the root secret. */
const LABEL_REGULATION = 'regulation';
/** In the log for what is not told: an address that is not known, a name that nobody has. */
const NOT_TOLD = '-';

export type AttemptResult = 'success' | 'failure' | 'banned';

export interface RegulatorDeps {
  readonly secret: Uint8Array;
  readonly directory: Pick<Directory, 'find'>;
  readonly engine: Pick<Engine, 'compileNetworks' | 'inNetworks'>;
  /** Where hosts count together. */
  readonly cache: Cache;
  /** Undefined without a database. */
  readonly bans: () => BanStore | undefined;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  readonly onAttempt?: (result: AttemptResult) => void;
  readonly onBan?: (kind: BanKind) => void;
}

/** With `max_retries: 0` nobody is banned for failures; an operator's bans count all the same. */
export function createRegulator(config: RegulationSetup, deps: RegulatorDeps): Regulator {
  const { secret, directory, clock, log, onAttempt = () => {}, onBan = () => {} } = deps;
  const { maxRetries, findSeconds, banSeconds, modes } = config;
  const key = deriveKey(secret, LABEL_REGULATION);
  const failures = new Failures({ ...deps, shared: deps.cache, findSeconds, most: maxRetries });
  const bans = new Bans({ ...deps, store: deps.bans, banSeconds });
  const budget = new AddressBudget();
  const reason = `${maxRetries} failed attempts within ${formatDuration(findSeconds)}`;

  return {
    async isBanned(attempt) {
      const suspect = suspectOf(attempt);
      const banned = await guarded(() => bans.isBanned(suspect), true);
      if (banned) note(suspect, 'banned');
      return banned;
    },
    async failed(attempt, why) {
      const suspect = suspectOf(attempt);
      note(suspect, why);
      if (maxRetries === 0) return;
      const { user, unknown, range, device } = suspect;
      const counts: Promise<void>[] = [];
      if (device !== undefined) counts.push(count('device', device));
      else {
        if (modes.includes('user')) counts.push(countAccount(user, unknown));
        if (modes.includes('ip') && range !== '' && hasPlace(range)) {
          counts.push(count('address', range, labelOf(user ?? `\0${unknown}`)));
        }
      }
      await guarded(() => Promise.all(counts), []);
    },
    async succeeded(attempt) {
      onAttempt('success');
      if (maxRetries === 0) return;
      const { user, range, device } = suspectOf(attempt);
      if (user === undefined) return;
      await guarded(async () => {
        if (device !== undefined) return failures.forget(keyOf('device', device));
        await failures.forget(keyOf('user', user));
        // Those for other accounts stay: else an account of one's own would be all that
        // it takes to guess on.
        if (modes.includes('ip') && range !== '') {
          await failures.forget(keyOf('address', range), labelOf(user));
        }
      }, undefined);
    },
  };

  function countAccount(user: string | undefined, unknown: string | undefined): Promise<void> {
    return user === undefined ? count('unknown', unknown ?? '') : count('user', user);
  }

  async function count(kind: BanKind, name: string, label?: string): Promise<void> {
    if ((await failures.count(keyOf(kind, name), label)) < maxRetries) return;
    if (await bans.impose(kind, name, reason)) told(kind, name);
    // After the ban everybody begins anew; what came in between reaches the limit again or is little.
    await failures.forget(keyOf(kind, name));
  }

  function told(kind: BanKind, name: string): void {
    onBan(kind);
    const fields = { kind, reason: `${reason}, for ${formatDuration(banSeconds)}` };
    if (kind === 'user') log.warn('banned', { ...fields, user: name });
    else if (kind === 'address') log.warn('banned', { ...fields, client: name });
    else log.info('banned', fields);
  }

  /** One form for whoever reads along (docs/regulation.md): address first, as nobody can choose its text. */
  function note({ user, address }: Suspect, why: FailureReason): void {
    onAttempt(why === 'banned' ? 'banned' : 'failure');
    log.info('authentication failed', {
      client: address || NOT_TOLD,
      // Names that nobody has are often passwords in the wrong field.
      user: user ?? NOT_TOLD,
      reason: why,
    });
  }

  function suspectOf({ username, address, device }: Attempt): Suspect {
    // Names and mail addresses of one account are one.
    const user = directory.find(username)?.principal.username;
    const unknown = user === undefined ? String(placeOf(username)) : undefined;
    return { user, unknown, address, range: rangeOf(address), device };
  }

  function placeOf(username: string): number {
    return createHmac('sha256', key).update(username, 'utf8').digest().readUInt32LE() % UNKNOWN_PLACES;
  }

  function labelOf(account: string): string {
    return createHmac('sha256', key).update(account, 'utf8').digest('base64url').slice(0, 16);
  }

  function hasPlace(range: string): boolean {
    return budget.admits(range, clock.monotonic(), findSeconds * 1_000);
  }

  /** A mistake of ours must neither let in nor hold up the answer. */
  async function guarded<T>(act: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await act();
    } catch (error) {
      log.error('regulation failed for a reason that is a mistake of Postern: report it', {
        error: String(error),
      });
      return otherwise;
    }
  }
}

function keyOf(kind: BanKind, name: string) {
  return { kind: `failed-${kind}`, name };
}
