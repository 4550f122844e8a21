import { KIND_BASIC, KIND_TOKEN } from '../../assembly/contract.ts';
import type { BasicOutcome, BasicStrategy } from '../authn/basic.ts';
import type { SessionOutcome, SessionStrategy } from '../authn/session.ts';
import type { TokenStrategy } from '../authn/token.ts';
import type { Issuer } from '../grant/issuer.ts';
import type { Credential, KnownGrants } from '../grant/known-grants.ts';
import type { RequestHeaders } from '../http/request-headers.ts';
import type { Engine, Proof } from '../policy/engine.ts';

export interface AuthenticatorDeps {
  readonly engine: Pick<Engine, 'parseAuthorization' | 'parseToken' | 'tokenHeader'>;
  /** Judges `Authorization`, Bearer tokens included. */
  readonly basic: Pick<BasicStrategy, 'authenticate'>;
  /** Undefined when there are no tokens. */
  readonly tokens: Pick<TokenStrategy, 'authenticate'> | undefined;
  /** Undefined where there are no sessions. */
  readonly sessions?: Pick<SessionStrategy, 'credential' | 'authenticate'> | undefined;
  /** What was verified before; without it everything is verified each time. */
  readonly known?: Pick<KnownGrants, 'find' | 'withBackend'>;
  /** Writes what is known with a backend's `Authorization`. */
  readonly issuer?: Pick<Issuer, 'issue'>;
}

const NO_AUTHORIZATION = { kind: 'none' } as const;
const NO_SESSION: SessionOutcome = { kind: 'proof', proof: { kind: 'none' } };
const FAILED: BasicOutcome = { kind: 'proof', proof: { kind: 'failed' } };

/**
 * Picks the one credential of a request, as the guest does: `Authorization` of
 * an enabled scheme, else the token header, else the session's cookie. There is no
 * falling back from one that is no good to another.
 */
export class Authenticator {
  readonly #deps: AuthenticatorDeps;

  constructor(deps: AuthenticatorDeps) {
    this.#deps = deps;
  }

  /** Whether there is anything to judge; else the visitor is anonymous. */
  hasCredential(headers: RequestHeaders): boolean {
    return headers.values('authorization').length > 0 || this.#tokenValues(headers).length > 0;
  }

  /** The credential in `Authorization` or the token header, undefined without a readable one. */
  shown(headers: RequestHeaders): Credential | undefined {
    const { engine } = this.#deps;
    const values = headers.values('authorization');
    const read = values.length > 0 ? engine.parseAuthorization(values) : NO_AUTHORIZATION;
    if (read.kind === 'basic')
      return { kind: KIND_BASIC, scope: '', text: `${read.username}:${read.password}` };
    const token = read.kind === 'none' ? engine.parseToken(this.#tokenValues(headers)) : read;
    return token.kind === 'token' ? { kind: KIND_TOKEN, scope: '', text: token.token } : undefined;
  }

  /** The session in the cookies, undefined without one. @param host as received */
  shownSession(host: string, headers: RequestHeaders): Credential | undefined {
    return this.#deps.sessions?.credential(host, headers);
  }

  /**
   * What a credential proves when it was verified before and its grant is good;
   * undefined when it has to be verified. Answers at once.
   *
   * @param client as for `authenticate`
   */
  known(shown: Credential, client: string): Proof | undefined {
    return this.#deps.known?.find(shown, client);
  }

  /**
   * Puts the backend's `Authorization` into the grant of a credential that has
   * been verified, so that a guest can send it along without asking. Does nothing
   * when it is there, or the grant is good no more.
   */
  addBackend(shown: Credential, client: string, authorization: string): void {
    const { known, issuer } = this.#deps;
    const verified = known?.withBackend(shown, client, authorization);
    if (verified !== undefined) issuer?.issue(verified);
  }

  /** @param host as received */
  async authenticateSession(host: string, headers: RequestHeaders, client: string): Promise<SessionOutcome> {
    return (await this.#deps.sessions?.authenticate(host, headers, client)) ?? NO_SESSION;
  }

  /**
   * @param began `clock.monotonic()` at the request's arrival
   * @param client its address in canonical text, empty when it cannot be told
   * @param isOpen the rule lets everybody in, whatever the credential comes to
   */
  async authenticate(
    headers: RequestHeaders,
    began: number,
    client: string,
    isOpen: boolean,
  ): Promise<BasicOutcome> {
    const { basic } = this.#deps;
    const outcome = await basic.authenticate(headers.values('authorization'), began, client, isOpen);
    const none = outcome.kind === 'proof' && outcome.proof.kind === 'none';
    return none ? this.authenticateTokenHeader(headers, began, client, isOpen, outcome) : outcome;
  }

  /** The token header alone; `none` is the answer when there is none. */
  async authenticateTokenHeader(
    headers: RequestHeaders,
    began: number,
    client: string,
    isOpen: boolean,
    none: BasicOutcome,
  ): Promise<BasicOutcome> {
    const { engine, tokens } = this.#deps;
    const token = engine.parseToken(this.#tokenValues(headers));
    if (token.kind === 'none') return none;
    if (token.kind !== 'token' || tokens === undefined) return FAILED;
    return tokens.authenticate(token.token, began, client, isOpen);
  }

  #tokenValues(headers: RequestHeaders): readonly string[] {
    const name = this.#deps.engine.tokenHeader();
    return name === undefined ? [] : headers.values(name);
  }
}
