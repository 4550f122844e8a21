import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { createApp, LINGER_MS, liveSettings } from '../app.ts';
import { systemClock } from '../clock.ts';
import { ConfigError, formatProblem } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import type { ElasticClient } from '../elastic/client.ts';
import { OfficialClient } from '../elastic/official-client.ts';
import { isQuick, lintWith } from '../lint/lint.ts';
import { createLogger, type Logger } from '../log/logger.ts';
import { rateLimited } from '../log/rate-limit.ts';
import type { Engine } from '../policy/engine.ts';
import { loadEngine } from '../policy/load-engine.ts';
import { ConfigReloader } from '../reload/config-reloader.ts';
import { openStoreInTime } from '../store/late.ts';
import { type Store, StoreError } from '../store/store.ts';
import { openTokensFile, type TokensFile } from '../tokens/registry.ts';
import { checkUsersFile } from '../users/check-users-file.ts';
import { openFileDirectory } from '../users/file-directory.ts';
import { engineFile } from './engine-file.ts';
import { CommandError, type Io, wantsColour } from './io.ts';
import { configFile, configOption } from './options.ts';

/** `postern serve`: the running service, until the signal aborts. */
export function serveCommand(io: Io): Command {
  return new Command('serve')
    .description('answer forward-auth requests and write the guest directory')
    .addOption(configOption())
    .addHelpText(
      'after',
      `
Runs until SIGINT or SIGTERM. A change of the configuration, of users or of tokens counts within two
seconds; SIGHUP has the configuration read at once. The log goes to standard error: text on a terminal,
a line of JSON each in a pipe.

The root secret is read from POSTERN_SECRET_FILE, POSTERN_SECRET or the configuration file.

Exit codes: 0 stopped by a signal, 1 it cannot start, 2 called wrongly.

Examples:
  POSTERN_SECRET_FILE=postern.secret postern serve
  POSTERN_SECRET_FILE=/etc/postern/secret postern serve --config /etc/postern/postern.yml
  POSTERN_LOG_LEVEL=debug POSTERN_SECRET_FILE=postern.secret postern serve`,
    )
    .action(async (options: { config?: string }) => {
      await serve(configFile(options.config, io), io);
    });
}

async function serve(file: string, io: Io): Promise<void> {
  try {
    await run(file, io);
  } catch (error) {
    if (isListenError(error)) throw new CommandError(listenMessage(error));
    if (error instanceof StoreError) throw new CommandError(`storage: ${error.message}`);
    throw error;
  }
}

async function run(file: string, io: Io): Promise<void> {
  const engine = loadEngine(engineFile());
  const lint = lintWith(() => loadEngine(engineFile()));
  const reloader = new ConfigReloader(file, {
    env: io.env,
    isTerminal: io.stderr.isTTY,
    createEngine: () => loadEngine(engineFile()),
    checkUsers: checkUsersFile,
    lint,
    // Advice about thousands of rules takes a second, in which nobody would be answered.
    liveLint: (document, lineOf) => (isQuick(document) ? lint(document, lineOf) : []),
    clock: systemClock,
  });
  const { config, warnings, locate } = reloader.initial;
  const log = createLogger({
    ...config.log,
    colour: wantsColour(io.stderr, io.env),
    write: line => io.stderr.write(line),
  });
  for (const warning of warnings) log.warn(formatProblem(warning));

  const directory = openFileDirectory(config.usersFile, {
    watch: config.usersWatch,
    search: config.usersSearch,
    onStatus: (status, changed) => {
      if (status.ok) log.info('users file read', { users: status.users, changed: changed.length });
      else reportUsersFile(log, status.problems.map(formatProblem), () => app.usersFileFailed());
    },
  });
  const tokens = config.tokens === undefined ? undefined : followTokens(config.tokens.file, engine, log);
  const database = await openStorage(config, log);
  const app = createApp(config, {
    engine,
    image: reloader.initialImage,
    directory,
    database,
    ...(tokens === undefined ? {} : { tokens }),
    usersOk: () => directory.status().ok,
    configStatus: () => reloader.status(),
    elastic: elasticClient(config, log),
    clock: systemClock,
    random: randomBytes,
    log,
  });
  reloader.follow({
    log,
    apply(next, image) {
      app.reload(liveSettings(next, image));
      log.setLevel(next.log.level);
    },
    onRead: result => app.configRead(result),
  });
  io.onHangup?.(() => void reloader.reread());
  try {
    const server = await app.start(io.signal).catch(error => {
      throw error instanceof ConfigError ? new ConfigError(error.problems.map(locate)) : error;
    });
    if (server === undefined) return;
    io.stdout.write(`postern: listening on ${server.address}, guest directory ${config.guest.directory}\n`);
    log.info('ready', { address: server.address, directory: config.guest.directory });
    await aborted(io.signal);
    log.info('stopping');
  } finally {
    reloader.close();
    await app.stop(LINGER_MS);
    await database?.close();
    directory.close();
    tokens?.close();
  }
  log.info('stopped');
}

async function openStorage(
  { storage, secret, previousSecret }: Config,
  log: Logger,
): Promise<Store | undefined> {
  if (storage === undefined) return undefined;
  const deps = { secret, previousSecret, random: randomBytes };
  return openStoreInTime(storage, deps, {
    onAway: ({ message }) =>
      log.error('started without the database: passwords and tokens are judged, whatever needs it waits', {
        error: message,
      }),
    onOpened: () => log.info('the database is there, and used from now on'),
  });
}

function elasticClient({ elasticsearch }: Config, log: Logger): ElasticClient | undefined {
  if (elasticsearch?.access === undefined || elasticsearch.dryRun) return undefined;
  const limited = rateLimited(log, systemClock);
  return new OfficialClient(elasticsearch.access, ({ host, code, message, hint }) =>
    limited.warn('a host of Elasticsearch is passed over, and the next one asked', {
      host,
      code,
      error: message,
      hint,
    }),
  );
}

function followTokens(file: string, engine: Engine, log: Logger): TokensFile {
  return openTokensFile(file, {
    engine,
    onStatus({ ok, tokens, problems }, changed) {
      if (ok) log.info('tokens file read', { users: tokens, changed: changed.length });
      for (const problem of problems) {
        log.error(
          `the tokens file cannot be used, the tokens read before stay in force: ${formatProblem(problem)}`,
        );
      }
    },
  });
}

function reportUsersFile(log: Logger, problems: readonly string[], count: () => void): void {
  count();
  for (const problem of problems) {
    log.error(`the users file cannot be used, the users read before stay in force: ${problem}`);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

interface ListenError extends Error {
  readonly code: string;
  readonly syscall: 'listen';
  readonly address: string;
  readonly port: number;
  /** Where the address stands, if not in `server.address`. */
  readonly key?: string;
}

function isListenError(error: unknown): error is ListenError {
  return error instanceof Error && 'syscall' in error && error.syscall === 'listen' && 'port' in error;
}

function listenMessage({ code, address, port, key = 'server.address' }: ListenError): string {
  const where = `${key}: cannot listen on ${port > 0 ? `${address}:${port}` : address}`;
  return code === 'EADDRINUSE'
    ? `${where} (another program listens there): stop that program, or set another address`
    : `${where} (${code}): set another address`;
}
