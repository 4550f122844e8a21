import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeCache } from '../contracts/cache.ts';
import { freePort } from '../support/net.ts';
import { describeRedis, redisTls, startRedis } from '../support/redis.ts';
import { cache, local, secured } from '../support/redis-host.ts';

/** As docs/shared-state.md says it. */
const RIGHTS =
  /~postern:\* (.*)$/m
    .exec(readFileSync(new URL('../../docs/shared-state.md', import.meta.url), 'utf8'))?.[1]
    ?.split(' ') ?? [];

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
});
