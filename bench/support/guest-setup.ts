import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { guestDirectory } from '../../test/support/temp.ts';
import { writeGuestFiles } from './guest-directory.ts';
import {
  accessControl,
  authorizationOf,
  BROWSER_HEADERS,
  DOMAIN,
  PATH,
  PROGRAM_HEADERS,
  PROXY_HEADERS,
  PUBLIC_DOMAIN,
  principals,
} from './policy.ts';
import { assemble } from './wat.ts';

/** More principals than an instance remembers, in turn: each is read from the table. */
const PRINCIPALS = 24;

export interface GuestSetup {
  readonly home: string;
  /** File for the Go benchmark, what `bench/guest/bench_test.go` calls `setup`. */
  readonly setup: string;
  readonly imageBytes: number;
  /** Another file like `setup`, with another plugin or other host calls. */
  variant(name: string, changes: { readonly plugin?: string; readonly calls?: string }): string;
  /** Ends the heartbeat. */
  stop(): void;
}

/** A guest directory with the seed's rules, fifty more and a grant for each principal; the guests to measure. */
export function guestSetup(): GuestSetup {
  const home = guestDirectory();
  const accounts = principals(PRINCIPALS);
  const files = writeGuestFiles(home, { access_control: accessControl() }, accounts);
  const floor = join(home, 'floor.wasm');
  writeFileSync(floor, assemble('floor'));
  const calls = join(home, 'calls.wasm');
  writeFileSync(calls, assemble('calls'));
  const given = {
    plugin: join(process.cwd(), 'dist/plugin.wasm'),
    floor,
    calls,
    directory: files.directory,
    keyDirectory: files.keyDirectory,
    domain: DOMAIN,
    publicDomain: PUBLIC_DOMAIN,
    path: PATH,
    headers: { ...BROWSER_HEADERS, ...PROXY_HEADERS },
    programHeaders: { ...PROGRAM_HEADERS, ...PROXY_HEADERS },
    authorizations: accounts.map(({ username }) => authorizationOf(username)),
    stranger: authorizationOf('nobody'),
  };
  const variant = (name: string, changes: object) => {
    const path = join(home, `${name}.json`);
    writeFileSync(path, JSON.stringify({ ...given, ...changes }));
    return path;
  };
  return {
    home,
    setup: variant('setup', {}),
    imageBytes: files.imageBytes,
    variant,
    stop: () => files.stop(),
  };
}
