import { setTimeout as sleep } from 'node:timers/promises';
import { type CacheKey, orMiss } from '../cache/cache.ts';
import type { SingleFlight } from '../cache/single-flight.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import type { Principal } from '../policy/engine.ts';
import type { ElasticClient } from './client.ts';
import { ElasticError } from './error.ts';
import { Fences } from './fences.ts';
import { KnownUsers, type KnownUsersDeps } from './known-users.ts';
import type { Source } from './mark.ts';
import { decodeOutcome, encodeOutcome, type Outcome } from './outcome.ts';
import type { ElasticPasswords } from './password.ts';
import { reportFailure } from './report-failure.ts';
import { type RoleMap, strangeGroup } from './roles.ts';
import { SecondLooks } from './second-looks.ts';
import { Slots } from './slots.ts';
import { elasticName } from './user-name.ts';
import { fingerprint, type Wanted, wantedOf } from './wanted.ts';
import { type Turn, UserWriter } from './writer.ts';

/** For the whole of it, failover and retries included: a proxy and its client wait meanwhile. */
export const PROVISION_MS = 5_000;
/** Users written at the same time: each costs Elasticsearch a bcrypt hash, more would only wait there. */
const MAX_WRITES = 16;
/** Seconds after which whoever could not be provisioned may ask again. */
const RETRY_AFTER = 5;
/** How often is looked for a password that another host is about to write. */
const PENDING_POLL_MS = 100;
/** How often the result of somebody else's attempt, made for other groups, is followed by an own one. */
const MAX_TURNS = 4;

export interface ProvisionerDeps extends KnownUsersDeps {
  /** Where it asks, for the log. */
  readonly hosts: readonly string[];
  /** Undefined in a dry run, which asks Elasticsearch nothing. */
  readonly client: ElasticClient | undefined;
  readonly passwords: ElasticPasswords;
  /** Of the root secret before. */
  readonly previous?: ElasticPasswords | undefined;
  readonly roles: RoleMap;
  /** Groups that users may have at all; undefined for any. */
  readonly groupWhitelist?: readonly string[] | undefined;
  readonly flights: SingleFlight;
  /** A password older than this is replaced; undefined for never. */
  readonly passwordSeconds?: number | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly everyLine?: Logger | undefined;
  readonly onResult?: ((result: Provisioned['status']) => void) | undefined;
  /** The user's password is about to change: whatever this host gave to guests for it must go. */
  readonly onFence?: ((username: string) => void) | undefined;
}

export type Provisioned =
  | {
      readonly status: 'ready';
      /** For the backend. */
      readonly authorization: string;
      /** False once its password is about to change: to be asked in the step that hands it on. */
      isCurrent(): boolean;
    }
  /** No name or group that Elasticsearch's users can have: 400. */
  | { readonly status: 'bad-request'; readonly message: string }
  /** Not our user: 403. */
  | { readonly status: 'refused' }
  /** 503. */
  | { readonly status: 'unavailable'; readonly retryAfterSeconds: number };

const UNAVAILABLE: Provisioned = { status: 'unavailable', retryAfterSeconds: RETRY_AFTER };
/** It was asked for as somebody that the user is no more; the next request knows better. */
const CHANGED: Provisioned = { status: 'unavailable', retryAfterSeconds: 1 };

/** What one request wants of a user, until it does not any more. */
interface Task {
  readonly wanted: Wanted;
  readonly print: string;
  readonly isStill: () => boolean;
}

class NotWanted extends Error {}
/** What other hosts are told of it. */
const NOT_WANTED = 'the user has changed meanwhile';

/** Makes sure that a user exists in Elasticsearch with its roles, and says what to send there in its name. */
export class Provisioner {
  readonly #deps: ProvisionerDeps;
  readonly #writer: UserWriter | undefined;
  readonly #fences: Fences;
  readonly #looks: SecondLooks | undefined;
  readonly #slots = new Slots(MAX_WRITES);
  readonly #known: KnownUsers;

  constructor(deps: ProvisionerDeps) {
    this.#deps = deps;
    this.#known = new KnownUsers(deps);
    this.#fences = new Fences(deps.cache, deps.clock, (name, username, turn) => {
      this.#known.outdate(name, turn);
      deps.onFence?.(username);
    });
    const { client } = deps;
    if (client === undefined) return;
    this.#looks = new SecondLooks({
      ...deps,
      client,
      known: name => this.#known.read(name),
      takeBack: (name, username) => this.#takeBack(name, username),
    });
    const onUnsure = this.#looks.plan.bind(this.#looks);
    this.#writer = new UserWriter({ ...deps, client, fences: this.#fences, onUnsure });
  }

  /**
   * @param isStill whether the principal is still as it stands here: what is not
   * so any more must not be written over what is
   */
  async provision(
    principal: Principal,
    source: Source,
    isStill: () => boolean = () => true,
  ): Promise<Provisioned> {
    const provisioned = await this.#provision(principal, source, isStill);
    this.#deps.onResult?.(provisioned.status);
    return provisioned;
  }

  /** Forgets that the user was provisioned. */
  async forget(elasticName: string): Promise<void> {
    await orMiss(this.#known.forget(elasticName));
  }

  /**
   * Does something else with a user than provisioning it, while no host writes it and none
   * remembers it: whoever wants it meanwhile waits, and looks at Elasticsearch then. Left
   * undone, for the next time, where that user is written again and again.
   */
  async inTurn(elasticName: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    // Nobody's print: what it came to is no answer to anybody.
    const nothing = encodeOutcome({ kind: 'refused', print: '' });
    const options = { waitMs: PROVISION_MS, runMs: PROVISION_MS, whenDown: 'alone' } as const;
    for (let tries = 0; tries < MAX_TURNS && !signal.aborted; tries++) {
      const run = async () => {
        await this.forget(elasticName);
        await work();
        return nothing;
      };
      const flight = await this.#deps.flights.run(flightKey(elasticName), run, options);
      if (flight.status === 'done' && flight.ran) return;
    }
  }

  close(): void {
    this.#looks?.close();
    this.#fences.close();
  }

  async #provision(principal: Principal, source: Source, isStill: () => boolean): Promise<Provisioned> {
    const { roles, groupWhitelist, passwords, clock } = this.#deps;
    const named = elasticName(principal.username);
    if (!named.ok) return { status: 'bad-request', message: named.message };
    if (strangeGroup(principal.groups, groupWhitelist) !== undefined) {
      return {
        status: 'bad-request',
        message: 'a group of the user is not in elasticsearch.group_whitelist',
      };
    }
    const wanted = wantedOf(named.name, principal, roles(principal.groups), source);
    if (this.#writer === undefined) return this.#ready(wanted.name, 1, () => true);
    const print = fingerprint(wanted, passwords);
    const end = clock.monotonic() + PROVISION_MS;
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      // Another request, for what the user is now, may have been quicker.
      if (!isStill()) return CHANGED;
      // Before anything is read: a fence raised meanwhile makes it worthless.
      const isCurrent = this.#fences.watch(wanted.name);
      const outcome =
        (await this.#known.find(wanted.name, print)) ?? (await this.#fly({ wanted, print, isStill }, end));
      if (outcome === undefined) return UNAVAILABLE;
      // The store was emptied meanwhile: what was come to is in Elasticsearch, and is found there.
      if (outcome === 'lost') continue;
      // Somebody else's, of the same user with other groups.
      if (outcome.print !== print) continue;
      if (outcome.kind === 'refused') return { status: 'refused' };
      if (isCurrent()) return this.#ready(wanted.name, outcome.generation, isCurrent);
    }
    return UNAVAILABLE;
  }

  #ready(name: string, generation: number, isCurrent: () => boolean): Provisioned {
    return {
      status: 'ready',
      authorization: this.#deps.passwords.authorization(name, generation),
      isCurrent,
    };
  }

  /** The user is provisioned anew with the next request, whatever anybody holds of it. */
  async #takeBack(name: string, username: string): Promise<void> {
    await this.forget(name);
    await this.#fences.raise(username, AbortSignal.timeout(PROVISION_MS));
  }

  /**
   * One attempt at a time for a user, on all hosts; undefined when there is no
   * outcome, `lost` when there is one that must not be used (see `Lock.leave`).
   */
  async #fly(task: Task, end: number): Promise<Outcome | 'lost' | undefined> {
    const { wanted } = task;
    const left = Math.floor(end - this.#deps.clock.monotonic());
    if (left <= 0) return undefined;
    try {
      const flight = await this.#deps.flights.run(
        flightKey(wanted.name),
        async ({ signal, fence }) => encodeOutcome(await this.#attempt(task, signal, fence)),
        {
          waitMs: left,
          runMs: left,
          whenDown: 'alone',
          describe: error => (error instanceof NotWanted ? NOT_WANTED : 'it failed'),
        },
      );
      if (flight.status === 'busy') return 'lost';
      if (flight.status === 'failed' && flight.reason === NOT_WANTED) return 'lost';
      const outcome = flight.status === 'done' ? decodeOutcome(flight.value) : undefined;
      if (outcome !== undefined) this.#known.saw(wanted.name, outcome);
      return outcome;
    } catch (error) {
      if (error instanceof NotWanted) return 'lost';
      reportFailure(this.#deps.log, wanted.username, error);
      return undefined;
    }
  }

  /** @param fence 0: the store could not say whose turn it is */
  async #attempt({ wanted, print, isStill }: Task, signal: AbortSignal, fence: number): Promise<Outcome> {
    const writer = this.#writer as UserWriter;
    const turn: Turn = {
      fence,
      forget: () => this.#known.forget(wanted.name),
      check() {
        if (!isStill()) throw new NotWanted();
      },
    };
    const slot = await this.#slots.enter(signal);
    if (slot === undefined) {
      throw new ElasticError(
        'ERR_ELASTIC_SLOW',
        'Elasticsearch is slower than new users come',
        this.#deps.hosts.join(', '),
      );
    }
    // Whose turn it was may be at it still, though this host had to go alone, or the store forgot.
    const isOld = (generation: number) => generation < (this.#fences.pending(wanted.name) ?? 0);
    let written: number | 'refused';
    try {
      written = await writer.write(wanted, signal, turn);
      while (written !== 'refused' && isOld(written)) {
        await sleep(PENDING_POLL_MS);
        written = await writer.write(wanted, signal, turn);
      }
    } finally {
      slot.leave();
    }
    if (written === 'refused') return { kind: 'refused', print };
    const outcome: Outcome = { kind: 'ready', print, generation: written, turn: fence };
    // It may be older than what somebody whose turn it was has put there.
    if (fence === 0) return outcome;
    await this.#known.keep(wanted.name, outcome);
    return outcome;
  }
}

function flightKey(name: string): CacheKey {
  return { kind: 'elastic-user', name };
}
