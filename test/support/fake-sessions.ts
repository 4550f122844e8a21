import { randomBytes } from 'node:crypto';
import type { LiveSession, NewSession, Sessions } from '../../host/session/sessions.ts';
import { sessionId } from '../../host/session/token.ts';
import type { Session } from '../../host/store/store.ts';
import type { FakeDirectory } from './host-fakes.ts';

/** Sessions without a database, which never end by themselves. */
export class FakeSessions implements Sessions {
  readonly live = new Map<string, LiveSession>();
  readonly begun: NewSession[] = [];
  readonly #users: FakeDirectory;

  constructor(users: FakeDirectory) {
    this.#users = users;
  }

  begin(wanted: NewSession): Promise<{ token: string; session: Session } | undefined> {
    const parent = [...this.live.values()].some(({ session }) => session.id === wanted.parent);
    const user = this.#users.find(wanted.username);
    if (user === undefined || (wanted.parent !== undefined && !parent)) return Promise.resolve(undefined);
    const token = randomBytes(48).toString('base64url');
    const session: Session = {
      id: sessionId(token),
      username: wanted.username,
      domain: wanted.domain,
      level: wanted.level,
      createdAt: 0,
      expiresAt: 3_600_000,
      activeAt: 0,
      remember: wanted.remember,
      details: '',
      password: '',
      parent: wanted.parent,
    };
    if (wanted.replaces !== undefined) this.live.delete(wanted.replaces);
    this.begun.push(wanted);
    this.live.set(token, { session, user });
    return Promise.resolve({ token, session });
  }

  find(domain: string, token: string): Promise<LiveSession | undefined> {
    const found = this.live.get(token);
    return Promise.resolve(found?.session.domain === domain ? found : undefined);
  }

  end(domain: string, token: string): Promise<void> {
    const found = this.live.get(token);
    if (found?.session.domain === domain) this.live.delete(token);
    return Promise.resolve();
  }

  endAll(username: string): Promise<number> {
    const all = [...this.live].filter(([, { session }]) => session.username === username);
    for (const [token] of all) this.live.delete(token);
    return Promise.resolve(all.length);
  }
}
