import { KIND_BASIC, KIND_TOKEN, LEVEL_ONE_FACTOR } from '../../assembly/contract.ts';
import type { Clock } from '../clock.ts';
import { type Issuer, NO_SCOPE } from '../grant/issuer.ts';
import { basicCredential } from '../grant/keys.ts';
import type { Logger } from '../log/logger.ts';
import type { Engine, Principal, Proof } from '../policy/engine.ts';
import { isMadeToken } from '../secret/secret.ts';
import type { TokenDigests } from '../tokens/digests.ts';
import type { FoundToken, TokenRegistry } from '../tokens/registry.ts';
import { endOf } from '../tokens/token.ts';
import type { Directory } from '../users/directory.ts';
import { foldAscii } from '../users/names.ts';
import type { BasicOutcome } from './basic.ts';
import { delayFailure } from './failure-delay.ts';
import { HeldAnswers } from './held-answers.ts';
import { originOf } from './origin.ts';

export type TokenResult = 'success' | 'failure';

export interface TokenDeps {
  readonly engine: Pick<Engine, 'inNetworks'>;
  readonly registry: TokenRegistry;
  readonly digests: TokenDigests;
  /** No token may stand in for a person of its name. */
  readonly directory: Pick<Directory, 'find'>;
  readonly issuer: Issuer;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  /** The policy folds the names of Basic credentials (`fold_names`). */
  readonly foldsNames: boolean;
  readonly onResult: (result: TokenResult) => void;
  /** A secret was good: for `postern token list`. */
  readonly onUse: (name: string, secretId: string) => void;
  readonly maxHeld?: number;
}

/** What a text comes to: no token at all, one that is refused, or a service account. */
export type TokenOutcome = 'unknown' | 'refused' | Principal;

const FAILED: BasicOutcome = { kind: 'proof', proof: { kind: 'failed' } };

/**
 * API tokens of service accounts. Looking one up is a digest and a look into a
 * map, whatever the text: nobody learns from the time it takes which names
 * exist. All of it is one synchronous step, grant included.
 */
export class TokenStrategy {
  readonly #deps: TokenDeps;
  /** Apart from the logins': a flood of bad tokens must not take the places of passwords. */
  readonly #held: HeldAnswers;
  readonly #warned = new Set<string>();

  constructor(deps: TokenDeps) {
    this.#deps = deps;
    this.#held = new HeldAnswers(deps.maxHeld);
  }

  /** How many answers are held back. */
  get held(): number {
    return this.#held.count;
  }

  /**
   * A token in `Authorization: Bearer` or the token header.
   *
   * @param began `clock.monotonic()` at the request's arrival
   * @param client its address in canonical text, empty when it cannot be told
   * @param isOpen the rule lets everybody in, so that a failure tells nothing and need not wait
   */
  async authenticate(secret: string, began: number, client: string, isOpen: boolean): Promise<BasicOutcome> {
    const outcome = this.#judge(secret, undefined, client);
    if (typeof outcome !== 'string') return proved(outcome);
    // On a bypass rule it may well be the application's own.
    if (isOpen) return FAILED;
    const { clock, random } = this.#deps;
    const held = this.#held.enter(originOf(client, '').address);
    if (held === undefined) return { kind: 'busy' };
    try {
      await Promise.race([delayFailure(clock, random, began, held), held.refused]);
      return held.isRefused ? { kind: 'busy' } : FAILED;
    } finally {
      held.leave();
    }
  }

  /** A Basic password that may be a token; `unknown` leaves it to the passwords. */
  judgePassword(username: string, password: string, client: string): TokenOutcome {
    const outcome = this.#judge(password, username, client);
    // Nobody's password looks like a made token: a revoked one in some script must not cost a hash each time.
    return outcome === 'unknown' && isMadeToken(password) ? 'refused' : outcome;
  }

  #judge(secret: string, username: string | undefined, client: string): TokenOutcome {
    const { registry, digests, onResult, log } = this.#deps;
    const found = registry.bySecret(digests.of(secret));
    if (found === undefined) {
      if (username === undefined) {
        log.info('token refused: unknown');
        onResult('failure');
      }
      return 'unknown';
    }
    const reason = this.#reasonAgainst(found, username, client);
    const principal = reason === undefined ? this.#issue(found, secret, username) : undefined;
    if (principal === undefined) {
      const { account } = found;
      log.info(`token refused: ${reason ?? 'it was changed meanwhile'}`, {
        user: account.principal.username,
        id: found.secret.id,
      });
      onResult('failure');
      return 'refused';
    }
    onResult('success');
    return principal;
  }

  #reasonAgainst(
    { account, secret }: FoundToken,
    username: string | undefined,
    client: string,
  ): string | undefined {
    const { clock, directory, engine, foldsNames } = this.#deps;
    const name = account.principal.username;
    if (username !== undefined && username !== (foldsNames ? foldAscii(name) : name)) {
      return 'sent with the name of somebody else';
    }
    if (account.disabled) return 'it is disabled';
    const end = endOf(account, secret);
    if (end !== undefined && end <= clock.now()) return 'it has expired';
    if (directory.find(name) !== undefined) return 'a user has its name';
    if (account.networks !== undefined && !engine.inNetworks(account.networks, client)) {
      return `${client === '' ? 'an unknown address' : client} is in none of its networks`;
    }
    return undefined;
  }

  #issue({ account, secret }: FoundToken, text: string, username: string | undefined): Principal | undefined {
    const { issuer, registry, onUse } = this.#deps;
    const { principal, epoch } = account;
    const end = endOf(account, secret);
    const issued = issuer.issue({
      username: principal.username,
      find: () => registry.find(principal.username),
      epoch,
      ...(end === undefined ? {} : { notAfter: end }),
      kind: username === undefined ? KIND_TOKEN : KIND_BASIC,
      level: LEVEL_ONE_FACTOR,
      scope: NO_SCOPE,
      credential: username === undefined ? Buffer.from(text, 'utf8') : basicCredential(username, text),
      mayAskFrom: client => this.#reasonAgainst({ account, secret }, username, client) === undefined,
    });
    if (issued === undefined) return undefined;
    onUse(principal.username, secret.id);
    this.#warnAgeing(principal.username, secret);
    return issued.principal;
  }

  #warnAgeing(name: string, secret: FoundToken['secret']): void {
    if (!this.#deps.digests.isAgeing(secret.digest) || this.#warned.has(secret.digest)) return;
    this.#warned.add(secret.digest);
    this.#deps.log.warn(
      'an imported token is kept under POSTERN_SECRET_PREVIOUS and ends with it: revoke and import it again, or rotate it',
      { user: name, id: secret.id },
    );
  }
}

function proved(principal: Principal): { kind: 'proof'; proof: Proof } {
  return { kind: 'proof', proof: { kind: 'proved', principal, level: LEVEL_ONE_FACTOR } };
}
