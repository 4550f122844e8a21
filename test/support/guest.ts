import { readFileSync } from 'node:fs';
import { createGuestPool, type GuestOutcome, type GuestPool } from '../../host/proxy/guest-pool.ts';

const wasm = readFileSync(new URL('../../dist/plugin.wasm', import.meta.url));
const keys = JSON.parse(readFileSync(new URL('../cases/grant/keys.json', import.meta.url), 'utf8')) as {
  guestText: string;
};

/** Text of the guest key that the vectors use. */
export const GUEST_KEY = keys.guestText;

export interface GuestTest {
  readonly pool: GuestPool;
  /** Log lines so far. */
  readonly lines: string[];
  /** One request on an instance of its own use; fails the test on a trap. */
  ask(request: GuestAsk): GuestOutcome;
}

export interface GuestAsk {
  readonly method?: string;
  readonly host?: string;
  readonly uri?: string;
  readonly scheme?: string;
  /** Default a public address. */
  readonly from?: string;
  readonly headers?: readonly (readonly [string, string])[];
}

/** `dist/plugin.wasm` with this plugin configuration, in the embedded runtime. */
export function startGuest(
  config: object,
  options: {
    readonly key?: string;
    readonly mounts?: Readonly<Record<string, string>>;
    readonly now?: () => number;
  } = {},
): GuestTest {
  const lines: string[] = [];
  const pool = createGuestPool({
    wasm,
    config,
    env: options.key === '' ? {} : { POSTERN_GUEST_KEY: options.key ?? GUEST_KEY },
    mounts: options.mounts ?? {},
    log: (_level, message) => lines.push(message),
    ...(options.now && { now: options.now }),
  });
  return {
    pool,
    lines,
    ask({
      method = 'GET',
      host = 'a.test',
      uri = '/',
      scheme = 'https',
      from = '203.0.113.9:1234',
      headers = [],
    }) {
      const guest = pool.acquire();
      try {
        const outcome = guest.handle({
          method,
          uri,
          headers: [['Host', host], ['X-Forwarded-Proto', scheme], ...headers],
          sourceAddress: from,
        });
        if (outcome.trap !== undefined) throw new Error(`the guest trapped: ${outcome.trap}`);
        return outcome;
      } finally {
        guest.release();
      }
    },
  };
}

/** Value of a request header after the guest, undefined when it is gone. */
export function header(outcome: GuestOutcome, name: string): string | undefined {
  return outcome.headers.find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1];
}
