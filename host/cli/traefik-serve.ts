import { systemClock } from '../clock.ts';
import { jsonReply } from '../http/reply.ts';
import { createRouter, type Handler } from '../http/router.ts';
import { startHttpServer } from '../http/server.ts';
import { createLogger, type Logger } from '../log/logger.ts';
import { rateLimited } from '../log/rate-limit.ts';
import { CommandError, EXIT_USAGE, type Io, wantsColour } from './io.ts';

export const SERVE_PATH = '/traefik.json';
export const DEFAULT_LISTEN = '127.0.0.1:9092';
/** Traefik asks every five seconds unless it is told otherwise; several may ask. */
const REFRESH_MS = 1_000;

/**
 * `postern traefik --serve`: the dynamic part for Traefik's HTTP provider, made
 * anew from the configuration and the secret when somebody asks. What cannot be
 * made leaves the one before in force; the first must succeed.
 *
 * @param make throws what is wrong with the configuration
 * @param listen `HOST:PORT`
 */
export async function serveDynamic(make: () => object, listen: string, io: Io): Promise<void> {
  const endpoint = readListen(listen);
  const log = createLogger({
    level: 'info',
    format: io.stderr.isTTY ? 'text' : 'json',
    colour: wantsColour(io.stderr, io.env),
    write: line => io.stderr.write(line),
  });
  const current = refreshed(make, log);
  current();
  // Whoever reads it knows by which verdicts the routers let pass.
  if (!isLoopback(endpoint.host)) log.warn('not a loopback address: let nobody but Traefik reach it');
  const answer: Handler = () => jsonReply(200, current());
  // A proxy that asks here for leave to pass is refused, as by the host.
  const router = createRouter([{ path: SERVE_PATH, kind: 'operator', handler: answer }], log);
  const server = await startHttpServer(endpoint, router, log).catch((error: unknown) => {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new CommandError(`--listen ${listen}: cannot listen there (${why}): name another address`);
  });
  io.stdout.write(`postern: Traefik's configuration is at ${server.address}${SERVE_PATH}\n`);
  await new Promise<void>(resolve => {
    if (io.signal.aborted) resolve();
    else io.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await server.close();
}

/** Made at most once in REFRESH_MS; the last good one when making fails, which is told once. */
function refreshed(make: () => object, log: Logger): () => object {
  const limited = rateLimited(log, systemClock);
  let made: { readonly value: object; readonly text: string } | undefined;
  let madeAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = systemClock.monotonic();
    if (made !== undefined && now - madeAt < REFRESH_MS) return made.value;
    try {
      const value = make();
      const text = JSON.stringify(value);
      if (made !== undefined && made.text !== text) log.info("Traefik's configuration has changed");
      made = { value, text };
    } catch (error) {
      if (made === undefined) throw error;
      const why = error instanceof Error ? error.message : String(error);
      limited.error('the configuration cannot be used, what was made of the one before is served', {
        error: why,
      });
    }
    madeAt = now;
    return made.value;
  };
}

function readListen(text: string): { host: string; port: number } {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port > 65_535) {
    throw new CommandError(`--listen ${text}: must be HOST:PORT, for example ${DEFAULT_LISTEN}`, EXIT_USAGE);
  }
  return { host: match[1].replace(/^\[|\]$/g, ''), port };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
