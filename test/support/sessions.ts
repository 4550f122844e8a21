import { randomBytes } from 'node:crypto';
import { KIND_SESSION } from '../../assembly/contract.ts';
import { grantTag, userTag } from '../../host/grant/keys.ts';
import { type RecordHeader, sealRecord } from '../../host/grant/seal.ts';
import { encodeClaims } from '../../host/policy/claims.ts';
import { type GuestAsk, type GuestTest, header } from './guest.ts';
import type { Slice } from './slice.ts';

/** The usual name, with nothing configured. */
export const COOKIE = '__Secure-postern_session';

/** A cookie's value as the host makes them: 48 bytes nobody can guess. */
export const newToken = (): string => randomBytes(48).toString('base64url');

export interface SessionGrant {
  readonly token: string;
  /** Default `example.com`. */
  readonly domain?: string;
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly header?: Partial<Pick<RecordHeader, 'kind' | 'level' | 'issued' | 'expiry' | 'refresh'>>;
}

/** What the host does once it has looked the session up. */
export function putSession(slice: Slice, grant: SessionGrant): void {
  const { token, domain = 'example.com', user = 'alice', groups = ['users'], header: over = {} } = grant;
  const table = slice.publisher.current();
  if (table === undefined) throw new Error('there is no table');
  const issued = over.issued ?? slice.clock.now();
  const credential = Buffer.from(token, 'latin1');
  const t = grantTag(slice.keys, over.kind ?? KIND_SESSION, Buffer.from(domain), credential);
  const principal = { username: user, displayName: '', email: '', groups: [...groups] };
  const clear: RecordHeader = {
    tag: t.subarray(0, 16),
    userTag: userTag(slice.keys, user),
    epoch: Buffer.alloc(16, 1),
    kind: KIND_SESSION,
    level: 1,
    issued,
    expiry: issued + 3_600_000,
    ...over,
  };
  const claims = encodeClaims(principal, '') ?? Buffer.alloc(0);
  const record = sealRecord(slice.keys.record, table.id, t, clear, randomBytes(12), claims);
  table.writer.put(clear, record, slice.clock.now());
}

/** Lines of `Cookie`. */
export type Lines = readonly string[];

export interface Seen {
  /** `allow:NAME`, `defer`, or the status of the guest's own answer. */
  readonly outcome: string;
  /** What of the cookies goes on; of an answer nothing. */
  readonly cookies: Lines;
  readonly response: (readonly [string, string])[];
  readonly body: string;
}

export function look(guest: GuestTest, lines: Lines, over: Partial<GuestAsk> = {}): Seen {
  const cookies = lines.map(line => ['Cookie', line] as const);
  const outcome = guest.ask({
    host: 'app.example.com',
    ...over,
    headers: [...(over.headers ?? []), ...cookies],
  });
  if (!outcome.next) {
    const { status = 0, headers = [], body = '' } = outcome.response ?? {};
    return {
      outcome: String(status),
      cookies: [],
      response: headers.map(([name, value]) => [name, value] as const),
      body: Buffer.from(body).toString('latin1'),
    };
  }
  const verdict = header(outcome, 'Postern-Verdict') ?? '';
  return {
    outcome: verdict.startsWith('allow-') ? `allow:${header(outcome, 'Remote-User')}` : verdict.slice(0, 5),
    cookies: outcome.headers.filter(([name]) => name.toLowerCase() === 'cookie').map(([, value]) => value),
    response: [],
    body: '',
  };
}
