import { KIND_SESSION } from '../../assembly/contract.ts';
import type { Clock } from '../clock.ts';
import type { Issuer } from '../grant/issuer.ts';
import type { Credential, KnownGrants } from '../grant/known-grants.ts';
import type { RequestHeaders } from '../http/request-headers.ts';
import type { Logger } from '../log/logger.ts';
import { rateLimited } from '../log/rate-limit.ts';
import type { Engine, Proof } from '../policy/engine.ts';
import type { SessionService } from '../session/service.ts';
import { StoreError } from '../store/store.ts';

/** A grant of a session is looked at anew after this part of its life, which counts as activity. */
const REFRESH_PART = 4;
/** Grants of sessions live so long although there is to be no grace: a database may be away for a moment. */
const LEAST_GRACE_SECONDS = 60;
/** Something ended each time while a session was read: more often than that it is not by chance. */
const MAX_READS = 3;

export interface SessionStrategyDeps {
  readonly engine: Pick<Engine, 'sessionCookie'>;
  readonly sessions: Pick<SessionService, 'find' | 'endOf' | 'revision' | 'endedSince'>;
  readonly issuer: Pick<Issuer, 'issue'>;
  readonly known: Pick<KnownGrants, 'find'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** For so long a session is believed that nobody can look up. Read each time: it may change. */
  readonly graceSeconds: () => number;
}

export type SessionOutcome =
  /** `shown` is the cookie that was judged; undefined without one. */
  | { readonly kind: 'proof'; readonly proof: Proof; readonly shown?: Credential }
  /** More cookies than are looked at: 431. */
  | { readonly kind: 'too-large' }
  /** The database is away: 503. */
  | { readonly kind: 'busy' };

const NONE: SessionOutcome = { kind: 'proof', proof: { kind: 'none' } };
const BUSY: SessionOutcome = { kind: 'busy' };

/** The session's cookie. One that counts no more is none at all: its visitor is asked to sign in. */
export class SessionStrategy {
  readonly #deps: SessionStrategyDeps;
  /** For a database that is away: each request says it again. */
  readonly #log: Logger;

  constructor(deps: SessionStrategyDeps) {
    this.#deps = deps;
    this.#log = rateLimited(deps.log, deps.clock);
  }

  /** As it enters T. @param host as received */
  credential(host: string, headers: RequestHeaders): Credential | undefined {
    const cookie = this.#read(host, headers);
    return cookie.kind === 'session' ? credentialOf(cookie.domain, cookie.token) : undefined;
  }

  /** @param host as received @param client for what a grant says of addresses */
  async authenticate(host: string, headers: RequestHeaders, client: string): Promise<SessionOutcome> {
    const cookie = this.#read(host, headers);
    if (cookie.kind === 'too-large') return { kind: 'too-large' };
    if (cookie.kind === 'none') return NONE;
    const { domain, token } = cookie;
    const shown = credentialOf(domain, token);
    try {
      const proof = await this.#judge(domain, token);
      return proof === undefined ? BUSY : { kind: 'proof', proof, shown };
    } catch (error) {
      // What is known of it counts to its end, as a guest would let it.
      const proof = this.#deps.known.find(shown, client, true);
      if (proof !== undefined) return { kind: 'proof', proof, shown };
      // Drivers' own texts may quote what was asked.
      const why =
        error instanceof StoreError ? error.message : error instanceof Error ? error.name : 'unknown';
      this.#log.error('a session could not be looked up: answered 503', { error: why });
      return BUSY;
    }
  }

  /** Undefined when it changed under our hands each time. */
  async #judge(domain: string, token: string): Promise<Proof | undefined> {
    const { sessions, issuer, clock } = this.#deps;
    for (let reads = 0; reads < MAX_READS; reads++) {
      const { revision } = sessions;
      const live = await sessions.find(domain, token);
      if (live === undefined) return { kind: 'none' };
      // From here to the grant in one step: what ended meanwhile is known here, what ends later finds the grant.
      const { user, session } = live;
      if (sessions.endedSince(user.principal.username, revision)) continue;
      const level = session.level === 2 ? 2 : 1;
      const grace = Math.max(this.#deps.graceSeconds(), LEAST_GRACE_SECONDS) * 1_000;
      const account = issuer.issue({
        kind: KIND_SESSION,
        scope: Buffer.from(domain, 'latin1'),
        credential: Buffer.from(token, 'latin1'),
        username: user.principal.username,
        epoch: user.epoch,
        level,
        notAfter: Math.min(sessions.endOf(live), clock.now() + grace),
        refreshAfter: life => life / REFRESH_PART,
      });
      if (account !== undefined) return { kind: 'proved', principal: account.principal, level };
    }
    return undefined;
  }

  #read(host: string, headers: RequestHeaders) {
    const lines = headers.values('cookie');
    return lines.length === 0 ? NO_COOKIE : this.#deps.engine.sessionCookie(host, lines);
  }
}

const NO_COOKIE = { kind: 'none' } as const;

function credentialOf(domain: string, token: string): Credential {
  return {
    kind: KIND_SESSION,
    scope: domain,
    text: token,
  };
}
