import { BasicStrategy } from './authn/basic.ts';
import type { PasswordVerifier } from './authn/password.ts';
import { PasswordLogin } from './authn/password-login.ts';
import { TokenStrategy } from './authn/token.ts';
import type { SharedStore } from './cache/cache.ts';
import type { Clock } from './clock.ts';
import { ConfigError } from './config/problem.ts';
import { NO_REGULATION } from './config/regulation.ts';
import type { Config } from './config/schema.ts';
import type { Issuer } from './grant/issuer.ts';
import type { KnownGrants } from './grant/known-grants.ts';
import type { Logger } from './log/logger.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { Engine } from './policy/engine.ts';
import { createRegulator } from './regulation/create.ts';
import type { Store } from './store/store.ts';
import { nameClashes, unreadable } from './tokens/check.ts';
import { TokenDigests } from './tokens/digests.ts';
import { LastUse } from './tokens/last-use.ts';
import type { TokenRegistry } from './tokens/registry.ts';
import type { Directory } from './users/directory.ts';

export type CredentialsConfig = Pick<
  Config,
  'tokens' | 'regulation' | 'policy' | 'secret' | 'previousSecret'
>;

export interface CredentialsDeps {
  readonly engine: Engine;
  readonly directory: Directory;
  readonly registry: TokenRegistry | undefined;
  readonly verifier: PasswordVerifier;
  readonly issuer: Issuer;
  readonly known: KnownGrants;
  /** Where hosts count failures together. */
  readonly cache: SharedStore;
  /** Where bans are; undefined without one. */
  readonly database: Store | undefined;
  readonly metrics: Pick<Metrics, 'attempted' | 'banned' | 'tokenJudged'>;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  /** One that drops nothing. */
  readonly log: Logger;
  /** One that says once what can be caused at will. */
  readonly limitedLog: Logger;
  /** One for refusals that cost nothing. */
  readonly refusals: Logger;
}

/** What judges credentials in headers, and passwords wherever they are typed. */
export interface Credentials {
  readonly basic: BasicStrategy;
  readonly tokens: TokenStrategy | undefined;
  readonly login: PasswordLogin;
  close(): void;
}

/** Throws `ConfigError` when tokens and users share a name. */
export function createCredentials(config: CredentialsConfig, deps: CredentialsDeps): Credentials {
  const { directory, verifier, database, metrics, clock, random, limitedLog } = deps;
  const lastUse =
    deps.registry === undefined || config.tokens === undefined
      ? undefined
      : new LastUse({
          ...{ file: config.tokens.usageFile, registry: deps.registry },
          ...{ clock, random, log: limitedLog },
        });
  const tokens = createTokens(config, deps, lastUse);
  const regulator = createRegulator(config.regulation ?? NO_REGULATION, {
    ...deps,
    secret: config.secret,
    bans: () => database?.bans,
    onAttempt: metrics.attempted,
    onBan: metrics.banned,
  });
  const login = new PasswordLogin({ directory, verifier, regulator });
  const basic = new BasicStrategy({ ...deps, login, regulator, tokens, log: limitedLog });
  return { basic, tokens, login, close: () => lastUse?.close() };
}

function createTokens(
  config: CredentialsConfig,
  deps: CredentialsDeps,
  lastUse: LastUse | undefined,
): TokenStrategy | undefined {
  const { registry, directory, limitedLog, refusals, metrics } = deps;
  if (registry === undefined || config.tokens === undefined) return undefined;
  const clashes = nameClashes(config.tokens.file, registry, directory);
  if (clashes.length > 0) throw new ConfigError(clashes);
  const { secret, previousSecret } = config;
  const digests = new TokenDigests([secret, ...(previousSecret === undefined ? [] : [previousSecret])]);
  for (const user of unreadable(registry, digests)) {
    limitedLog.warn(
      'a token was imported under another root secret, so nothing fits it: revoke and import it again',
      { user },
    );
  }
  return new TokenStrategy({
    ...deps,
    registry,
    digests,
    log: refusals,
    foldsNames: config.policy.fold_names === true,
    onResult: metrics.tokenJudged,
    onUse: (name, id) => lastUse?.note(name, id),
  });
}
