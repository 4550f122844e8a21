import type { Usage } from '../tokens/last-use.ts';
import { formatTime } from '../tokens/time.ts';
import { type ServiceAccount, stateOf } from '../tokens/token.ts';
import type { Io } from './io.ts';
import { writeTable } from './table.ts';

/** A service account as `postern token list` shows it; nothing in it helps to use it. */
export interface ListedToken {
  readonly name: string;
  readonly state: string;
  readonly displayname: string;
  readonly owner: string;
  readonly description: string;
  readonly email: string;
  readonly groups: readonly string[];
  readonly networks: readonly string[];
  readonly created: string | null;
  readonly expires: string | null;
  readonly last_used: string | null;
  readonly secrets: readonly {
    readonly id: string;
    readonly kind: 'made' | 'imported';
    readonly created: string | null;
    readonly expires: string | null;
    readonly last_used: string | null;
  }[];
}

/** @param now milliseconds since 1970 */
export function listed(account: ServiceAccount, usage: Usage, now: number): ListedToken {
  const { principal, secrets } = account;
  const times = usage.get(principal.username);
  return {
    name: principal.username,
    state: stateOf(account, now),
    displayname: principal.displayName,
    owner: account.owner,
    description: account.description,
    email: principal.email,
    groups: principal.groups,
    networks: account.networkNames,
    created: text(account.created),
    expires: text(account.expires),
    last_used: text(lastUseOf(account, usage)),
    secrets: secrets.map(secret => ({
      id: secret.id,
      kind: secret.digest.startsWith('sha256:') ? 'made' : 'imported',
      created: text(secret.created),
      expires: text(secret.expires),
      last_used: text(times?.get(secret.id)),
    })),
  };
}

/** Nobody has used it since `before`; what was made later has not had the time. */
export function isStale(account: ServiceAccount, usage: Usage, before: number): boolean {
  return (lastUseOf(account, usage) ?? account.created ?? 0) < before;
}

function lastUseOf(account: ServiceAccount, usage: Usage): number | undefined {
  const times = account.secrets.flatMap(({ id }) => usage.get(account.principal.username)?.get(id) ?? []);
  return times.length === 0 ? undefined : Math.max(...times);
}

const HEADINGS = ['NAME', 'STATE', 'OWNER', 'GROUPS', 'NETWORKS', 'EXPIRES', 'LAST USED', 'SECRETS'];

export function writeList(io: Io, tokens: readonly ListedToken[]): void {
  const rows = tokens.map(token => [
    token.name,
    token.state,
    token.owner || '-',
    token.groups.join(',') || '-',
    token.networks.join(',') || '-',
    shortTime(io, token.expires) ?? 'never',
    shortTime(io, token.last_used) ?? 'never',
    token.secrets.map(secret => secret.id).join(','),
  ]);
  writeTable(io, HEADINGS, rows);
}

/** People want the day, programs the second. */
function shortTime(io: Io, time: string | null): string | undefined {
  if (time === null) return undefined;
  return io.stdout.isTTY ? time.slice(0, 16).replace('T', ' ') : time;
}

function text(time: number | undefined): string | null {
  return time === undefined ? null : formatTime(time);
}
