import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_REALM, LABEL_SNAPSHOT, LABEL_STATE, STATE_MAX_READ_AGE_MS } from '../assembly/contract.ts';
import { type Credentials, createCredentials } from './app-credentials.ts';
import { createPeople, type People } from './app-portal.ts';
import { PasswordVerifier, type PasswordVerifierOptions } from './authn/password.ts';
import type { SharedStore } from './cache/cache.ts';
import { createSharedStore } from './cache/create.ts';
import { SharedFlight } from './cache/flight.ts';
import type { Clock } from './clock.ts';
import { EXPIRATION_SECONDS } from './config/cache.ts';
import { hasIdentity, identityNames } from './config/identity-presets.ts';
import { ConfigError } from './config/problem.ts';
import type { Config } from './config/schema.ts';
import type { ElasticClient } from './elastic/client.ts';
import { recordEpoch } from './elastic/grant-epoch.ts';
import { ElasticService } from './elastic/service.ts';
import { Issuer } from './grant/issuer.ts';
import { deriveGrantKeys, userTag } from './grant/keys.ts';
import { KnownGrants } from './grant/known-grants.ts';
import { stillGood } from './grant/still-good.ts';
import { createRouter, type Route } from './http/router.ts';
import { type HttpServer, startHttpServer } from './http/server.ts';
import type { Logger } from './log/logger.ts';
import { rateLimited } from './log/rate-limit.ts';
import { Metrics } from './metrics/metrics.ts';
import type { Engine } from './policy/engine.ts';
import { WatchedCertificate } from './reload/certificate.ts';
import type { ConfigStatus } from './reload/config-reloader.ts';
import { CurrentPolicy, type LiveSettings } from './reload/current-policy.ts';
import { Authenticator } from './routes/authenticator.ts';
import type { DecisionDeps } from './routes/decision.ts';
import { DeferralReader } from './routes/deferral.ts';
import { createEndpointRoutes } from './routes/endpoints.ts';
import { createHealth, HEALTH_PATHS } from './routes/health.ts';
import { IdentityHeaders } from './routes/identity-headers.ts';
import { createMetricsRoute, METRICS_PATH } from './routes/metrics.ts';
import { createIsApplication, createIsPortal } from './routes/own-address.ts';
import { SignIn } from './routes/sign-in.ts';
import { deriveGuestKey, deriveKey } from './secret/derive.ts';
import { prepareGuestDirectory } from './snapshot/guest-directory.ts';
import { Publisher } from './snapshot/publisher.ts';
import { StoreMemory } from './snapshot/store-memory.ts';
import { WriterSeat } from './snapshot/writer-seat.ts';
import type { Store } from './store/store.ts';
import type { TokenRegistry, TokensStatus } from './tokens/registry.ts';
import type { Account, Directory } from './users/directory.ts';

/**
 * For so long guests may still defer to a host whose page says that it has
 * stopped, and a bit: gone at once, it would cost their clients a 500.
 */
export const LINGER_MS = STATE_MAX_READ_AGE_MS + 100;

export type AppConfig = Pick<
  Config,
  | 'server'
  | 'cookies'
  | 'storage'
  | 'guest'
  | 'grants'
  | 'tokens'
  | 'cache'
  | 'elasticsearch'
  | 'regulation'
  | 'totp'
  | 'notifier'
  | 'identityProof'
  | 'policy'
  | 'secret'
  | 'previousSecret'
>;

export interface AppDeps {
  readonly engine: Engine;
  /** `config.policy`, compiled elsewhere: compiling takes memory that an engine does not give back. */
  readonly image?: Uint8Array;
  readonly directory: Directory;
  /** False while the directory cannot be read anew; undefined when it always can. */
  readonly usersOk?: () => boolean;
  /** Service accounts; undefined without `config.tokens`. */
  readonly tokens?: TokenRegistry & { status(): TokensStatus };
  /** How the configuration is doing; undefined when nobody watches it. */
  readonly configStatus?: () => ConfigStatus;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  /** In place of what the configuration names. */
  readonly store?: SharedStore;
  /** What `config.storage` names, opened; whoever opened it closes it after `stop`. */
  readonly database?: Store | undefined;
  /** How Elasticsearch is asked; undefined in a dry run, and without `config.elasticsearch`. */
  readonly elastic?: ElasticClient | undefined;
  readonly password?: Omit<PasswordVerifierOptions, 'onResult'>;
}

export interface App {
  /** All that it serves, without `server.address`'s path. */
  readonly routes: readonly Pick<Route, 'path' | 'kind' | 'below'>[];
  /** Waits for the guest directory's lock if another host has it. Undefined when `signal` aborts first. */
  start(signal?: AbortSignal): Promise<HttpServer | undefined>;
  /**
   * State page first, then the requests that are there, the lock last. In
   * between it answers new requests for `lingerMs` (default 0), see LINGER_MS.
   */
  stop(lingerMs?: number): Promise<void>;
  /**
   * Puts another policy and other settings in force, here at once and in the
   * guests with their next look at the state page. Where it cannot be written
   * for them, they ask the host about everything until it can.
   */
  reload(settings: LiveSettings): void;
  /** For whoever watches the configuration. */
  configRead(result: 'success' | 'failure'): void;
  /** For whoever watches the users file. */
  usersFileFailed(): void;
}

/** The running service, put together. Throws `ConfigError` when the policy does not compile. */
export function createApp(config: AppConfig, deps: AppDeps): App {
  const { engine, directory, clock, random } = deps;
  // Most of what is warned about here can be caused at will, by clients and peers.
  const log = rateLimited(deps.log, clock);
  // Refusals that cost the host nothing: a client makes as many of them as it can send.
  const refusals = rateLimited(deps.log, clock, ['error', 'warn', 'info']);
  const policy = new CurrentPolicy(engine, liveSettings(config, deps.image ?? compile()));

  const guestKey = deriveGuestKey(config.secret);
  const previous = config.previousSecret === undefined ? [] : [deriveGuestKey(config.previousSecret)];
  const keys = deriveGrantKeys(guestKey);
  const toRecordEpoch = recordEpoch(config.elasticsearch);

  const store =
    deps.store ??
    createSharedStore(config, { clock, random, log, offlineGrace: () => policy.inForce.offlineGraceSeconds });
  const storeMemory = new StoreMemory({ directory: config.guest.directory, random, log });

  const seat: WriterSeat = new WriterSeat({
    directory: config.guest.directory,
    random,
    log,
    prepare: () => prepareGuestDirectory(config.guest.directory, log),
    createPublisher: () =>
      new Publisher({
        directory: config.guest.directory,
        keys: { state: deriveKey(guestKey, LABEL_STATE), snapshot: deriveKey(guestKey, LABEL_SNAPSHOT) },
        geometry: { slotSize: config.grants.slotSize, slots: config.grants.slots },
        get offlineGraceSeconds() {
          return policy.inForce.offlineGraceSeconds;
        },
        clock,
        random,
        log,
        ...(store.kind === 'memory' ? {} : { storeContact: () => store.status().lastContact }),
        mayWrite: () => seat.isHeld(),
      }),
    open: publisher => {
      const { image, lifetimeSeconds } = policy.inForce;
      const keep = stillGood({
        accounts: accounts(),
        keys,
        now: clock.now(),
        lifetimeMs: lifetimeSeconds * 1_000,
        toRecordEpoch,
      });
      // What other hosts revoked while nothing could be written here is not known record by record.
      publisher.open(image, record => !storeMemory.isBehind && keep(record));
      storeMemory.isBehind = false;
    },
  });

  const heartbeatAt = () => seat.publisher()?.writtenAt();
  const metrics: Metrics = new Metrics({
    waiting: () => verifier.waiting,
    held: () => basic.held + (tokens?.held ?? 0),
    heartbeatAge: () => {
      const at = heartbeatAt();
      return at === undefined ? undefined : (clock.now() - at) / 1_000;
    },
    usersFileOk: () => deps.usersOk?.() ?? true,
    tokensFileOk: () => deps.tokens?.status().ok ?? true,
    configStatus: () => deps.configStatus?.(),
    store: () => (store.kind === 'memory' ? undefined : store.status()),
  });
  const verifier: PasswordVerifier = new PasswordVerifier({ ...deps.password, onResult: metrics.verified });
  const tables = { current: () => seat.publisher()?.current() };
  const known = new KnownGrants({ tables, clock, random, limit: config.grants.slots });
  const issuer = new Issuer({
    keys,
    recordEpoch: toRecordEpoch,
    directory,
    tables,
    clock,
    random,
    log: deps.log,
    onResult: metrics.issued,
    onWritten: grant => known.remember(grant),
    get lifetimeSeconds() {
      return policy.inForce.lifetimeSeconds;
    },
    slotSize: config.grants.slotSize,
  });
  const { basic, tokens, login, ...credentials }: Credentials = createCredentials(config, {
    ...{ engine, directory, registry: deps.tokens, verifier, issuer, known, cache: store, metrics },
    ...{ database: deps.database, clock, random, log: deps.log, limitedLog: log, refusals },
  });
  const signIn = new SignIn(config.cookies ?? []);
  const elastic: ElasticService | undefined = createElastic();
  const people: People | undefined = createPeople(config, {
    ...{ database: deps.database, engine, directory, login, signIn, cache: store, issuer, known },
    graceSeconds: () => policy.inForce.offlineGraceSeconds,
    revoke: usernames => (usernames === undefined ? seat.publisher()?.voidAll() : void revoke(usernames)),
    onBegun: metrics.sessionBegun,
    onEnded: metrics.sessionsEnded,
    ...{ clock, random, log: deps.log },
  });
  const decision: DecisionDeps = {
    engine,
    signIn,
    authenticator: new Authenticator({ engine, basic, tokens, sessions: people?.strategy, known, issuer }),
    elastic,
    deniedPage: people?.deniedPage,
    deferrals: new DeferralReader({
      guestKeys: [guestKey, ...previous],
      policyId: () => policy.inForce.id,
      clock,
    }),
    identity: new IdentityHeaders(engine, () => policy.inForce, deps.log),
    inForce: () => policy.inForce,
    clock,
    log: refusals,
    onDecision: metrics.decided,
    onDeferral: metrics.deferred,
  };
  const health = createHealth({
    usersOk: deps.usersOk,
    configStatus: deps.configStatus,
    heartbeatAt,
    hasTable: () => tables.current() !== undefined,
    ...(store.kind === 'memory' ? {} : { store: () => store.status() }),
    ...(people === undefined ? {} : { database: () => people.sessions.status() }),
    clock,
  });
  const routes: Route[] = [
    ...createEndpointRoutes(decision, config.server.endpoints, people?.portal.door),
    ...HEALTH_PATHS.map(path => ({ path, kind: 'operator' as const, handler: health })),
    { path: METRICS_PATH, kind: 'operator', handler: createMetricsRoute(metrics) },
    ...(people?.portal.routes ?? []),
  ];
  const router = createRouter(routes, log, {
    prefix: config.server.prefix ?? '',
    isPortal: createIsPortal(signIn, engine),
    isApplication: createIsApplication(signIn, engine),
  });

  // From the beginning: a change while the lock is waited for must not be missed.
  const revoke = (usernames: readonly string[]): number => {
    const count = seat.publisher()?.revoke(usernames.map(name => userTag(keys, name))) ?? 0;
    metrics.revoked(count);
    return count;
  };
  directory.onChange(usernames => {
    const count = revoke(usernames);
    people?.sessions.usersChanged(usernames);
    elastic?.directoryChanged();
    log.info('users changed: their grants are revoked', { changed: usernames.length, count });
  });
  deps.tokens?.onChange(names => {
    const count = revoke(names);
    elastic?.directoryChanged();
    log.info('tokens changed: their grants are revoked', { changed: names.length, count });
  });

  let server: HttpServer | undefined;
  let certificate: WatchedCertificate | undefined;
  return {
    routes,
    async start(signal = new AbortController().signal) {
      prepareGuestDirectory(config.guest.directory, log);
      if (!(await seat.take(signal))) return undefined;
      try {
        // Before any grant is written: what ends a session from now on is heard.
        await people?.sessions.start();
        // The first heartbeat says that deferrals are answered.
        server = await listen();
        // What others said while this host was away, before the page vouches for anything.
        await store.start(storeMemory.read(), {
          lost(why) {
            metrics.storeLost(why);
            if (seat.publisher() === undefined) storeMemory.isBehind = true;
            else seat.publisher()?.voidAll();
            if (why === 'flushed') people?.sessions.flushed();
          },
          progress(resume) {
            if (seat.publisher() === undefined) storeMemory.isBehind = true;
            else storeMemory.write(resume);
          },
        });
        // Nobody waits for a mail server.
        void people?.checkNotifier();
        const address = await elastic?.start();
        if (address !== undefined) log.info("elastauth's place is taken", { address });
      } catch (error) {
        await seat.leave();
        throw error;
      }
      seat.publish();
      return server;
    },
    async stop(lingerMs = 0) {
      seat.stopWriting();
      if (server !== undefined && lingerMs > 0) await sleep(lingerMs);
      await server?.close();
      await elastic?.close();
      await people?.sessions.stop();
      certificate?.close();
      credentials.close();
      await store.close();
      await seat.leave();
    },
    reload(settings) {
      const { lifetimeSeconds } = policy.inForce;
      policy.replace(settings, image => {
        if (seat.isHeld()) seat.publisher()?.publishPolicy(image);
      });
      if (settings.lifetimeSeconds >= lifetimeSeconds) return;
      // Grants that live longer than they may now: as after a restart, none of them stays.
      const count = revoke([...accounts()].map(account => account.principal.username));
      log.info('grants.lifetime is shorter now: grants written before are revoked', { count });
    },
    configRead: metrics.configRead,
    usersFileFailed: metrics.usersFileError,
  };

  function compile(): Uint8Array {
    const compiled = engine.compile(config.policy);
    if (!compiled.ok) throw new ConfigError(compiled.problems);
    return compiled.image;
  }

  async function listen(): Promise<HttpServer> {
    const { tls, ...endpoint } = config.server;
    if (tls === undefined) return startHttpServer(endpoint, router, log);
    certificate = new WatchedCertificate(tls, clock, log);
    const listening = await startHttpServer({ ...endpoint, certificate: certificate.initial }, router, log);
    certificate.follow(pair => listening.replaceCertificate(pair));
    return listening;
  }

  function createElastic(): ElasticService | undefined {
    if (config.elasticsearch === undefined) return undefined;
    return new ElasticService(config.elasticsearch, {
      client: deps.elastic,
      engine,
      secret: config.secret,
      previousSecret: config.previousSecret,
      cache: store,
      flights: new SharedFlight(store, clock),
      cacheSeconds: config.cache?.expirationSeconds ?? EXPIRATION_SECONDS,
      extendCache: config.cache?.extend ?? false,
      findAccount: name => [...accountsNamed(name)].find(({ principal }) => principal.username === name),
      clock,
      log: deps.log,
      onResult: metrics.provisioned,
      onFence: username => void revoke([username]),
    });
  }

  function* accountsNamed(name: string): Iterable<Account> {
    const user = directory.find(name);
    if (user !== undefined) yield user;
    const account = deps.tokens?.find(name);
    if (account !== undefined) yield account;
  }

  function* accounts(): Iterable<Account> {
    yield* directory.all();
    if (deps.tokens !== undefined) yield* deps.tokens.all();
  }
}

/** What `App.reload` takes, of a configuration and its compiled policy. */
export function liveSettings(
  { grants, guest, policy }: Pick<Config, 'grants' | 'guest' | 'policy'>,
  image: Uint8Array,
): LiveSettings {
  return {
    image,
    identityNames: hasIdentity(policy) ? identityNames(policy) : [],
    realm: policy.realm ?? DEFAULT_REALM,
    lifetimeSeconds: grants.lifetimeSeconds,
    offlineGraceSeconds: guest.offlineGraceSeconds,
  };
}
