import { gunzipSync } from 'node:zlib';

/** A dump is text of a few kilobytes; more is no dump. */
const MAX_UNPACKED = 64 * 1024 * 1024;
const BLOCK = 512;

/**
 * The static configuration in a support dump (`/api/support-dump`, a gzipped
 * ustar archive), parsed; undefined when it is not there. Traefik has blacked
 * out names, paths and secrets in it.
 */
export function staticConfigOf(dump: Uint8Array): unknown {
  try {
    const text = fileOf(gunzipSync(dump, { maxOutputLength: MAX_UNPACKED }), 'static-config.json');
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** POSIX.1-1988 ustar: a header block per file with name at 0 and octal size at 124, then its content in whole blocks. */
function fileOf(tar: Buffer, wanted: string): string | undefined {
  for (let at = 0; at + BLOCK <= tar.length; ) {
    const name = tar.toString('latin1', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 136), 8);
    if (name === '' || !(size >= 0)) return undefined;
    const start = at + BLOCK;
    if (name === wanted) return tar.toString('utf8', start, start + size);
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}
