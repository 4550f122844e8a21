import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RedisCache } from '../../host/cache/redis-cache.ts';
import { Sealer } from '../../host/cache/seal.ts';
import { systemClock } from '../../host/clock.ts';
import type { RedisSetup } from '../../host/config/schema.ts';
import { silentLogger } from '../../host/log/logger.ts';
import { describeCache } from '../contracts/cache.ts';
import { freePort } from '../support/net.ts';
import { describeRedis, redisTls, startCluster, startRedis, startSentinel } from '../support/redis.ts';

/** As docs/shared-state.md says it. */
const RIGHTS =
  /~postern:\* (.*)$/m
    .exec(readFileSync(new URL('../../docs/shared-state.md', import.meta.url), 'utf8'))?.[1]
    ?.split(' ') ?? [];
const SECRET = Buffer.alloc(32, 7);

function cache(settings: Partial<RedisSetup>): RedisCache {
  return new RedisCache({
    settings: { mode: 'single', nodes: [], database: 0, ...settings },
    prefix: 'postern',
    sealer: new Sealer([SECRET], randomBytes),
    // Short, because each host that a test ends counts for so long.
    leaseMs: () => 1_500,
    clock: systemClock,
    random: randomBytes,
    log: silentLogger,
  });
}

const local = (port: number) => [{ host: '127.0.0.1', port }];

const secured = (files: ReturnType<typeof redisTls>['files']) =>
  ({
    ca: readFileSync(files.ca),
    certificate: readFileSync(files.certificate, 'utf8'),
    key: readFileSync(files.key, 'utf8'),
    minVersion: 'TLSv1.3',
  }) as const;

describeRedis('with redis-server', binary => {
  describeCache('Redis over TCP', async () => {
    const server = await startRedis({ binary });
    return { host: () => cache({ nodes: local(server.port) }), stop: () => server.stop() };
  });

  describeCache('Redis with user, password and database', async () => {
    // What the documentation says that the user needs, and nothing more.
    const rights = ['reset', 'on', '>correct horse', '~postern:*', ...RIGHTS];
    const server = await startRedis({
      binary,
      args: ['--requirepass', 'default password'],
      cliArgs: ['-a', 'default password', '-n', '5'],
    });
    server.cli('acl', 'setuser', 'postern', ...rights);
    const settings = { username: 'postern', password: 'correct horse', database: 5 };
    return { host: () => cache({ nodes: local(server.port), ...settings }), stop: () => server.stop() };
  });

  describeCache('Redis over TLS with a client certificate', async () => {
    const port = await freePort();
    const { files, args, cliArgs } = redisTls(port);
    const server = await startRedis({ binary, port, args, cliArgs });
    const settings = { nodes: local(port), tls: secured(files) };
    return { host: () => cache(settings), stop: () => server.stop() };
  });

  describeCache('Redis over a Unix socket', async () => {
    const server = await startRedis({ binary, onlySocket: true });
    return {
      host: () => cache({ socket: join(server.directory, 'redis.sock') }),
      stop: () => server.stop(),
    };
  });

  describeCache('Redis behind a sentinel', async () => {
    const servers = await startSentinel(binary);
    return {
      host: () =>
        cache({ mode: 'sentinel', nodes: local(servers.sentinelPort), sentinel: { name: servers.name } }),
      stop: () => servers.stop(),
    };
  });

  describeCache('a Redis cluster', async () => {
    const cluster = await startCluster(binary);
    const nodes = cluster.servers.map(({ port }) => ({ host: '127.0.0.1', port }));
    return { host: () => cache({ mode: 'cluster', nodes }), stop: () => cluster.stop() };
  });

  describeCache('Redis behind a sentinel over TLS', async () => {
    const tls = redisTls(0);
    const servers = await startSentinel(binary, { tls });
    const settings = {
      mode: 'sentinel',
      nodes: local(servers.sentinelPort),
      sentinel: { name: servers.name },
    } as const;
    return { host: () => cache({ ...settings, tls: secured(tls.files) }), stop: () => servers.stop() };
  });

  describeCache('a Redis cluster over TLS', async () => {
    const tls = redisTls(0);
    const cluster = await startCluster(binary, { tls });
    // The others are found by it.
    const settings = { mode: 'cluster', nodes: local(cluster.servers[0]?.port ?? 0) } as const;
    return { host: () => cache({ ...settings, tls: secured(tls.files) }), stop: () => cluster.stop() };
  });
});
