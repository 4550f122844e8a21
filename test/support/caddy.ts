import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll } from 'vitest';
import { describeWith } from './component.ts';
import { findTool, type GoTool, toolBinary } from './go-tool.ts';
import { findProgram, type Program, startProgram } from './program.ts';
import { tempDirectory } from './temp.ts';

/** The version that `test/caddy/go.mod` pins. */
export const CADDY_VERSION = 'v2.11.9';

/** Compiling it takes three minutes on two cores, downloading its modules as long again. */
const BUILD_TIMEOUT_MS = 15 * 60_000;

const CADDY: GoTool = {
  name: 'caddy',
  version: CADDY_VERSION,
  module: 'test/caddy',
  main: 'github.com/caddyserver/caddy/v2/cmd/caddy',
};

export interface CaddyOptions {
  readonly binary: string;
  /** The Caddyfile's sites, without a block of global options in front. */
  readonly sites: string;
  /** Lines of the global options, in addition to those that keep Caddy to itself and to loopback. */
  readonly global?: readonly string[];
  /** The ports that it listens on. */
  readonly ports: readonly number[];
}

/**
 * `describe` with each of the Caddys that behave differently: the one that
 * Debian has (2.6) and a current one; `binary()` is its path once tests run.
 */
export function describeCaddy(title: string, body: (binary: () => string) => void): void {
  const installed = findProgram('caddy', 'POSTERN_CADDY_BIN');
  const howToInstall = 'Install it (apt-get install caddy) or name one with POSTERN_CADDY_BIN.';
  describeWith('the installed Caddy', howToInstall, installed, `${title}: installed Caddy`, binary => {
    body(() => binary);
  });
  const source = findTool(CADDY, ['POSTERN_NEW_CADDY_BIN']);
  const howToBuild = 'Install Go (it is then built from test/caddy) or name one with POSTERN_NEW_CADDY_BIN.';
  describeWith(`Caddy ${CADDY_VERSION}`, howToBuild, source, `${title}: Caddy ${CADDY_VERSION}`, found => {
    let path = '';
    beforeAll(async () => {
      path = await toolBinary(CADDY, found);
    }, BUILD_TIMEOUT_MS);
    body(() => path);
  });
}

/** Starts Caddy in a directory of its own, without its admin interface and without certificates from outside. */
export async function startCaddy({ binary, sites, global = [], ports }: CaddyOptions): Promise<Program> {
  const directory = tempDirectory();
  const file = join(directory, 'Caddyfile');
  const options = ['admin off', 'skip_install_trust', 'auto_https disable_redirects', ...global];
  const block = options.map(line => `\t${line}\n`).join('');
  writeFileSync(file, `{\n${block}\tdefault_bind 127.0.0.1\n}\n\n${sites}`);
  return startProgram({
    command: binary,
    args: ['run', '--config', file, '--adapter', 'caddyfile'],
    directory,
    ports,
    // It keeps certificates and the last configuration where these say.
    env: { XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
  });
}
