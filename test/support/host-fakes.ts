import { createHash } from 'node:crypto';
import type { Clock } from '../../host/clock.ts';
import type { Fields, Level, Logger } from '../../host/log/logger.ts';
import type { Decision, Engine, Proof, Refusal, Refused, Target } from '../../host/policy/engine.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import type { Directory, User } from '../../host/users/directory.ts';

/** Time that only the test moves. */
export class FakeClock implements Clock {
  #now = 1_760_000_000_000;
  #monotonic = 0;
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  get pending(): number {
    return this.#timers.length;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#monotonic + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer);
    };
  }

  /** Lets time pass; timers run in their order, with what they started in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settle();
    for (;;) {
      const due = this.#timers.filter(timer => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter(timer => timer !== due);
      this.#pass(Math.max(0, due.at - this.#monotonic));
      due.callback();
      await settle();
    }
    this.#pass(end - this.#monotonic);
  }

  /** The wall clock is set; the monotonic one does not notice. */
  setWall(now: number): void {
    this.#now = now;
  }

  #pass(ms: number): void {
    this.#now += ms;
    this.#monotonic += ms;
  }
}

/** Lets everything run that needs no time, sockets included as far as they are ready. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise(resolve => setImmediate(resolve));
}

export interface LogLine {
  readonly level: Level;
  readonly message: string;
  readonly fields: Fields;
}

/** A logger that remembers. */
export function fakeLogger(): Logger & { readonly lines: LogLine[]; text(): string } {
  const lines: LogLine[] = [];
  const at =
    (level: Level) =>
    (message: string, fields: Fields = {}) =>
      void lines.push({ level, message, fields });
  return {
    lines,
    text: () => lines.map(line => JSON.stringify(line)).join('\n'),
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    isEnabled: () => true,
  };
}

/**
 * Not the real engine: paths that begin with `/public` bypass, `/deny` denies,
 * `/two` wants two factors, all else one; the host `bad` is a bad request;
 * 127.0.0.1 is the only trusted proxy.
 */
export class FakeEngine implements Engine {
  readonly asked: { readonly target: Target; readonly proof: Proof }[] = [];
  compile(): ReturnType<Engine['compile']> {
    return { ok: true, image: FAKE_IMAGE, warnings: [] };
  }

  load(): void {}

  decide(target: Target, proof: Proof): Decision {
    this.asked.push({ target, proof });
    if (target.host === 'bad') return { verdict: 'bad-request', reason: 'host' };
    const rule = { position: 1, hasSubjects: false };
    if (target.uri.startsWith('/public')) return { verdict: 'allow', policy: 'bypass', ...rule };
    if (target.uri.startsWith('/deny')) {
      return { verdict: proof.kind === 'failed' ? 'challenge' : 'forbid', policy: 'deny', ...rule };
    }
    const two = target.uri.startsWith('/two');
    const enough = proof.kind === 'proved' && proof.level >= (two ? 2 : 1);
    return { verdict: enough ? 'allow' : 'challenge', policy: two ? 'two_factor' : 'one_factor', ...rule };
  }

  parseAuthorization(values: readonly string[]): ReturnType<Engine['parseAuthorization']> {
    const [value = ''] = values;
    if (values.length === 0 || value.startsWith('Bearer ')) return { kind: 'none' };
    if (value.length > 2_048) return { kind: 'too-large' };
    const pair = Buffer.from(/^Basic (\S+)$/.exec(value)?.[1] ?? '', 'base64').toString('utf8');
    const colon = pair.indexOf(':');
    if (values.length > 1 || colon < 1) return { kind: 'malformed' };
    return { kind: 'basic', username: pair.slice(0, colon), password: pair.slice(colon + 1) };
  }

  /** Authelia's headers, by the real engine. */
  identity(...args: Parameters<Engine['identity']>): ReturnType<Engine['identity']> {
    return realEngine().identity(...args);
  }

  compileIdentity(...args: Parameters<Engine['compileIdentity']>): Uint8Array {
    return realEngine().compileIdentity(...args);
  }

  tokenHeader(): string | undefined {
    return undefined;
  }

  parseToken(): ReturnType<Engine['parseToken']> {
    return { kind: 'none' };
  }

  sessionCookie(): ReturnType<Engine['sessionCookie']> {
    return { kind: 'none' };
  }

  withoutSessionCookies(lines: readonly string[]): readonly string[] {
    return lines;
  }

  deny({ verdict, realm }: Refusal): Refused {
    if (verdict === 'forbid') return { status: 403, form: 'status', headers: [], body: '403' };
    const challenge = [['WWW-Authenticate', `Basic realm="${realm}"`]] as const;
    return { status: 401, form: 'basic', headers: challenge, body: '401' };
  }

  compileNetworks(): Uint8Array | undefined {
    return undefined;
  }

  inNetworks(): boolean {
    return false;
  }

  isTrustedProxy(address: string): boolean {
    return address === '127.0.0.1';
  }

  clientAddress(peer: string, forwardedFor: string | undefined): string {
    return forwardedFor?.split(',').at(-1)?.trim() ?? peer;
  }
}

let real: Engine | undefined;

function realEngine(): Engine {
  if (real !== undefined) return real;
  real = loadEngine(new URL('../../dist/embed.wasm', import.meta.url));
  const compiled = real.compile({ access_control: { default_policy: 'one_factor' } });
  if (!compiled.ok) throw new Error('the policy must compile');
  real.load(compiled.image);
  return real;
}

export const FAKE_IMAGE = Buffer.from('fake image '.repeat(30));

/** Users of a test; `digest` is `fake$` and the password. */
export class FakeDirectory implements Directory {
  readonly #users = new Map<string, User>();
  readonly #listeners: ((usernames: readonly string[]) => void)[] = [];

  /** Adds or changes a user, and tells so. */
  put(
    username: string,
    password: string,
    over: { disabled?: boolean; groups?: string[]; name?: string } = {},
  ) {
    const { disabled = false, groups = ['users'], name = '' } = over;
    const digest = `fake$${password}`;
    const principal = { username, displayName: name, email: `${username}@example.com`, groups };
    const epoch = createHash('sha256')
      .update(JSON.stringify([principal, digest, disabled]))
      .digest()
      .subarray(0, 16);
    this.#users.set(username, { principal, disabled, digest, epoch });
    for (const listener of this.#listeners) listener([username]);
  }

  remove(username: string): void {
    this.#users.delete(username);
    for (const listener of this.#listeners) listener([username]);
  }

  find(username: string): User | undefined {
    return this.#users.get(username);
  }

  onChange(listener: (usernames: readonly string[]) => void): void {
    this.#listeners.push(listener);
  }

  all(): Iterable<User> {
    return this.#users.values();
  }

  dummyDigest(): string {
    return 'fake$\0nobody';
  }

  close(): void {}
}

/** Verifies the digests of `FakeDirectory`; each waits until the test lets it go when `held`. */
export class FakeArgon2 {
  calls: string[] = [];
  held = false;
  #waiting: (() => void)[] = [];

  readonly verify = async (digest: string, password: string): Promise<boolean> => {
    this.calls.push(digest);
    if (this.held) await new Promise<void>(resolve => this.#waiting.push(resolve));
    return digest === `fake$${password}`;
  };

  get running(): number {
    return this.#waiting.length;
  }

  async release(): Promise<void> {
    for (const resolve of this.#waiting.splice(0)) resolve();
    await settle();
  }
}

let generators = 0;

/** Bytes that are never the same twice, and always the same in the next run. */
export function fakeRandom(): (bytes: number) => Uint8Array {
  const generator = ++generators;
  let counter = 0;
  return bytes => {
    counter++;
    return createHash('shake256', { outputLength: bytes }).update(`${generator} ${counter}`).digest();
  };
}
