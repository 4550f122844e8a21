import { createHash } from 'node:crypto';
import type { LiveSession, NewSession, Sessions } from '../../host/session/sessions.ts';
import { type Session, StoreError } from '../../host/store/store.ts';
import type { FakeDirectory } from './host-fakes.ts';

/** Sessions in memory; each token is 64 characters. */
export class FakeSessions implements Sessions {
  readonly begun: NewSession[] = [];
  readonly live = new Map<string, Session>();
  isDown = false;
  readonly #directory: FakeDirectory;

  constructor(directory: FakeDirectory) {
    this.#directory = directory;
  }

  async begin(wanted: NewSession) {
    this.#mayAnswer();
    const user = this.#directory.find(wanted.username);
    if (user === undefined || user.disabled) return undefined;
    const hasParent = [...this.live.values()].some(({ id }) => id === wanted.parent);
    if (wanted.parent !== undefined && !hasParent) return undefined;
    this.begun.push(wanted);
    const token = createHash('sha384').update(`${this.begun.length}`).digest('base64url');
    const now = Date.now();
    const session: Session = {
      id: createHash('sha256').update(token).digest('hex'),
      username: wanted.username,
      domain: wanted.domain,
      level: wanted.level,
      createdAt: now,
      expiresAt: now + 3_600_000,
      activeAt: now,
      remember: wanted.remember,
      details: JSON.stringify(wanted.details),
      password: '',
      parent: wanted.parent,
    };
    if (wanted.replaces !== undefined) this.live.delete(wanted.replaces);
    this.live.set(token, session);
    return { token, session };
  }

  async find(domain: string, token: string): Promise<LiveSession | undefined> {
    this.#mayAnswer();
    const session = this.live.get(token);
    const user = session === undefined ? undefined : this.#directory.find(session.username);
    return session?.domain === domain && user !== undefined ? { session, user } : undefined;
  }

  async end(domain: string, token: string): Promise<void> {
    this.#mayAnswer();
    if (this.live.get(token)?.domain === domain) this.live.delete(token);
  }

  async endAll(username: string): Promise<number> {
    this.#mayAnswer();
    const all = [...this.live].filter(([, session]) => session.username === username);
    for (const [token] of all) this.live.delete(token);
    return all.length;
  }

  #mayAnswer(): void {
    if (this.isDown) throw new StoreError('ERR_STORE_UNAVAILABLE', 'the database does not answer');
  }
}
