import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll } from 'vitest';
import { describeWith } from './component.ts';

/** The version that `test/traefik/go.mod` pins. */
export const TRAEFIK_VERSION = 'v3.7.9';

/** Compiling Traefik takes five minutes on two cores, downloading its modules as long again. */
const BUILD_TIMEOUT_MS = 20 * 60_000;

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const built = join(root, '.cache', `traefik-${TRAEFIK_VERSION}`, 'traefik');

/** Where Traefik is to be had: a binary, or Go to build one. */
export type TraefikSource = { readonly binary: string } | { readonly go: string };

/** POSTERN_TRAEFIK_BIN, TRAEFIK_BIN, one built before, or Go; undefined when there is none. */
export function findTraefik(): TraefikSource | undefined {
  const { POSTERN_TRAEFIK_BIN, TRAEFIK_BIN } = process.env;
  const named = POSTERN_TRAEFIK_BIN || TRAEFIK_BIN;
  if (named) {
    if (!existsSync(named)) throw new Error(`no Traefik at ${named}, which the environment names`);
    return { binary: named };
  }
  if (existsSync(built)) return { binary: built };
  for (const go of ['go', '/usr/local/go/bin/go']) {
    try {
      execFileSync(go, ['version'], { stdio: 'ignore' });
      return { go };
    } catch {
      // Try the next.
    }
  }
  return undefined;
}

/** Path of a Traefik that runs, built where it is not there yet. */
export async function traefikBinary(source: TraefikSource): Promise<string> {
  if ('binary' in source) return source.binary;
  if (existsSync(built)) return built;
  process.stderr.write(`building Traefik ${TRAEFIK_VERSION}, once; this takes some minutes\n`);
  mkdirSync(dirname(built), { recursive: true });
  const unfinished = `${built}.${process.pid}`;
  const args = ['build', '-ldflags=-s -w', '-o', unfinished, 'github.com/traefik/traefik/v3/cmd/traefik'];
  await promisify(execFile)(source.go, args, {
    cwd: join(root, 'test/traefik'),
    env: { ...process.env, CGO_ENABLED: '0' },
  });
  renameSync(unfinished, built);
  return built;
}

/** `describe` with a real Traefik; `binary()` is its path once the tests run. */
export function describeTraefik(title: string, body: (binary: () => string) => void): void {
  const howToGet = 'Install Go (it is then built from test/traefik) or name one with POSTERN_TRAEFIK_BIN.';
  describeWith(`Traefik ${TRAEFIK_VERSION}`, howToGet, findTraefik(), title, source => {
    let path = '';
    beforeAll(async () => {
      path = await traefikBinary(source);
    }, BUILD_TIMEOUT_MS);
    body(() => path);
  });
}
