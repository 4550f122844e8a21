import { beforeAll } from 'vitest';
import { describeWith } from './component.ts';
import { findTool, type GoTool, type ToolSource, toolBinary } from './go-tool.ts';

/** The version that `test/traefik/go.mod` pins. */
export const TRAEFIK_VERSION = 'v3.7.9';

/** Compiling Traefik takes five minutes on two cores, downloading its modules as long again. */
const BUILD_TIMEOUT_MS = 20 * 60_000;

const TRAEFIK: GoTool = {
  name: 'traefik',
  version: TRAEFIK_VERSION,
  module: 'test/traefik',
  main: 'github.com/traefik/traefik/v3/cmd/traefik',
};

/** POSTERN_TRAEFIK_BIN, TRAEFIK_BIN, one built before, or Go; undefined when there is none. */
export function findTraefik(): ToolSource | undefined {
  return findTool(TRAEFIK, ['POSTERN_TRAEFIK_BIN', 'TRAEFIK_BIN']);
}

/** Path of a Traefik that runs, built where it is not there yet. */
export function traefikBinary(source: ToolSource): Promise<string> {
  return toolBinary(TRAEFIK, source);
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
