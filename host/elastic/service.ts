import type { Cache } from '../cache/cache.ts';
import type { SingleFlight } from '../cache/single-flight.ts';
import type { Clock } from '../clock.ts';
import type { ElasticSetup } from '../config/schema.ts';
import { type HttpServer, startHttpServer } from '../http/server.ts';
import type { Logger } from '../log/logger.ts';
import { rateLimited } from '../log/rate-limit.ts';
import type { Engine, Principal } from '../policy/engine.ts';
import type { ElasticClient } from './client.ts';
import { createDropIn } from './drop-in.ts';
import { ElasticError } from './error.ts';
import { ElasticPasswords } from './password.ts';
import type { Provisioned } from './provisioned.ts';
import { Provisioner, type ProvisionerDeps } from './provisioner.ts';
import { roleMap } from './roles.ts';
import { type Departed, departed, disableAll, type FindAccount, SYNC_MS } from './sync.ts';
import { elasticName } from './user-name.ts';

/** After changes of the directory it is looked who has gone, once for all that come together. */
const SETTLE_MS = 1_000;

export interface ElasticServiceDeps {
  /** Undefined in a dry run. */
  readonly client: ElasticClient | undefined;
  readonly engine: Pick<Engine, 'compileNetworks' | 'inNetworks'>;
  readonly secret: Uint8Array;
  readonly previousSecret: Uint8Array | undefined;
  readonly cache: Cache;
  readonly flights: SingleFlight;
  readonly cacheSeconds: number;
  readonly extendCache: boolean;
  readonly findAccount: FindAccount;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onResult?: ProvisionerDeps['onResult'];
  readonly onFence?: ProvisionerDeps['onFence'];
}

/** Users of Elasticsearch, as a running host keeps them. */
export class ElasticService {
  readonly provisioner: Provisioner;
  readonly #setup: ElasticSetup;
  readonly #deps: ElasticServiceDeps;
  readonly #log: Logger;
  readonly #passwords: ElasticPasswords;
  readonly #previous: ElasticPasswords | undefined;
  #server: HttpServer | undefined;
  #cancelNext: () => void = () => {};
  readonly #stop = new AbortController();
  /** When the directory was read that this host knows, ms. */
  #directoryAt: number;
  #syncing: Promise<void> = Promise.resolve();

  constructor(setup: ElasticSetup, deps: ElasticServiceDeps) {
    const { secret, previousSecret, clock, log } = deps;
    this.#setup = setup;
    this.#deps = deps;
    this.#directoryAt = clock.now();
    this.#log = rateLimited(log, clock);
    this.#passwords = new ElasticPasswords(secret);
    this.#previous = previousSecret === undefined ? undefined : new ElasticPasswords(previousSecret);
    this.provisioner = new Provisioner({
      ...deps,
      hosts: setup.access?.hosts ?? [],
      passwords: this.#passwords,
      previous: this.#previous,
      roles: roleMap(setup.roles),
      groupWhitelist: setup.groupWhitelist,
      passwordSeconds: setup.passwordSeconds,
      log: this.#log,
      everyLine: log,
    });
  }

  /** For a principal of the directory, who must still be there when it is done. */
  async authorize(principal: Principal): Promise<Provisioned> {
    const { findAccount } = this.#deps;
    const isStill = () => {
      const now = findAccount(principal.username);
      return now !== undefined && !now.disabled && isSamePrincipal(now.principal, principal);
    };
    const provisioned = await this.provisioner.provision(principal, 'directory', isStill);
    const account = findAccount(principal.username);
    if (account !== undefined && !account.disabled) return provisioned;
    // Who went meanwhile may just have been enabled, behind the look for those who have gone.
    if (provisioned.status === 'ready') this.#then(signal => this.#disableGone(principal.username, signal));
    return { status: 'refused' };
  }

  /** Where the drop-in endpoint listens, undefined without one. */
  async start(): Promise<string | undefined> {
    const { dropIn } = this.#setup;
    this.#directoryAt = this.#deps.clock.now();
    this.#plan(0);
    if (dropIn === undefined) return undefined;
    const handler = createDropIn({
      ...this.#deps,
      setup: this.#setup,
      dropIn,
      provisioner: this.provisioner,
      log: rateLimited(this.#deps.log, this.#deps.clock, ['error', 'warn', 'info']),
    });
    const { host, port } = dropIn;
    this.#server = await startHttpServer({ host, port }, handler, this.#log).catch(error => {
      // Another listener than the one that every host has.
      throw Object.assign(error, { key: 'elasticsearch.listen' });
    });
    return this.#server.address;
  }

  /** Somebody in the directory has changed: who has gone is looked for soon. */
  directoryChanged(): void {
    this.#directoryAt = this.#deps.clock.now();
    this.#plan(SETTLE_MS);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#cancelNext();
    this.provisioner.close();
    await this.#server?.close();
    await this.#syncing;
    await this.#deps.client?.close();
  }

  #plan(afterMs: number): void {
    if (this.#stop.signal.aborted || this.#deps.client === undefined) return;
    this.#cancelNext();
    this.#cancelNext = this.#deps.clock.after(afterMs, () => {
      this.#then(signal => this.#sync(signal));
    });
  }

  /** One after the other, whatever became of the one before. */
  #then(work: (signal: AbortSignal) => Promise<void>): void {
    this.#syncing = this.#syncing.then(async () => {
      if (this.#stop.signal.aborted) return;
      try {
        await work(AbortSignal.any([AbortSignal.timeout(SYNC_MS), this.#stop.signal]));
      } catch (error) {
        if (!this.#stop.signal.aborted) this.#report(error);
      }
    });
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const { client, clock, findAccount } = this.#deps;
    if (client === undefined) return;
    this.#plan(this.#setup.syncSeconds * 1_000);
    const stored = await client.all(signal);
    const age = { changedAt: this.#directoryAt, now: clock.now() };
    await this.#disable(departed(stored, findAccount, this.#passwords, this.#previous, age), client, signal);
  }

  /** One user, by its name: a search would not see yet what was written a moment ago. */
  async #disableGone(username: string, signal: AbortSignal): Promise<void> {
    const { client, findAccount } = this.#deps;
    const named = elasticName(username);
    if (client === undefined || !named.ok) return;
    const user = await client.find(named.name, signal);
    if (user === undefined) return;
    await this.#disable(departed([user], findAccount, this.#passwords, this.#previous), client, signal);
  }

  async #disable(plan: readonly Departed[], client: ElasticClient, signal: AbortSignal): Promise<void> {
    const { provisioner } = this;
    const onDone = async ({ user, elasticName, reason }: Departed) => {
      await provisioner.forget(elasticName);
      this.#log.info('Elasticsearch user disabled', { user, reason });
    };
    await disableAll(plan, client, this.#deps.findAccount, signal, onDone, (name, work) =>
      provisioner.inTurn(name, signal, work),
    );
  }

  #report(error: unknown): void {
    if (!(error instanceof ElasticError)) {
      this.#log.error('users that have gone could not be looked for', { error: String(error) });
      return;
    }
    const { code, message, host, hint } = error;
    this.#log.warn('users that have gone cannot be disabled in Elasticsearch now', {
      host,
      code,
      error: message,
      hint,
    });
  }
}

function isSamePrincipal(a: Principal, b: Principal): boolean {
  const text = ({ displayName, email, groups }: Principal) => JSON.stringify([displayName, email, groups]);
  return a === b || text(a) === text(b);
}
