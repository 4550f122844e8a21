import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { startDemoBackend } from '../demo/backend.ts';
import { DEMO_DOMAIN, type DemoFiles, SERVICE_ACCOUNT, writeDemoFiles } from '../demo/files.ts';
import { type Front, startEmbeddedFront, startTraefikFront } from '../demo/front.ts';
import { findProgram, startProgram } from '../demo/program.ts';
import { endTour, type Step, tour } from '../demo/tour.ts';
import { CommandError, type Io } from './io.ts';
import { wholeNumber } from './options.ts';
import { traefikSetup } from './traefik-setup.ts';

/** Tried first, so that the commands to try look familiar. */
const PREFERRED_PORT = 8080;
/** Below those that systems give to outgoing connections, which may take one before the host listens on it. */
const ANY_PORT = { first: 10_000, end: 32_768 };
const MAX_TRIES = 100;

interface DemoOptions {
  readonly once?: boolean;
  readonly json?: boolean;
  readonly port?: number;
  readonly embedded?: boolean;
}

/** `postern demo`: the service-account set-up, running, in a temporary folder. */
export function demoCommand(io: Io): Command {
  return new Command('demo')
    .description('show a guarded service in a temporary folder: secret, users, rules, host and proxy')
    .option('--once', 'make the requests and end')
    .option('--json', 'print the requests as JSON and end')
    .option(
      '-p, --port <port>',
      `port of the proxy (default ${PREFERRED_PORT}, else a free one)`,
      wholeNumber(1, 65_535),
    )
    .option('--embedded', 'use the embedded proxy even when Traefik is there')
    .addHelpText(
      'after',
      `
Traefik is taken from TRAEFIK_BIN or the PATH; without one the embedded proxy
runs the same plugin.

Examples:
  postern demo
  TRAEFIK_BIN=./traefik postern demo --once
  postern demo --json | jq '.steps[] | {request, status}'`,
    )
    .action((options: DemoOptions) => demo(options, io));
}

async function demo(options: DemoOptions, io: Io): Promise<void> {
  const say = (text: string): void => {
    if (options.json !== true) io.stdout.write(`${text}\n`);
  };
  const { signal } = io;
  const undo: (() => Promise<void> | void)[] = [];
  try {
    const hostPort = await freePort(anyPort());
    const port = options.port ?? (await freePort(PREFERRED_PORT));
    say('Making secret, users and rules …');
    const files = await writeDemoFiles(hostPort);
    undo.push(() => files.remove());
    const backend = await startDemoBackend();
    undo.push(() => backend.close());
    say('Starting host and proxy …');
    const bundle = fileURLToPath(import.meta.url);
    const host = await startProgram(
      process.execPath,
      [bundle, 'serve', '--config', files.configFile],
      { cwd: files.home, env: { PATH: io.env.PATH ?? '', POSTERN_SECRET: files.secret } },
      output => output.includes('listening on'),
    );
    undo.push(() => host.stop());
    const front = await startFront(options, io, files, { hostPort, backendUrl: backend.url, port });
    undo.push(() => front.stop());
    say(`The proxy is ${front.name}.\n`);

    const steps: Step[] = [];
    for await (const step of tour(port, files.passwords[SERVICE_ACCOUNT] ?? '')) {
      if (signal.aborted) return;
      if (steps.length === 0) say(row('REQUEST', 'AS', 'STATUS', 'TIME', ''));
      steps.push(step);
      say(row(step.request, step.as, String(step.status), `${step.milliseconds.toFixed(1)} ms`, step.what));
    }
    if (options.json === true)
      io.stdout.write(`${JSON.stringify({ proxy: front.name, steps }, undefined, 2)}\n`);
    if (options.once === true || options.json === true) return;
    say(whatToTry(files, port));
    await new Promise<void>(done => {
      if (signal.aborted) done();
      else signal.addEventListener('abort', () => done(), { once: true });
    });
    say('\nStopping …');
  } catch (error) {
    // Ctrl-C ends host and Traefik as well: that they are gone is no mistake then.
    if (signal.aborted) return;
    throw new CommandError(error instanceof Error ? error.message : String(error));
  } finally {
    endTour();
    for (const step of undo.reverse()) await step();
  }
}

function startFront(
  options: DemoOptions,
  io: Io,
  files: DemoFiles,
  servers: { readonly hostPort: number; readonly backendUrl: string; readonly port: number },
): Promise<Front> {
  const { hostPort, backendUrl, port } = servers;
  const hostAddress = `http://127.0.0.1:${hostPort}`;
  const setup = traefikSetup({
    domains: [{ domain: DEMO_DOMAIN, service: backendUrl }],
    guestKey: files.guestKey,
    hostAddress,
    directory: files.guestDirectory,
    keyFile: files.keyFile,
    entryPoints: { web: `127.0.0.1:${port}` },
    tls: false,
  });
  const common = { files, dist: dirname(fileURLToPath(import.meta.url)), setup, port };
  const binary =
    options.embedded === true ? undefined : io.env.TRAEFIK_BIN || findProgram('traefik', io.env.PATH);
  return binary === undefined
    ? startEmbeddedFront({ ...common, hostAddress, backendUrl })
    : startTraefikFront(resolve(binary), common);
}

function row(request: string, as: string, status: string, time: string, what: string): string {
  return `${request.padEnd(21)}${as.padEnd(20)}${status.padEnd(8)}${time.padStart(10)}  ${what}`.trimEnd();
}

function whatToTry(files: DemoFiles, port: number): string {
  const url = `http://${DEMO_DOMAIN}:${port}`;
  return `
Try yourself:
  curl -i -u '${SERVICE_ACCOUNT}:${files.passwords[SERVICE_ACCOUNT]}' ${url}/api/push/alive
  curl -i -u 'john:${files.passwords.john}' ${url}/        a person: two factors are asked for, a password is refused
Change ${files.home}/users.yml, for example remove a group or add \`disabled: true\`,
and ask again: the change holds within two seconds.
Rules: ${files.configFile}

Ctrl-C ends everything and removes the folder.`;
}

/** `wanted` when nothing listens there, else another one. */
async function freePort(wanted: number): Promise<number> {
  for (const port of [wanted, ...Array.from({ length: MAX_TRIES }, anyPort)]) {
    if (await isFree(port)) return port;
  }
  throw new CommandError('no free port on 127.0.0.1');
}

function anyPort(): number {
  return randomInt(ANY_PORT.first, ANY_PORT.end);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise(resolve => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
