import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describeWith } from './component.ts';
import { type CertificateFiles, certificateAuthority } from './elasticsearch/certificates.ts';
import { freePort, freePorts } from './net.ts';
import { findProgram, type Program, startProgram } from './program.ts';
import { tempDirectory } from './temp.ts';
import { waitUntil } from './wait.ts';

/** `describe` with the installed redis-server. */
export function describeRedis(title: string, body: (binary: string) => void): void {
  describeWith(
    'redis-server',
    'Install it (apt-get install redis-server) or name one with POSTERN_REDIS_BIN.',
    findProgram('redis-server', 'POSTERN_REDIS_BIN'),
    title,
    body,
  );
}

/** A real redis-server; nothing of it outlives the test. */
export interface RedisServer {
  readonly port: number;
  readonly directory: string;
  /** For the test's own questions; `redis-cli` of the server, with its rights. */
  cli(...args: string[]): string;
  /** Everything that it holds, as text: names, values, members. */
  dump(): string;
  /** Stops it as an operator would. */
  stop(): Promise<void>;
  /** On the same port, with what it saved: nothing unless `args` say otherwise. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay, nobody answers. */
  freeze(): Promise<void>;
  thaw(): void;
  /** CPU time used so far. */
  cpuTimeMs(): number;
}

export interface RedisOptions {
  readonly binary: string;
  /** As on the command line, for example `['--requirepass', 'x']`. */
  readonly args?: readonly string[];
  readonly port?: number;
  /** What redis-cli needs to get in. */
  readonly cliArgs?: readonly string[];
  /** It listens on a Unix socket alone: `redis.sock` in its directory. */
  readonly onlySocket?: boolean;
  readonly directory?: string;
}

export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const { binary, args = [], cliArgs = [], onlySocket = false } = options;
  const port = options.port ?? (await freePort());
  const directory = options.directory ?? tempDirectory();
  const socket = join(directory, 'redis.sock');
  const where = onlySocket ? ['--port', '0', '--unixsocket', socket] : ['--port', String(port)];
  const start = () =>
    startProgram({
      command: binary,
      args: [
        '--bind',
        '127.0.0.1',
        ...where,
        '--save',
        '',
        '--appendonly',
        'no',
        '--dir',
        directory,
        ...args,
      ],
      directory,
      ports: onlySocket ? [] : [port],
    });
  let program: Program = await start();
  const cli = (...rest: string[]): string => {
    const to = onlySocket ? ['-s', socket] : ['-p', String(port)];
    return execFileSync('redis-cli', [...to, '--no-auth-warning', ...cliArgs, ...rest], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 10_000,
    }).trim();
  };
  if (onlySocket || args.includes('--tls-port'))
    await waitUntil('redis-server', () => cli('ping') === 'PONG');
  return {
    port,
    directory,
    cli,
    dump() {
      const lines: string[] = [];
      for (const name of cli('keys', '*').split('\n').filter(Boolean)) {
        lines.push(name, cli('ttl', name));
        const type = cli('type', name);
        if (type === 'string') lines.push(cli('get', name));
        if (type === 'stream') lines.push(cli('xrange', name, '-', '+'));
        if (type === 'zset') lines.push(cli('zrange', name, '0', '-1'));
        if (type === 'set') lines.push(cli('smembers', name));
      }
      return lines.join('\n');
    },
    stop: () => program.stop(),
    async restart() {
      await program.stop();
      program = await start();
    },
    freeze: () => program.child.freeze(),
    thaw: () => program.child.signal('SIGCONT'),
    cpuTimeMs: () => program.child.cpuTimeMs(),
  };
}

/** A CA of our own, and what makes a server speak TLS alone, on this port. */
export function redisTls(port: number): {
  readonly files: CertificateFiles;
  readonly args: readonly string[];
  /** The same for another port. */
  argsAt(port: number): readonly string[];
  /** For redis-cli. */
  readonly cliArgs: readonly string[];
} {
  const directory = tempDirectory();
  const files = certificateAuthority(directory);
  const key = join(directory, 'server.key');
  const certificate = join(directory, 'server.pem');
  const ours = ['--tls-ca-cert-file', files.ca, '--tls-cert-file', certificate, '--tls-key-file', key];
  const argsAt = (at: number) => ['--port', '0', '--tls-port', String(at), ...ours];
  const cliArgs = ['--tls', '--cacert', files.ca, '--cert', files.certificate, '--key', files.key];
  return { files, args: argsAt(port), argsAt, cliArgs };
}

const clientTls = (files: CertificateFiles) => ({
  ca: readFileSync(files.ca),
  cert: readFileSync(files.certificate),
  key: readFileSync(files.key),
});

/** What servers of several need, so that they let each other in and nobody without a password. */
const withPassword = (password: string | undefined) =>
  password === undefined
    ? { args: [], cliArgs: [] }
    : { args: ['--requirepass', password, '--masterauth', password], cliArgs: ['-a', password] };

/** A master, a replica, and a sentinel that needs nobody's consent to promote it. */
export interface RedisSentinel {
  readonly name: string;
  readonly sentinelPort: number;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** Asks the sentinel something. */
  ask(name: string, ...words: string[]): Promise<unknown>;
  /** Has the other one made the master, without anything being wrong. */
  failover(): Promise<void>;
  stop(): Promise<void>;
}

export interface SentinelOptions {
  /** Of the servers' default user. */
  readonly password?: string;
  readonly sentinelPassword?: string;
  /** They speak TLS alone, and ask for a certificate. */
  readonly tls?: ReturnType<typeof redisTls>;
}

export async function startSentinel(
  binary: string,
  { password, sentinelPassword, tls }: SentinelOptions = {},
): Promise<RedisSentinel> {
  const login = withPassword(password);
  const cliArgs = [...login.cliArgs, ...(tls?.cliArgs ?? [])];
  const startOne = async (...more: string[]) => {
    const port = await freePort();
    const secured = tls === undefined ? [] : [...tls.argsAt(port), '--tls-replication', 'yes'];
    return startRedis({ binary, port, args: [...login.args, ...secured, ...more], cliArgs });
  };
  const master = await startOne();
  const replica = await startOne('--replicaof', '127.0.0.1', String(master.port));
  await waitUntil('replication', () => replica.cli('info', 'replication').includes('master_link_status:up'));
  const port = await freePort();
  const directory = tempDirectory();
  const file = join(directory, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${directory}`,
    `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds mymaster 500',
    'sentinel failover-timeout mymaster 3000',
    ...(password === undefined ? [] : [`sentinel auth-pass mymaster "${password}"`]),
    ...(sentinelPassword === undefined ? [] : [`requirepass "${sentinelPassword}"`]),
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const sentinel = await startProgram({
    command: binary,
    args: [
      ...[file, '--sentinel'],
      ...(tls === undefined ? [] : [...tls.argsAt(port), '--tls-replication', 'yes']),
    ],
    directory,
    ports: [port],
  });
  const ask = async (name: string, ...words: string[]) => {
    const options = {
      ...(sentinelPassword === undefined ? {} : { password: sentinelPassword }),
      ...(tls === undefined ? {} : { tls: clientTls(tls.files) }),
    };
    const client = new Redis({ port, host: '127.0.0.1', ...options });
    try {
      return await client.call(name, ...words);
    } finally {
      client.disconnect();
    }
  };
  await waitUntil(
    'the sentinel to know the replica',
    async () => ((await ask('SENTINEL', 'REPLICAS', 'mymaster')) as unknown[]).length > 0,
  );
  return {
    name: 'mymaster',
    sentinelPort: port,
    master,
    replica,
    ask,
    async failover() {
      // Not while another one is under way, nor before both are seen in their places.
      await waitUntil('a failover', async () => (await ask('SENTINEL', 'FAILOVER', 'mymaster')) === 'OK');
    },
    async stop() {
      await sentinel.stop();
      await replica.stop();
      await master.stop();
    },
  };
}

export interface ClusterOptions {
  /** Of the servers' default user. */
  readonly password?: string;
  /** Each master has one that takes its place. */
  readonly replicas?: boolean;
  /** They speak TLS alone, also among each other, and ask for a certificate. */
  readonly tls?: ReturnType<typeof redisTls>;
}

/** Three masters that share the slots. */
export async function startCluster(
  binary: string,
  { password, replicas = false, tls }: ClusterOptions = {},
): Promise<{ servers: RedisServer[]; stop(): Promise<void> }> {
  const { args: loginArgs, cliArgs: loginCliArgs } = withPassword(password);
  const login = { args: loginArgs, cliArgs: [...loginCliArgs, ...(tls?.cliArgs ?? [])] };
  const servers: RedisServer[] = [];
  for (const port of await freePorts(replicas ? 6 : 3)) {
    // The bus listens on a port of its own, 10,000 above unless told otherwise: that may be beyond 65,535.
    const bus = await freePort();
    const args = [
      '--cluster-enabled',
      'yes',
      '--cluster-config-file',
      'nodes.conf',
      '--cluster-port',
      String(bus),
      ...(replicas ? ['--cluster-node-timeout', '1500', '--cluster-replica-validity-factor', '0'] : []),
      ...login.args,
      ...(tls === undefined ? [] : [...tls.argsAt(port), '--tls-cluster', 'yes', '--tls-replication', 'yes']),
    ];
    servers.push(await startRedis({ binary, port, args, cliArgs: login.cliArgs }));
  }
  const addresses = servers.map(server => `127.0.0.1:${server.port}`);
  const each = replicas ? ['--cluster-replicas', '1'] : [];
  execFileSync(
    'redis-cli',
    [...login.cliArgs, '--cluster', 'create', ...addresses, ...each, '--cluster-yes'],
    { stdio: 'pipe', timeout: 60_000 },
  );
  for (const server of servers) {
    await waitUntil('the cluster', () => server.cli('cluster', 'info').includes('cluster_state:ok'), 30_000);
  }
  if (replicas) {
    const areIn = () =>
      servers.filter(server => server.cli('info', 'replication').includes('master_link_status:up')).length;
    await waitUntil('replication', () => areIn() === 3, 30_000);
  }
  return {
    servers,
    async stop() {
      for (const server of servers) await server.stop();
    },
  };
}
