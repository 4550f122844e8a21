import type { PasswordLogin } from './authn/password-login.ts';
import { SessionStrategy, type SessionStrategyDeps } from './authn/session.ts';
import type { SharedStore } from './cache/cache.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config/schema.ts';
import type { Logger } from './log/logger.ts';
import { checkAtStart, createNotifier } from './notifier/create.ts';
import type { Engine } from './policy/engine.ts';
import { createPortal, type Portal } from './portal/create.ts';
import { createSecondFactors } from './portal/create-second-factors.ts';
import { createDeniedPage } from './portal/denied.ts';
import { DeviceCookies } from './regulation/device-cookie.ts';
import type { DeniedPage } from './routes/denial.ts';
import type { SignIn } from './routes/sign-in.ts';
import { SessionService, type SessionServiceDeps } from './session/service.ts';
import type { Store } from './store/store.ts';
import type { Directory } from './users/directory.ts';

export type PeopleConfig = Pick<
  Config,
  'cookies' | 'secret' | 'previousSecret' | 'totp' | 'notifier' | 'identityProof'
>;

export interface PeopleDeps
  extends Pick<SessionServiceDeps, 'revoke' | 'onBegun' | 'onEnded'>,
    Pick<SessionStrategyDeps, 'issuer' | 'known' | 'graceSeconds'> {
  /** Undefined where nobody signs in. */
  readonly database: Store | undefined;
  readonly engine: Engine;
  readonly directory: Directory;
  readonly login: PasswordLogin;
  readonly signIn: SignIn;
  /** What hosts share. */
  readonly cache: SharedStore;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
}

/** What there is for people who sign in, beside what credentials in headers need. */
export interface People {
  readonly sessions: SessionService;
  readonly strategy: SessionStrategy;
  readonly portal: Portal;
  readonly deniedPage: DeniedPage;
  /** Says in the log when no messages can be sent. */
  checkNotifier(): Promise<void>;
}

/** Sessions and the portal, where there are domains for cookies and a database. */
export function createPeople(config: PeopleConfig, deps: PeopleDeps): People | undefined {
  const { database, cache, engine } = deps;
  const { cookies = [], secret, previousSecret } = config;
  if (database === undefined || cookies.length === 0) return undefined;
  const keys = { secret, previousSecret };
  const sessions = new SessionService({ ...deps, ...keys, store: database, cookies });
  const notifier = createNotifier(config.notifier, deps.clock.now);
  const strategy = new SessionStrategy({ ...deps, engine, sessions });
  const portal = createPortal({
    ...deps,
    ...keys,
    cookies,
    sessions,
    devices: new DeviceCookies({ ...deps, ...keys }),
    cache,
    more: createSecondFactors(config, { ...deps, store: database.factors, notifier, sessions }),
  });
  return {
    sessions,
    strategy,
    portal,
    deniedPage: createDeniedPage(deps),
    checkNotifier: () => checkAtStart(notifier, config.notifier, deps.log),
  };
}
