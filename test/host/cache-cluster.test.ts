import { describeCache } from '../contracts/cache.ts';
import { describeRedis, redisTls, startCluster } from '../support/redis.ts';
import { cache, local, secured } from '../support/redis-host.ts';

describeRedis('with redis-server', binary => {
  describeCache('a Redis cluster', async () => {
    const cluster = await startCluster(binary);
    const nodes = cluster.servers.map(({ port }) => ({ host: '127.0.0.1', port }));
    return { host: () => cache({ mode: 'cluster', nodes }), stop: () => cluster.stop() };
  });

  describeCache('a Redis cluster over TLS', async () => {
    const tls = redisTls(0);
    const cluster = await startCluster(binary, { tls });
    // The others are found by it.
    const settings = { mode: 'cluster', nodes: local(cluster.servers[0]?.port ?? 0) } as const;
    return { host: () => cache({ ...settings, tls: secured(tls.files) }), stop: () => cluster.stop() };
  });
});
