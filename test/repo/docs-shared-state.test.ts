import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RedisCache } from '../../host/cache/redis-cache.ts';
import { Sealer } from '../../host/cache/seal.ts';
import { systemClock } from '../../host/clock.ts';
import { parseConfig } from '../../host/config/parse.ts';
import { silentLogger } from '../../host/log/logger.ts';
import { createSecret } from '../../host/secret/secret.ts';
import { listener } from '../contracts/cache.ts';
import { describeRedis, startRedis } from '../support/redis.ts';
import { waitUntil } from '../support/wait.ts';

const page = readFileSync(fileURLToPath(new URL('../../docs/shared-state.md', import.meta.url)), 'utf8');
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}(?: \\S+)?\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, text]) => text ?? '',
  );

describe('docs/shared-state.md', () => {
  it.each(blocks('yaml'))('shows a configuration without a mistake: %s', text => {
    const { config, problems } = parseConfig({
      yaml: { file: '/etc/postern/postern.yml', text },
      env: { POSTERN_SECRET: createSecret() },
      isTerminal: false,
      readFile: () => Buffer.from('-----BEGIN CERTIFICATE-----\n'),
    });
    expect(problems).toEqual([]);
    expect(config.cache?.redis).toBeDefined();
  });

  it('names every key', () => {
    const { properties } = JSON.parse(
      readFileSync(fileURLToPath(new URL('../../postern.schema.json', import.meta.url)), 'utf8'),
    );
    const names = Object.keys(properties.cache.properties.redis.properties.tls.properties)
      .concat(Object.keys(properties.cache.properties))
      .filter(name => !/^(skip_verify|maximum_version|redis_host|redis_db|extend_cache)$/.test(name));
    for (const name of names) expect([name, page.includes(name.replace(/_file$/, ''))]).toEqual([name, true]);
  });
});

describeRedis('the commands of docs/shared-state.md', binary => {
  it('make a user with whom everything works, and sign everybody out', async () => {
    const server = await startRedis({ binary });
    for (const command of blocks('redis-acl')) {
      expect(server.cli(...command.trim().split(' '))).toBe('OK');
    }
    const heard = listener();
    const cache = new RedisCache({
      settings: {
        mode: 'single',
        nodes: [{ host: '127.0.0.1', port: server.port }],
        database: 0,
        username: 'postern',
        password: 'a-long-random-password',
      },
      prefix: 'postern',
      sealer: new Sealer([randomBytes(32)], randomBytes),
      leaseMs: () => 5_000,
      clock: systemClock,
      random: randomBytes,
      log: silentLogger,
    });
    await cache.start(undefined, heard);
    await cache.set({ kind: 'test', name: 'x' }, Buffer.from('y'), 60);
    expect((await cache.broadcast('test', Buffer.from('x'), 5_000)).missing).toEqual([]);
    for (const command of blocks('redis')) expect(server.cli(command.trim())).toBe('OK');
    await waitUntil('the loss', () => heard.losses.includes('flushed'));
    await cache.close();
    await server.stop();
  });
});
