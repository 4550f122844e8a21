import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemorySpace } from '../../host/cache/memory-cache.ts';
import { type Clock, systemClock } from '../../host/clock.ts';
import { createDropIn } from '../../host/elastic/drop-in.ts';
import { ElasticPasswords } from '../../host/elastic/password.ts';
import { departed } from '../../host/elastic/sync.ts';
import { RequestHeaders } from '../../host/http/request-headers.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import {
  account,
  ELASTIC_SECRET,
  type ElasticHost,
  type ElasticHostOptions,
  elasticHost,
  person,
} from '../support/elastic.ts';
import { ScriptedElasticsearch } from '../support/elasticsearch/scripted.ts';
import { fakeLogger } from '../support/host-fakes.ts';
import { waitUntil } from '../support/wait.ts';

const HOUR = 3_600_000;
const engine = loadEngine(new URL('../../dist/embed.wasm', import.meta.url));

let es: ScriptedElasticsearch;
const hosts: ElasticHost[] = [];
beforeEach(async () => {
  es = await new ScriptedElasticsearch().start();
});
afterEach(async () => {
  for (const { service } of hosts.splice(0)) await service.close();
  await es.stop();
});

/** Nothing else comes together with a change that a test makes. */
const clock: Clock = { ...systemClock, after: (ms, run) => systemClock.after(ms === 1_000 ? 1 : ms, run) };

async function host(options: ElasticHostOptions = {}): Promise<ElasticHost> {
  const made = await elasticHost(es, { clock, ...options });
  hosts.push(made);
  return made;
}

const alice = () => es.users.get('alice');
const isEnabled = () => alice()?.enabled;
const source = () => alice()?.metadata.postern.source;

/** Has the service look for who has gone, and waits until it did. */
async function look({ service, count }: ElasticHost): Promise<void> {
  const before = count('all');
  service.directoryChanged();
  await waitUntil('a look', () => count('all') > before);
  // What comes of it is done by the time that another one is made.
  service.directoryChanged();
  await waitUntil('the next look', () => count('all') > before + 1);
}

/** What the endpoint of elastauth answers to a proxy that names alice. */
async function byHeaders({ provisioner, accounts }: ElasticHost): Promise<number> {
  const names = {
    username: 'Remote-User',
    groups: 'Remote-Groups',
    email: 'Remote-Email',
    name: 'Remote-Name',
  };
  const dropIn = { host: '127.0.0.1', port: 0, peers: ['10.0.0.1'], configPeers: [], headers: names };
  const answer = await createDropIn({
    setup: {
      access: undefined,
      dryRun: false,
      roles: { groupMappings: [], defaultRoles: [] },
      groupWhitelist: undefined,
      passwordSeconds: undefined,
      syncSeconds: 60,
      dropIn,
    },
    dropIn,
    provisioner,
    findAccount: name => accounts.get(name),
    client: undefined,
    cache: { status: () => ({ kind: 'memory', state: 'up', lastContact: 0 }) },
    engine,
    clock: systemClock,
    log: fakeLogger(),
  })({
    method: 'GET',
    path: '/',
    query: '',
    headers: new RequestHeaders(['Remote-User', 'alice']),
    secure: false,
    peer: '10.0.0.1',
  });
  return answer.status;
}

describe('a user that the directory knew (a scripted stand-in)', () => {
  it('and knows no more, but its proxy does: is disabled once, and then left as it is', async () => {
    const one = await host();
    one.accounts.set('alice', account('alice'));
    expect((await one.service.authorize(person('alice'))).status).toBe('ready');
    expect(source()).toBe('directory');
    one.accounts.delete('alice');
    await look(one);
    expect(isEnabled()).toBe(false);
    expect(await byHeaders(one)).toBe(200);
    expect([isEnabled(), source()]).toEqual([true, 'headers']);
    await look(one);
    expect(isEnabled()).toBe(true);
    // In the directory again, and gone again.
    one.accounts.set('alice', account('alice'));
    await one.provisioner.forget('alice');
    expect((await one.service.authorize(person('alice'))).status).toBe('ready');
    one.accounts.delete('alice');
    await look(one);
    expect([isEnabled(), source()]).toEqual([false, 'directory']);
  });

  it('and still knows: coming by headers makes it nobody else’s', async () => {
    const one = await host();
    one.accounts.set('alice', account('alice'));
    await one.service.authorize(person('alice'));
    await one.provisioner.forget('alice');
    expect(await byHeaders(one)).toBe(200);
    expect([source(), es.writes]).toEqual(['directory', ['alice']]);
    one.accounts.delete('alice');
    await look(one);
    expect(isEnabled()).toBe(false);
  });

  it('and has disabled: is not enabled for the word of a proxy', async () => {
    const one = await host();
    one.accounts.set('alice', account('alice'));
    await one.service.authorize(person('alice'));
    one.accounts.set('alice', account('alice', true));
    await look(one);
    expect([await byHeaders(one), isEnabled()]).toEqual([403, false]);
    expect(es.writes).toEqual(['alice']);
  });

  it('and disables while it is written for a proxy: nothing is handed out', async () => {
    const one = await host();
    es.script = ({ method }, turn) => {
      if (method === 'PUT') one.accounts.set('alice', account('alice', true));
      turn.next();
    };
    expect(await byHeaders(one)).toBe(403);
  });
});

describe('a host whose users file is older than that of another', () => {
  it('leaves alone whom the other has just made, until its own changes', async () => {
    const space = new MemorySpace();
    const [old, other] = [await host({ space }), await host({ space })];
    await waitUntil(
      'a moment to pass',
      (
        now => () =>
          Date.now() > now
      )(Date.now()),
    );
    other.accounts.set('alice', account('alice'));
    expect((await other.service.authorize(person('alice'))).status).toBe('ready');
    const plan = (changedAt: number, now = Date.now()) =>
      departed(
        [{ name: 'alice', roles: [], fullName: '', email: '', enabled: true, metadata: alice()?.metadata }],
        name => old.accounts.get(name),
        new ElasticPasswords(ELASTIC_SECRET),
        undefined,
        { changedAt, now },
      ).map(({ reason }) => reason);
    const made = Date.parse(alice()?.metadata.postern.since);
    expect(plan(made - 1)).toEqual([]);
    expect(plan(made)).toEqual(['gone']);
    // Later than any new file takes to get everywhere, or by a clock that is wrong.
    expect(plan(made - 1, made + HOUR)).toEqual(['gone']);
    expect(plan(made - 1, made - HOUR)).toEqual(['gone']);
    old.accounts.set('alice', account('alice', true));
    expect(plan(made - 1)).toEqual(['disabled']);
  });

  it('does so at each look', async () => {
    let run = () => {};
    const byHand: Clock = {
      ...clock,
      after(ms, work) {
        if (ms !== 60_000) return clock.after(ms, work);
        run = work;
        return () => {};
      },
    };
    const space = new MemorySpace();
    const old = await host({ space, clock: byHand, setup: { syncSeconds: 60 } });
    await old.service.start();
    await waitUntil('the first look', () => old.count('all') === 1);
    await waitUntil(
      'a moment to pass',
      (
        now => () =>
          Date.now() > now
      )(Date.now()),
    );
    const other = await host({ space });
    other.accounts.set('alice', account('alice'));
    await other.service.authorize(person('alice'));
    for (const looks of [2, 3]) {
      run();
      await waitUntil('a look', () => old.count('all') === looks);
    }
    expect(isEnabled()).toBe(true);
    await look(old);
    expect(isEnabled()).toBe(false);
  });
});
