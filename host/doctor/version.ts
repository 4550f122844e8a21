/** A version's numbers; what stands behind them (`-rc.1`) does not count. */
export type Version = readonly [major: number, minor: number, patch: number];

/** Undefined for what carries no numbers, such as `dev`. */
export function readVersion(text: string): Version | undefined {
  const [, major, minor, patch] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(text) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor), Number(patch)];
}

export function isBefore(version: Version, other: Version): boolean {
  const at = version.findIndex((number, i) => number !== other[i]);
  return at >= 0 && (version[at] ?? 0) < (other[at] ?? 0);
}

/** Where Traefik learned what Postern needs or has to know of; from its migration notes. */
export const SINCE = {
  parentRefs: [3, 6, 0],
  /** forwardAuth's; a file with a field that is not known is refused as a whole. */
  maxResponseBodySize: [3, 6, 9],
  /** Names with dots and the like, not only underscores. */
  aliasHeadersStrategy: [3, 7, 12],
} as const satisfies Record<string, Version>;

/** Releases of Traefik that answer 400 to `%2F` and the like before any middleware, unless told otherwise. */
export const REFUSE_ENCODED: readonly [from: Version, before: Version] = [
  [3, 6, 4],
  [3, 6, 7],
];

/** What Postern is tested with. */
export const TESTED: Version = [3, 7, 9];
