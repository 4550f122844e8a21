import type { StoredUser } from './client.ts';
import type { ElasticPasswords } from './password.ts';

/** Where a user is known from: only those of the directory can be found gone. */
export type Source = 'directory' | 'headers';

/** Key of ours in a user's `metadata`. Elasticsearch keeps those that begin with `_` to itself. */
export const MARK_KEY = 'postern';

/** What stands there: that we made the user, and which of its passwords counts. */
export interface Mark {
  /** The user's name as its directory has it. */
  readonly user: string;
  readonly source: Source;
  /** From 1. */
  readonly generation: number;
  /** `ElasticPasswords.mark`. */
  readonly key: string;
  /** When this generation began, ISO 8601. */
  readonly since: string;
}

/** A password of every day for 5 million years; more is nothing we wrote. */
const MAX_GENERATION = 0x7fff_ffff;

export type Owner =
  /** Elasticsearch's own: `elastic`, `kibana_system`, … */
  | { readonly kind: 'reserved' }
  /** Made by a person or another program. */
  | { readonly kind: 'foreign' }
  /** Made by a Postern whose root secret is not ours. */
  | { readonly kind: 'other-secret' }
  /** `isCurrent`: its password comes from the present root secret, not the previous one. */
  | { readonly kind: 'ours'; readonly mark: Mark; readonly isCurrent: boolean };

/**
 * Users that Elasticsearch has by itself, or acts as within: the first are told
 * by `_reserved`, unless their realm is switched off, the others are not told at
 * all, and a user of such a name could not be told from it in its audit log.
 */
const BUILT_IN: ReadonlySet<string> = new Set([
  'elastic',
  'kibana',
  'kibana_system',
  'logstash_system',
  'beats_system',
  'apm_system',
  'remote_monitoring_user',
  '_anonymous',
  '_async_search',
  '_cross_cluster_access',
  '_data_stream_lifecycle',
  '_lazy_rollover',
  '_reindex_data_stream',
  '_security_profile',
  '_storage',
  '_synonyms',
  '_system',
]);

/** Whether the name is one of Elasticsearch's own, whoever may have it there. */
export function isBuiltIn(elasticName: string): boolean {
  return BUILT_IN.has(elasticName) || elasticName.startsWith('_xpack');
}

/** Who made a user, and so whether we may change it. */
export function ownerOf(
  { name, metadata }: StoredUser,
  passwords: ElasticPasswords,
  previous: ElasticPasswords | undefined,
): Owner {
  if (metadata._reserved === true || isBuiltIn(name)) return { kind: 'reserved' };
  const mark = readMark(metadata[MARK_KEY]);
  if (mark === undefined) return { kind: 'foreign' };
  const isCurrent = passwords.isMark(mark.key, name, mark.generation);
  if (!isCurrent && previous?.isMark(mark.key, name, mark.generation) !== true) {
    return { kind: 'other-secret' };
  }
  return { kind: 'ours', mark, isCurrent };
}

function readMark(raw: unknown): Mark | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { user, source, generation, key, since } = raw as Record<string, unknown>;
  if (typeof user !== 'string' || typeof key !== 'string') return undefined;
  if (typeof generation !== 'number' || !Number.isInteger(generation)) return undefined;
  if (generation < 1 || generation > MAX_GENERATION) return undefined;
  return {
    user,
    // What is not known to come from the directory is never disabled for missing there.
    source: source === 'directory' ? 'directory' : 'headers',
    generation,
    key,
    since: typeof since === 'string' ? since : '',
  };
}
