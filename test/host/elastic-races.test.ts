import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryCache, MemorySpace } from '../../host/cache/memory-cache.ts';
import { type Clock, systemClock } from '../../host/clock.ts';
import type { Principal } from '../../host/policy/engine.ts';
import {
  account,
  type ElasticHost,
  type ElasticHostOptions,
  elasticHost,
  person,
} from '../support/elastic.ts';
import { ScriptedElasticsearch } from '../support/elasticsearch/scripted.ts';
import { fakeLogger } from '../support/host-fakes.ts';
import { sleep, waitUntil } from '../support/wait.ts';

const SUPER = ['superuser', 'kibana_admin'];
const ADMIN = person('alice', { groups: ['admins'] });
const NOBODY = person('alice', { groups: [] });
const DEVELOPER = person('alice', { groups: ['dev team'] });

let es: ScriptedElasticsearch;
const hosts: ElasticHost[] = [];
beforeEach(async () => {
  es = await new ScriptedElasticsearch().start();
});
afterEach(async () => {
  for (const { service } of hosts.splice(0)) await service.close();
  await es.stop();
});

async function host(options: ElasticHostOptions = {}): Promise<ElasticHost> {
  const made = await elasticHost(es, options);
  hosts.push(made);
  return made;
}

/** Holds the first write back until `release`. */
function held() {
  let release = () => {};
  const released = new Promise<void>(resolve => {
    release = resolve;
  });
  let began = false;
  es.script = async ({ method }, turn) => {
    if (method === 'PUT' && !began) {
      began = true;
      await released;
    }
    turn.next();
  };
  return { release, begun: () => waitUntil('the first write', () => began) };
}

const roles = () => es.users.get('alice')?.roles;
const is = (principal: Principal) => ({ ...account('alice'), principal });

describe('while a user is written (a scripted stand-in)', () => {
  it('its groups change twice: it has those of the end, and nothing older is written behind', async () => {
    const one = await host();
    const first = held();
    one.accounts.set('alice', is(ADMIN));
    const asAdmin = one.service.authorize(ADMIN);
    await first.begun();
    one.accounts.set('alice', is(DEVELOPER));
    const between = Array.from({ length: 5 }, () => one.service.authorize(DEVELOPER));
    one.accounts.set('alice', is(NOBODY));
    const now = Array.from({ length: 5 }, () => one.service.authorize(NOBODY));
    first.release();
    await asAdmin;
    // Those who asked as somebody they are not any more may ask again.
    for (const { status } of await Promise.all(between)) expect(status).toBe('unavailable');
    for (const { status } of await Promise.all(now)) expect(status).toBe('ready');
    expect(roles()).toEqual(['kibana_user']);
    expect(es.writes).toEqual(['alice', 'alice']);
  });

  it('it goes: it is disabled right behind, although nobody looks for who has gone then', async () => {
    const one = await host();
    const first = held();
    one.accounts.set('alice', is(ADMIN));
    const asked = one.service.authorize(ADMIN);
    await first.begun();
    one.accounts.delete('alice');
    first.release();
    expect((await asked).status).toBe('refused');
    await waitUntil('alice to be disabled', () => es.users.get('alice')?.enabled === false);
    await waitUntil('a line of it', () => one.log.text().includes('Elasticsearch user disabled'));
    // Nor is it made when it was gone before.
    expect((await one.service.authorize(ADMIN)).status).toBe('refused');
    expect(es.writes).toEqual(['alice']);
  });

  it('it goes and comes back while it is disabled: that is over before it is written again', async () => {
    const space = new MemorySpace();
    const accounts = new Map([['alice', is(ADMIN)]]);
    const [one, other] = [await host({ space, accounts }), await host({ space, accounts })];
    await one.service.authorize(ADMIN);
    let disable = () => {};
    let held: () => void = () => {};
    const disabling = new Promise<void>(resolve => {
      held = resolve;
    });
    es.script = (call, turn) => {
      if (!call.path.endsWith('/_disable')) return turn.next();
      disable = turn.next;
      held();
    };
    accounts.delete('alice');
    one.service.directoryChanged();
    await disabling;
    accounts.set('alice', is(ADMIN));
    const again = [one, other].map(each => each.service.authorize(ADMIN));
    // Whoever went ahead would have been done by then.
    await sleep(500);
    const before = es.calls.length;
    disable();
    for (const { status } of await Promise.all(again)) expect(status).toBe('ready');
    expect(es.calls.slice(0, before).at(-1)?.path).toMatch(/_disable$/);
    expect(es.users.get('alice')?.enabled).toBe(true);
    expect(es.writes).toEqual(['alice', 'alice']);
  });

  it('and the write is given up, but done later, over the next one: it is taken back', async () => {
    const fenced: string[] = [];
    const one = await host({ onFence: name => void fenced.push(name) });
    let late = () => {};
    es.script = ({ method }, turn) => {
      if (method !== 'PUT' || es.writes.length > 1) return turn.next();
      late = turn.apply;
    };
    expect((await one.provisioner.provision(ADMIN, 'headers')).status).toBe('unavailable');
    expect((await one.provisioner.provision(NOBODY, 'headers')).status).toBe('ready');
    expect(roles()).toEqual(['kibana_user']);
    late();
    expect(roles()).toEqual(SUPER);
    await waitUntil('grants to be taken back', () => fenced.length > 0, 20_000);
    expect(one.log.text()).toContain('came late');
    expect((await one.provisioner.provision(NOBODY, 'headers')).status).toBe('ready');
    expect(roles()).toEqual(['kibana_user']);
  }, 30_000);

  it('and nothing comes late: nothing is taken back', async () => {
    const fenced: string[] = [];
    let timers: { at: number; run: () => void }[] = [];
    const clock: Clock = {
      ...systemClock,
      after(ms, run) {
        const timer = { at: ms, run };
        timers.push(timer);
        return () => {
          timers = timers.filter(other => other !== timer);
        };
      },
    };
    const one = await host({ clock, onFence: name => void fenced.push(name) });
    let lost = 0;
    es.script = ({ method }, turn) => {
      if (method !== 'PUT' || lost++ > 0) return turn.next();
      turn.apply();
      turn.response.destroy();
    };
    expect((await one.provisioner.provision(ADMIN, 'headers')).status).toBe('ready');
    const looks = timers.filter(({ at }) => [2_000, 10_000, 60_000].includes(at));
    expect(looks).toHaveLength(3);
    const before = es.calls.length;
    for (const { run } of looks) run();
    await waitUntil('the user to be looked at', () => es.calls.length >= before + 3);
    expect([fenced, one.log.text().includes('came late')]).toEqual([[], false]);
  });
});

describe('a user', () => {
  it('whose groups come in another order, or twice, is not written again', async () => {
    const groups = ['dev team', 'admins', 'other'];
    const first = await host();
    await first.authorization(person('alice', { groups }));
    for (const order of [groups.toReversed(), [...groups, 'admins']]) {
      await first.authorization(person('alice', { groups: order }));
      await (await host()).authorization(person('alice', { groups: order }));
    }
    expect(es.writes).toEqual(['alice']);
    // Other groups are, even where they give the same roles.
    await first.authorization(person('alice', { groups: ['dev team', 'admins', 'another'] }));
    expect(es.users.get('alice')?.metadata.groups).toEqual(['dev team', 'admins', 'another']);
  });

  it.each([
    'elastic',
    'kibana',
    'kibana_system',
    'logstash_system',
    'beats_system',
    'apm_system',
    'remote_monitoring_user',
    '_anonymous',
    '_system',
    '_xpack',
    '_xpack_security',
  ])('may not be called %s, also where Elasticsearch would let it', async name => {
    const one = await host();
    expect(await one.provisioner.provision(person(name), 'headers')).toEqual({ status: 'refused' });
    expect(es.calls).toEqual([]);
    expect(one.log.lines.at(-1)?.fields).toMatchObject({ reason: 'reserved', user: name });
  });

  it.each(['Elastic', 'elastic ', '_xpac', 'kibana-system', '_www'])('may be called %j', async name => {
    expect((await (await host()).provisioner.provision(person(name), 'headers')).status).toBe('ready');
  });

  it('has another password in time, whatever a clock said when it got this one', async () => {
    const DAY = 86_400_000;
    let ahead = 3_650 * DAY;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead };
    const options = { clock, setup: { passwordSeconds: 30 * 86_400 } };
    const generation = () => es.users.get('alice')?.metadata.postern.generation;
    await (await host(options)).authorization(ADMIN);
    expect(generation()).toBe(1);
    // The clock is set right: what began in ten years is no reason to wait for them.
    ahead = 0;
    await (await host(options)).authorization(ADMIN);
    expect(generation()).toBe(2);
    // Hosts whose clocks differ by an hour leave it to time.
    ahead = -3_600_000;
    await (await host({ clock, setup: { passwordSeconds: 600 } })).authorization(ADMIN);
    expect(generation()).toBe(2);
    ahead = 29 * DAY;
    await (await host(options)).authorization(ADMIN);
    expect(generation()).toBe(2);
    ahead = 31 * DAY;
    await (await host(options)).authorization(ADMIN);
    expect(generation()).toBe(3);
  });

  it('has another password in time, however often it comes meanwhile', async () => {
    let ahead = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead };
    const one = await host({ clock, extendCache: true, setup: { passwordSeconds: 600 } });
    const generation = () => es.users.get('alice')?.metadata.postern.generation;
    const first = await one.authorization(ADMIN);
    for (ahead of [300_000, 540_000]) expect(await one.authorization(ADMIN)).toBe(first);
    expect(generation()).toBe(1);
    ahead = 601_000;
    const second = await one.authorization(ADMIN);
    expect([generation(), second === first]).toEqual([2, false]);
    expect(await one.authorization(ADMIN)).toBe(second);
    const { length } = es.calls;
    ahead = 1_140_000;
    expect(await one.authorization(ADMIN)).toBe(second);
    expect(es.calls).toHaveLength(length);
  });

  it('whose password cannot be replaced now is not asked about with each request', async () => {
    let ahead = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead };
    class Mute extends MemoryCache {
      override async broadcast() {
        return { acknowledged: [], missing: [{ hostId: 'away', until: Number.POSITIVE_INFINITY }] };
      }
    }
    const cache = new Mute({ clock, random: randomBytes, log: fakeLogger() });
    const one = await host({ clock, cache, extendCache: true, setup: { passwordSeconds: 600 } });
    const first = await one.authorization(ADMIN);
    ahead = 601_000;
    expect(await one.authorization(ADMIN)).toBe(first);
    const { length } = es.calls;
    for (ahead of [602_000, 4_140_000]) expect(await one.authorization(ADMIN)).toBe(first);
    expect(es.calls).toHaveLength(length);
    // As late as without any extension it is tried again.
    ahead = 4_202_000;
    expect(await one.authorization(ADMIN)).toBe(first);
    expect(es.calls.length).toBeGreaterThan(length);
  });

  it('keeps its password on all hosts when a store that fails over has lost that it changed', async () => {
    const space = new MemorySpace();
    const options = { space, setup: { passwordSeconds: 3_600 } };
    const [one, other] = [await host(options), await host(options)];
    const store = new MemoryCache({ clock: systemClock, random: randomBytes, log: one.log, space });
    const known = { kind: 'elastic-known', name: 'alice' };
    await one.authorization(ADMIN);
    const lost = (await store.get(known)) as Uint8Array;
    const user = es.users.get('alice');
    if (user === undefined) throw new Error('alice was not made');
    const postern = { ...user.metadata.postern, since: '2020-01-01T00:00:00.000Z' };
    es.users.set('alice', { ...user, metadata: { ...user.metadata, postern } });
    await store.delete(known);
    const next = await one.authorization(ADMIN);
    expect(es.users.get('alice')?.metadata.postern.generation).toBe(2);
    for (const each of [one, other]) {
      await store.set(known, lost, 3_600);
      expect(await each.authorization(ADMIN)).toBe(next);
      const { length } = es.calls;
      expect(await each.authorization(ADMIN)).toBe(next);
      expect(es.calls).toHaveLength(length);
    }
  });
});
