import type { Clock } from '../clock.ts';
import type { CookieConfig } from '../config/schema.ts';
import type { Logger } from '../log/logger.ts';
import { rateLimited } from '../log/rate-limit.ts';
import { type Session, type Store, StoreError } from '../store/store.ts';
import type { Directory } from '../users/directory.ts';
import { Activity, type ActivityDeps } from './activity.ts';
import { encodeDetails } from './details.ts';
import { type FollowerStatus, RevocationFollower } from './follower.ts';
import { endOf } from './idle.ts';
import { SessionJudge } from './judge.ts';
import { LateEnds } from './late-ends.ts';
import { crowdOf, MAX_SESSIONS } from './limit.ts';
import { PasswordTags } from './password-tag.ts';
import { RecentEnds } from './recent-ends.ts';
import type { LiveSession, NewSession, Sessions } from './sessions.ts';
import { SessionTokens, sessionId } from './token.ts';

export interface SessionServiceDeps {
  readonly store: Store;
  readonly cookies: readonly CookieConfig[];
  readonly directory: Pick<Directory, 'find'>;
  readonly secret: Uint8Array;
  readonly previousSecret: Uint8Array | undefined;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  /** Grants of these users are void; everybody's for undefined. */
  readonly revoke: (usernames: readonly string[] | undefined) => void;
  readonly onBegun?: () => void;
  readonly onEnded?: (count: number) => void;
  readonly pollMs?: number;
}

/** Sessions in the database, which every host of one secret shares. */
export class SessionService implements Sessions {
  readonly #deps: SessionServiceDeps;
  readonly #tokens: SessionTokens;
  readonly #tags: PasswordTags;
  readonly #follower: RevocationFollower;
  readonly #log: Logger;
  readonly #judge: SessionJudge;
  readonly #ends = new RecentEnds();
  readonly #late: LateEnds;
  readonly #activity: Activity;

  constructor(deps: SessionServiceDeps) {
    this.#deps = deps;
    const { store, secret, previousSecret, clock, random, log } = deps;
    const secrets = previousSecret === undefined ? [secret] : [secret, previousSecret];
    this.#tokens = new SessionTokens(secrets, random);
    this.#tags = new PasswordTags(secrets);
    this.#judge = new SessionJudge({ ...deps, tags: this.#tags });
    this.#log = rateLimited(log, clock);
    this.#late = new LateEnds({
      ...deps,
      judge: this.#judge,
      onFlushed: count => deps.onEnded?.(count),
      onEnded: (usernames, count) => this.#ended(usernames, count),
    });
    const tryTo: ActivityDeps['tryTo'] = write => this.#tryTo(write);
    this.#activity = new Activity({ ...deps, read: id => this.#read(id), tryTo });
    this.#follower = new RevocationFollower({
      store,
      clock,
      log,
      onRevoked: usernames => this.#othersEnded(usernames),
      onContact: () => this.#late.tell(),
      ...(deps.pollMs === undefined ? {} : { pollMs: deps.pollMs }),
    });
  }

  /** To be read before a session is. */
  get revision(): number {
    return this.#ends.revision;
  }

  /** Whether a session that was read at that revision has to be read again: something of its user ended meanwhile. */
  endedSince(username: string, revision: number): boolean {
    return this.#ends.since(username, revision);
  }

  status(): FollowerStatus {
    return this.#follower.status();
  }

  async start(): Promise<void> {
    await this.#follower.start();
  }

  async stop(): Promise<void> {
    await this.#follower.stop();
  }

  async begin(wanted: NewSession): ReturnType<Sessions['begin']> {
    const { store, clock, cookies, onBegun, log } = this.#deps;
    const cookie = cookies.find(({ domain }) => domain === wanted.domain);
    const user = this.#judge.userOf(wanted.username);
    if (cookie === undefined || user === undefined) return undefined;
    const { expirationSeconds, rememberMeSeconds } = cookie.session;
    const remember = wanted.remember && rememberMeSeconds > 0;
    const now = clock.now();
    const token = this.#tokens.make(wanted.domain);
    const end = now + (remember ? rememberMeSeconds : expirationSeconds) * 1_000;
    const parent = wanted.parent === undefined ? undefined : await this.#read(wanted.parent);
    if (wanted.parent !== undefined && !this.#judge.isGood(parent, user, now)) return undefined;
    const session: Session = {
      id: sessionId(token),
      username: user.principal.username,
      domain: wanted.domain,
      level: wanted.level,
      createdAt: now,
      expiresAt: Math.min(end, parent?.expiresAt ?? end),
      activeAt: now,
      remember,
      details: encodeDetails(wanted.details),
      password: this.#tags.make(user.principal.username, user.digest),
      parent: wanted.parent,
    };
    const { replaces } = wanted;
    const old = replaces !== undefined && this.#tokens.verify(wanted.domain, replaces) ? replaces : undefined;
    // Of whoever used this browser before, which may be somebody else.
    const before = old === undefined ? undefined : await this.#read(sessionId(old));
    const isRaised = replaces !== undefined && wanted.level === 2 && wanted.parent === undefined;
    // Neither what was ended while somebody typed the code, nor what ends with the next look at it.
    if (isRaised && !this.#judge.isGood(before, user, now)) return undefined;
    const replaced = before !== undefined && (await store.sessions.replace(before.id, session, now));
    if (replaced) this.#ended([...new Set([before.username, user.principal.username])], 1);
    else if (isRaised) return undefined;
    else if (!(await store.sessions.put(session))) return undefined;
    onBegun?.();
    log.info('signed in', {
      user: user.principal.username,
      host: session.domain,
      factors: session.level,
      client: wanted.details.address,
      id: session.id.slice(0, 8),
    });
    await this.#makeRoom(session, cookie);
    return { token, session };
  }

  async #makeRoom(session: Session, cookie: CookieConfig): Promise<void> {
    const { username, domain } = session;
    const ids = (await this.#tryTo(() => this.#deps.store.sessions.thin(crowdOf(session, cookie)))) ?? [];
    if (ids.length === 0) return;
    this.#ended([username], ids.length);
    const why = `a user has at most ${MAX_SESSIONS} on a domain, and was idle in these for longest`;
    this.#log.warn(`sessions ended: ${why}`, { user: username, host: domain, count: ids.length });
  }

  async find(domain: string, token: string): Promise<LiveSession | undefined> {
    if (!this.#tokens.verify(domain, token)) return undefined;
    const id = sessionId(token);
    const session = await this.#read(id);
    if (session === undefined || session.domain !== domain) return undefined;
    const now = this.#deps.clock.now();
    const user = this.#judge.userOf(session.username);
    const why = this.#judge.reasonAgainst(session, user, now);
    if (why !== undefined || user === undefined) {
      const about = { user: session.username, id: id.slice(0, 8) };
      this.#log.info('session refused', { ...about, reason: why ?? 'gone' });
      await this.#tryTo(() => this.#remove(session, now));
      return undefined;
    }
    const noted = await this.#activity.note(session, now);
    return noted === undefined ? undefined : { session: noted, user };
  }

  /** One that somebody wrote into counts as none, and its owner signs in anew. */
  async #read(id: string): Promise<Session | undefined> {
    try {
      return await this.#deps.store.sessions.find(id);
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'ERR_STORE_SEALED') throw error;
      this.#log.error('session refused: it was changed in the database, or sealed by another key', {
        id: id.slice(0, 8),
      });
      return undefined;
    }
  }

  /** What a database that reads and does not write (a full disk) must not keep people out for. */
  async #tryTo<T>(write: () => Promise<T>): Promise<T | undefined> {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#log.error(
        'activity and ends of sessions cannot be noted: who is active may be asked to sign in',
        { error: error.message },
      );
      return undefined;
    }
  }

  async end(domain: string, token: string): Promise<void> {
    if (!this.#tokens.verify(domain, token)) return;
    const { clock } = this.#deps;
    const session = await this.#read(sessionId(token));
    if (session === undefined || session.domain !== domain) return;
    await this.#remove(session, clock.now());
  }

  async endAll(username: string): Promise<number> {
    const { store, clock, log } = this.#deps;
    const ids = await store.sessions.removeAll(username, clock.now());
    this.#ended([username], ids.length);
    log.info('signed out everywhere', { user: username, count: ids.length });
    return ids.length;
  }

  /** When it ends if nobody is active any more: until then a grant of it may live. */
  endOf({ session }: LiveSession): number {
    return endOf(session, this.#deps.cookies);
  }

  /**
   * Sessions of who is gone or disabled end, also those that nobody tries to use
   * meanwhile: whoever comes back signs in again.
   */
  usersChanged(usernames: readonly string[]): void {
    this.#late.usersChanged(usernames);
  }

  /** What hosts share was emptied: everybody who signed in until now does so again. */
  flushed(): void {
    this.#late.flushed();
    this.#ends.note(undefined);
  }

  async #remove(session: Session, now: number): Promise<void> {
    const ids = await this.#deps.store.sessions.remove(session.id, now);
    this.#ended([session.username], ids.length);
  }

  #ended(usernames: readonly string[], count: number): void {
    this.#ends.note(usernames);
    this.#deps.onEnded?.(count);
    this.#deps.revoke(usernames);
  }

  #othersEnded(usernames: ReadonlySet<string | undefined>): void {
    const names = usernames.has(undefined) ? undefined : [...usernames].filter(name => name !== undefined);
    this.#ends.note(names);
    this.#deps.revoke(names);
  }
}
