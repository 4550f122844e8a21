import type { BasicOutcome, BasicStrategy } from '../authn/basic.ts';
import type { TokenStrategy } from '../authn/token.ts';
import type { RequestHeaders } from '../http/request-headers.ts';
import type { Engine } from '../policy/engine.ts';

export interface AuthenticatorDeps {
  readonly engine: Pick<Engine, 'parseAuthorization' | 'parseToken'>;
  readonly basic: BasicStrategy;
  /** Undefined when there are no tokens. */
  readonly tokens: TokenStrategy | undefined;
  /** Name of the token header in lower case, undefined without one. */
  readonly tokenHeader: string | undefined;
}

const FAILED: BasicOutcome = { kind: 'proof', proof: { kind: 'failed' } };
const NONE: BasicOutcome = { kind: 'proof', proof: { kind: 'none' } };

/**
 * Picks the one credential of a request, as the guest does: `Authorization` of
 * an enabled scheme, else the token header. There is no falling back from one
 * that is no good to another.
 */
export class Authenticator {
  readonly #deps: AuthenticatorDeps;

  constructor(deps: AuthenticatorDeps) {
    this.#deps = deps;
  }

  /** Whether there is anything to judge; else the visitor is anonymous. */
  hasCredential(headers: RequestHeaders): boolean {
    const { tokenHeader } = this.#deps;
    if (headers.values('authorization').length > 0) return true;
    return tokenHeader !== undefined && headers.values(tokenHeader).length > 0;
  }

  /**
   * @param began `clock.monotonic()` at the request's arrival
   * @param client its address in canonical text, empty when it cannot be told
   * @param isOpen the rule lets everybody in
   */
  async authenticate(
    headers: RequestHeaders,
    began: number,
    client: string,
    isOpen: boolean,
  ): Promise<BasicOutcome> {
    const { engine, basic, tokens, tokenHeader } = this.#deps;
    const values = headers.values('authorization');
    const authorization = engine.parseAuthorization(values);
    if (authorization.kind === 'token') {
      return tokens?.authenticate(authorization.token, began, client, isOpen) ?? FAILED;
    }
    if (authorization.kind !== 'none') return basic.authenticate(values, began, client);
    if (tokenHeader === undefined || tokens === undefined) return NONE;
    const token = engine.parseToken(headers.values(tokenHeader));
    switch (token.kind) {
      case 'none':
        return NONE;
      case 'token':
        return tokens.authenticate(token.token, began, client, isOpen);
      default:
        return FAILED;
    }
  }
}
