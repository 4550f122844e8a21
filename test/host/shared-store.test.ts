import { hash } from '@node-rs/argon2';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type GuestTest, header } from '../support/guest.ts';
import { describeRedis, type RedisServer, startRedis } from '../support/redis.ts';
import { basic, type Service, startService } from '../support/service.ts';
import { between, moment } from '../support/stopwatch.ts';
import { waitUntil } from '../support/wait.ts';

/** What is promised: two seconds; the rest is for a machine with other things to do. */
const PROMISED_MS = 2_000;
const SLACK_MS = 1_000;

describeRedis('hosts that share a store, as their guests see it', binary => {
  let server: RedisServer;
  let users: string;
  const services: Service[] = [];

  beforeAll(async () => {
    const digest = await hash('password', { memoryCost: 64, timeCost: 1, parallelism: 1 });
    users = `users:\n  alice:\n    password: '${digest}'\n`;
    server = await startRedis({ binary });
  });
  afterEach(async () => {
    server.thaw();
    for (const service of services.splice(0)) await service.stop();
  });
  afterAll(async () => {
    await server?.stop();
  });

  async function start(guest: object = {}): Promise<Service> {
    const cache = { type: 'redis', redis: { host: '127.0.0.1', port: server.port } };
    const service = await startService(users, {}, { guest, cache });
    services.push(service);
    return service;
  }

  /** `alice`, who was let in by the guest alone, or `defer` or another status. */
  function asks(guest: GuestTest): string {
    const outcome = guest.ask({
      host: 'app.example.com',
      headers: [['Authorization', basic('alice:password')]],
    });
    const verdict = header(outcome, 'Postern-Verdict') ?? '';
    if (verdict.startsWith('allow-')) return header(outcome, 'Remote-User') ?? '';
    return verdict.startsWith('defer-') ? 'defer' : String(outcome.response?.status);
  }

  async function signIn(service: Service, guest: GuestTest): Promise<void> {
    await waitUntil('a grant', async () => {
      expect((await service.login('alice:password')).status).toBe(200);
      return asks(guest) === 'alice';
    });
  }

  const health = async (service: Service) => JSON.parse(await service.get('/health'));

  it('flushed: every guest of every host defers within two seconds, and everybody can sign in again', async () => {
    const both = [await start(), await start()];
    const guests = both.map(service => service.guest());
    for (const [i, service] of both.entries()) await signIn(service, guests[i] as GuestTest);
    server.cli('flushall');
    const flushed = moment();
    for (const guest of guests) await waitUntil('the deferral', () => asks(guest) === 'defer');
    expect(between(flushed)).toBeLessThan(PROMISED_MS + SLACK_MS);
    for (const [i, service] of both.entries()) await signIn(service, guests[i] as GuestTest);
    expect(both[0]?.child.output).toContain('lost its marker key');
    expect(await both[0]?.get('/metrics')).toContain('postern_shared_store_losses_total{reason="flushed"} 1');
  });

  it('flushed while the host was stopped: no grant of before counts; else they all do', async () => {
    const service = await start();
    const guest = service.guest();
    await signIn(service, guest);
    await service.restart();
    expect(asks(guest)).toBe('alice');
    await service.restart(() => void server.cli('flushall'));
    await waitUntil('the deferral', () => asks(guest) === 'defer');
    await signIn(service, guest);
  });

  it('stopped: grants go on and people sign in, until it is silent for offline_grace; then the host verifies all', async () => {
    const service = await start({ offline_grace: 8 });
    const guest = service.guest();
    await signIn(service, guest);
    await server.stop();
    await waitUntil('the outage', async () => (await health(service)).store.status === 'down');
    expect(await health(service)).toMatchObject({
      status: 'DEGRADED',
      store: { kind: 'redis', status: 'down' },
    });
    expect(await service.get('/metrics')).toContain('postern_shared_store_up 0');
    expect(asks(guest)).toBe('alice');
    expect((await service.login('alice:password')).status).toBe(200);
    const seen = new Set<string>();
    await waitUntil(
      'the end of the grace',
      () => {
        seen.add(asks(guest));
        return seen.has('defer');
      },
      15_000,
    );
    // Slower, and never refused.
    expect([...seen]).toEqual(['alice', 'defer']);
    const asked = moment();
    expect((await service.login('alice:password')).status).toBe(200);
    expect(between(asked)).toBeLessThan(PROMISED_MS + SLACK_MS);
    expect(asks(guest)).toBe('defer');
    expect((await health(service)).grants.status).toBe('not written');
    await server.restart();
    await signIn(service, guest);
    expect((await health(service)).store).toMatchObject({
      status: 'ok',
      address: `127.0.0.1:${server.port}`,
    });
  });

  it('away at the start: the host starts, people sign in, and it is used when it comes', async () => {
    await server.stop();
    const service = await start();
    const guest = service.guest();
    await signIn(service, guest);
    expect((await health(service)).status).toBe('DEGRADED');
    await server.restart();
    await waitUntil('the store', async () => (await health(service)).status === 'OK');
    await signIn(service, guest);
  });
});
