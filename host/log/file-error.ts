/** The system's name for what went wrong, e.g. `EACCES`. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** No room: on the disk, in a tmpfs of fixed size, in a quota. */
export function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error));
}

/** For a log line: what went wrong with a file, and what mends it. Names no content. */
export function fileError(error: unknown): { readonly error: string; readonly hint?: string } {
  const hint = HINTS[codeOf(error)];
  return { error: String(error), ...(hint === undefined ? {} : { hint }) };
}

const FULL =
  'remove what does not belong there, or give it more room (a tmpfs: `mount -o remount,size=64m …`); no restart is needed';
const GONE = 'make the directory again with mode 750, or mount it again';
const FORBIDDEN = 'make it belong to the user that Postern runs as, with mode 750';

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EROFS: 'mount it writable for the host; only the proxy needs it read-only',
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  ENOENT: GONE,
  ENOTDIR: GONE,
  EISDIR: 'remove the directory that stands in place of the file',
};
