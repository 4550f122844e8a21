import { type CacheKey, orMiss } from '../cache/cache.ts';
import type { SingleFlight } from '../cache/single-flight.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import type { Principal } from '../policy/engine.ts';
import { Attempts, NotWanted, type Task } from './attempts.ts';
import type { ElasticClient } from './client.ts';
import { Fences } from './fences.ts';
import { KnownUsers, type KnownUsersDeps } from './known-users.ts';
import type { Source } from './mark.ts';
import { decodeOutcome, encodeOutcome, type Outcome } from './outcome.ts';
import type { ElasticPasswords } from './password.ts';
import { CHANGED, type Provisioned, UNAVAILABLE } from './provisioned.ts';
import { reportFailure } from './report-failure.ts';
import { type RoleMap, strangeGroup } from './roles.ts';
import { SecondLooks } from './second-looks.ts';
import type { FindAccount } from './sync.ts';
import { elasticName } from './user-name.ts';
import { fingerprint, wantedOf } from './wanted.ts';
import { UserWriter } from './writer.ts';

/** For the whole of it, failover and retries included: a proxy and its client wait meanwhile. */
export const PROVISION_MS = 5_000;
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
  /** See `UserWriterDeps`. */
  readonly findAccount?: FindAccount | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly everyLine?: Logger | undefined;
  readonly onResult?: ((result: Provisioned['status']) => void) | undefined;
  /** The user's password is about to change: whatever this host gave to guests for it must go. */
  readonly onFence?: ((username: string) => void) | undefined;
}

/** What other hosts are told when the user is not to be so any more. */
const NOT_WANTED = 'the user has changed meanwhile';

/** Makes sure that a user exists in Elasticsearch with its roles, and says what to send there in its name. */
export class Provisioner {
  readonly #deps: ProvisionerDeps;
  /** Undefined in a dry run. */
  readonly #attempts: Attempts | undefined;
  readonly #fences: Fences;
  readonly #looks: SecondLooks | undefined;
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
    const writer = new UserWriter({ ...deps, client, fences: this.#fences, onUnsure });
    this.#attempts = new Attempts({ ...deps, writer, fences: this.#fences, known: this.#known });
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
    const attempts = this.#attempts;
    if (attempts === undefined) return this.#ready(wanted.name, 1, () => true);
    const print = fingerprint(wanted, passwords);
    const end = clock.monotonic() + PROVISION_MS;
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      // Another request, for what the user is now, may have been quicker.
      if (!isStill()) return CHANGED;
      // Before anything is read: a fence raised meanwhile makes it worthless.
      const isCurrent = this.#fences.watch(wanted.name);
      const outcome =
        (await this.#known.find(wanted.name, print)) ??
        (await this.#fly(attempts, { wanted, print, isStill }, end));
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
  async #fly(attempts: Attempts, task: Task, end: number): Promise<Outcome | 'lost' | undefined> {
    const { wanted } = task;
    const left = Math.floor(end - this.#deps.clock.monotonic());
    if (left <= 0) return undefined;
    try {
      const flight = await this.#deps.flights.run(
        flightKey(wanted.name),
        async ({ signal, fence }) => encodeOutcome(await attempts.run(task, signal, fence)),
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
}

function flightKey(name: string): CacheKey {
  return { kind: 'elastic-user', name };
}
