import { randomBytes } from 'node:crypto';
import type { Cache } from '../../host/cache/cache.ts';
import { SharedFlight } from '../../host/cache/flight.ts';
import { MemoryCache, MemorySpace } from '../../host/cache/memory-cache.ts';
import { type Clock, systemClock } from '../../host/clock.ts';
import type { ElasticAccess, ElasticSetup } from '../../host/config/schema.ts';
import type { ElasticClient } from '../../host/elastic/client.ts';
import { OfficialClient } from '../../host/elastic/official-client.ts';
import { ElasticService } from '../../host/elastic/service.ts';
import type { Principal } from '../../host/policy/engine.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import type { Account } from '../../host/users/directory.ts';
import { ELASTIC_PASSWORD, type Elasticsearch } from './elasticsearch/elasticsearch.ts';
import { fakeLogger } from './host-fakes.ts';

export const ELASTIC_SECRET = Buffer.alloc(32, 7);

let loaded: ReturnType<typeof loadEngine> | undefined;
const engine = () => (loaded ??= loadEngine(new URL('../../dist/embed.wasm', import.meta.url)));

export interface ElasticHostOptions {
  readonly access?: Partial<ElasticAccess>;
  readonly setup?: Partial<ElasticSetup>;
  readonly secret?: Uint8Array;
  readonly previousSecret?: Uint8Array;
  /** Hosts with one space are hosts that share a store. */
  readonly space?: MemorySpace;
  readonly cache?: Cache;
  readonly clock?: Clock;
  readonly extendCache?: boolean;
  readonly accounts?: Map<string, Account>;
  readonly onFence?: (username: string) => void;
}

export type ElasticHost = Awaited<ReturnType<typeof elasticHost>>;

/** A host as far as Elasticsearch is concerned, with a count of what it asks there. */
export async function elasticHost(es: Pick<Elasticsearch, 'url'>, options: ElasticHostOptions = {}) {
  const { clock = systemClock, accounts = new Map<string, Account>() } = options;
  const log = fakeLogger();
  const access: ElasticAccess = {
    hosts: [es.url],
    credentials: { username: 'elastic', password: ELASTIC_PASSWORD },
    tls: {},
    ...options.access,
  };
  const calls: string[] = [];
  const official = new OfficialClient(access);
  const client = counted(official, calls);
  const space = options.space ?? new MemorySpace();
  const cache = options.cache ?? new MemoryCache({ clock, random: randomBytes, log, space });
  const setup: ElasticSetup = {
    access,
    dryRun: false,
    roles: {
      groupMappings: [
        ['admins', ['superuser', 'kibana_admin']],
        ['Dev Team', ['viewer']],
      ],
      defaultRoles: ['kibana_user'],
    },
    groupWhitelist: undefined,
    passwordSeconds: undefined,
    syncSeconds: 3_600,
    dropIn: undefined,
    ...options.setup,
  };
  const service = new ElasticService(setup, {
    client: setup.dryRun ? undefined : client,
    engine: engine(),
    secret: options.secret ?? ELASTIC_SECRET,
    previousSecret: options.previousSecret,
    cache,
    flights: new SharedFlight(cache, clock),
    cacheSeconds: 3_600,
    extendCache: options.extendCache ?? false,
    findAccount: name => accounts.get(name),
    clock,
    log,
    ...(options.onFence && { onFence: options.onFence }),
  });
  const { provisioner } = service;
  return {
    service,
    provisioner,
    client,
    log,
    accounts,
    /** `find NAME`, `write NAME`, …, in their order. */
    calls,
    count: (kind: string) => calls.filter(call => call.startsWith(`${kind} `)).length,
    /** The `Authorization` for this user; throws when there is none. */
    async authorization(person: Principal): Promise<string> {
      const provisioned = await provisioner.provision(person, 'directory');
      if (provisioned.status !== 'ready') throw new Error(`${provisioned.status}: ${log.text()}`);
      return provisioned.authorization;
    },
  };
}

export function person(username: string, more: Partial<Principal> = {}): Principal {
  return { username, displayName: '', email: '', groups: [], ...more };
}

export function account(username: string, disabled = false): Account {
  return { principal: person(username), disabled, epoch: Buffer.alloc(16) };
}

function counted(client: ElasticClient, calls: string[]): ElasticClient {
  return {
    find: (name, signal) => note(`find ${name}`, () => client.find(name, signal)),
    write: (name, user, signal) => note(`write ${name}`, () => client.write(name, user, signal)),
    disable: (name, signal) => note(`disable ${name}`, () => client.disable(name, signal)),
    all: signal => note('all ', () => client.all(signal)),
    accepts: (authorization, signal) => note('accepts ', () => client.accepts(authorization, signal)),
    check: signal => note('check ', () => client.check(signal)),
    close: () => client.close(),
  };
  function note<T>(call: string, run: () => Promise<T>): Promise<T> {
    calls.push(call);
    return run();
  }
}

/** Makes hosts, and closes all of them at the end. `es` is asked when a host is made: it may have started since. */
export function elasticHosts(es: () => Pick<Elasticsearch, 'url'>) {
  const hosts: ElasticHost[] = [];
  return {
    async make(options?: ElasticHostOptions): Promise<ElasticHost> {
      const made = await elasticHost(es(), options);
      hosts.push(made);
      return made;
    },
    async close(): Promise<void> {
      for (const { service } of hosts) await service.close();
    },
  };
}
