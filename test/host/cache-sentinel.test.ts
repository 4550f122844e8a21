import { describeCache } from '../contracts/cache.ts';
import { describeRedis, redisTls, startSentinel } from '../support/redis.ts';
import { cache, local, secured } from '../support/redis-host.ts';

describeRedis('with redis-server', binary => {
  describeCache('Redis behind a sentinel', async () => {
    const servers = await startSentinel(binary);
    return {
      host: () =>
        cache({ mode: 'sentinel', nodes: local(servers.sentinelPort), sentinel: { name: servers.name } }),
      stop: () => servers.stop(),
    };
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
});
