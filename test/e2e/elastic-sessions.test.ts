import { hash } from '@node-rs/argon2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { forwardAuthSetup } from '../../host/cli/traefik-forward-auth.ts';
import { ELASTIC_HOST } from '../../host/cli/traefik-setup.ts';
import {
  basic,
  describeElasticsearch,
  ELASTIC_PASSWORD,
  type Elasticsearch,
} from '../support/elasticsearch/elasticsearch.ts';
import { between, type Moment, moment } from '../support/stopwatch.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik, merge, type Tree } from '../support/traefik.ts';
import { sleep, waitUntil } from '../support/wait.ts';
import { type Stack, startStack, type User } from './stack.ts';
import { openStackSessions, type StackSessions } from './stack-sessions.ts';

const COOKIE = '__Secure-postern_session';
const SCRIPT = { accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' };
/** Design decision 6, from the change on. */
const BOUND_MS = 2_000;
/** Behind the plugin, and behind forwardAuth alone. */
const GUARDED = 'es.example.com';
const ALONE = 'alone.example.com';
const OPEN = 'open.example.com';

/** What Elasticsearch made of a request. */
interface Seen {
  readonly status: number;
  /** `name:role,role`, empty when nobody was let in. */
  readonly who: string;
  readonly began: Moment;
}

/** The whole way of a browser: cookie, Traefik with the plugin, host, and a real Elasticsearch as the service. */
describeTraefik('Elasticsearch behind a session in a real Traefik', binary => {
  describeElasticsearch('as the service', start => {
    let es: Elasticsearch;
    let stack: Stack;
    let made: StackSessions;
    let users: Record<string, User>;
    let apiKey = '';

    const ask = (domain: string, token: string, headers: Readonly<Record<string, string>> = {}) =>
      stack.ask(domain, '/_security/_authenticate', {
        headers: { ...SCRIPT, cookie: `theme=dark; ${COOKIE}=${token}`, ...headers },
      });
    async function see(domain: string, token: string, headers = {}): Promise<Seen> {
      const began = moment();
      const { status, text } = await ask(domain, token, headers);
      if (status !== 200) return { status, who: '', began };
      const { username, roles } = JSON.parse(text);
      return { status, who: `${username}:${roles.join(',')}`, began };
    }
    const who = async (domain: string, token: string, headers = {}) =>
      (await see(domain, token, headers)).who;
    const deferrals = () => stack.metric('postern_deferrals_total', 'reason="accepted"');
    const change = (name: string, to: Partial<User>) => {
      users = { ...users, [name]: { ...(users[name] as User), ...to } };
      return stack.writeUsers(users);
    };

    /** What is answered around `act`, and when it was done: requests all the time, until `BOUND_MS` after it. */
    async function watch(domain: string, token: string, act: () => Promise<unknown>) {
      let done: Moment | undefined;
      const acting = act().finally(() => {
        done = moment();
      });
      const answers: Promise<Seen>[] = [];
      while (done === undefined || between(done) < BOUND_MS + 300) {
        answers.push(see(domain, token));
        await sleep(50);
      }
      await acting;
      const seen = await Promise.all(answers);
      const since = done;
      /** How long after it the last request came that was still answered so. */
      const last = (what: string) =>
        Math.max(0, ...seen.filter(one => one.who === what).map(({ began }) => between(since, began)));
      return { seen, last };
    }

    beforeAll(async () => {
      es = await start({ settings: ['xpack.security.authc.password_hashing.algorithm: bcrypt4'] });
      const digest = await hash('password', { memoryCost: 8_192, timeCost: 1, parallelism: 1 });
      const names = ['ann', 'bea', 'cid', 'dan', 'eve', 'fay', 'gus', 'hal', 'ida'];
      users = Object.fromEntries(
        names.map(name => [name, { password: 'password', digest, groups: ['admins'] }]),
      );
      stack = await startStack({
        binary: binary(),
        accessControl: {
          default_policy: 'deny',
          rules: [
            { domain: OPEN, policy: 'bypass' },
            { domain: ['app.example.com', GUARDED, ALONE], policy: 'one_factor' },
          ],
        },
        users,
        domains: ['app.example.com', GUARDED, OPEN],
        elastic: { [GUARDED]: es.url, [OPEN]: es.url },
        config: {
          domains: [{ domain: [GUARDED, OPEN, ALONE], elasticsearch: true }],
          storage: { local: { path: 'postern.sqlite3' } },
          session: { cookies: [{ domain: 'example.com', authelia_url: 'https://auth.example.com' }] },
          // So often Elasticsearch is looked at again.
          cache: { expiration: '2s' },
          elasticsearch: {
            hosts: [es.url],
            username: 'elastic',
            password: ELASTIC_PASSWORD,
            password_lifetime: '1h',
          },
          group_mappings: { admins: ['superuser'], readers: ['viewer'] },
        },
        dynamic: withoutGuest,
      });
      made = await openStackSessions(stack);
      const { body } = await es.ask('POST', '/_security/api_key', { name: 'client' });
      apiKey = `ApiKey ${body.encoded}`;
    }, 600_000);
    afterAll(async () => {
      await stack?.stop();
      await made?.close();
      await es?.stop();
      removeTempDirectories();
    });

    /** Beside it the same service, as `postern traefik --no-plugin` puts it behind forwardAuth alone. */
    function withoutGuest(dynamic: Tree): Tree {
      const { middlewares } = dynamic.http as { middlewares: Record<string, { forwardAuth: Tree }> };
      const { dynamic: printed } = forwardAuthSetup({
        domains: [{ domain: ALONE, service: es.url, elasticsearch: true }],
        hostAddress: new URL(String(middlewares[ELASTIC_HOST]?.forwardAuth.address)).origin,
        ...{ guestKey: new Uint8Array(32), directory: '', keyFile: undefined },
        ...{ entryPoints: { web: '' }, tls: false },
      });
      // Names of its own, since both are in one Traefik.
      return merge(dynamic, JSON.parse(JSON.stringify(printed).replaceAll('postern-', 'alone-')));
    }

    it('knows who is signed in: provisioned with the first request, without a hop from then on', async () => {
      const token = await made.begin('ann');
      const before = await deferrals();
      expect(await who(GUARDED, token)).toBe('ann:superuser');
      expect(await deferrals()).toBe(before + 1);
      for (let i = 0; i < 20; i++) expect(await who(GUARDED, token)).toBe('ann:superuser');
      expect(await deferrals()).toBe(before + 1);
      expect(await stack.metric('postern_elasticsearch_provisions_total', 'result="ready"')).toBe(1);
      const { body } = await es.ask('GET', '/_security/user/ann');
      expect(body.ann.metadata).toMatchObject({ groups: ['admins'], postern: { source: 'directory' } });
    });

    it('takes over who came to another application first, which is told nothing of it', async () => {
      const token = await made.begin('bea');
      const app = await ask('app.example.com', token);
      expect([app.status, app.received['remote-user']]).toEqual([200, 'bea']);
      // At once, so that several instances of the plugin have seen the grant as it was.
      const several = <T>(one: () => Promise<T>) => Promise.all(Array.from({ length: 20 }, one));
      await several(() => ask('app.example.com', token));
      const before = await deferrals();
      expect(await who(GUARDED, token)).toBe('bea:superuser');
      expect(new Set(await several(() => who(GUARDED, token)))).toEqual(new Set(['bea:superuser']));
      for (const { received } of await several(() => ask('app.example.com', token)))
        expect([received['remote-user'], received.authorization]).toEqual(['bea', undefined]);
      expect(await deferrals()).toBe(before + 1);
    });

    it.each([GUARDED, ALONE])('never sees an Authorization of the client at %s', async domain => {
      const token = await made.begin('ann');
      // Nobody configured bearer tokens, so it is none of ours: known to the guest or not, first and again.
      const bearer = { authorization: 'Bearer a.token.of-elasticsearch' };
      for (let i = 0; i < 2; i++) expect(await who(domain, token, bearer)).toBe('ann:superuser');
      // Others are judged, whatever cookies there are, and never passed on.
      for (const authorization of [apiKey, basic('elastic', ELASTIC_PASSWORD), 'Negotiate YQ==']) {
        expect((await see(domain, token, { authorization })).status).toBe(401);
        expect((await see(domain, 'x'.repeat(64), { authorization })).status).toBe(401);
      }
      expect(await who(domain, token)).toBe('ann:superuser');
    });

    it('tells a backend that is open to all who is signed in, and of nobody else anything', async () => {
      const token = await made.begin('ann');
      for (const headers of [{}, { authorization: 'Bearer a.token.of-elasticsearch' }]) {
        expect(await who(OPEN, token, headers)).toBe('ann:superuser');
        expect((await see(OPEN, 'x'.repeat(64), headers)).status).toBe(401);
      }
      const answer = await ask(OPEN, 'x'.repeat(64), { authorization: apiKey });
      expect([answer.status, answer.text.includes('missing authentication credentials')]).toEqual([
        401,
        true,
      ]);
    });

    it.each([GUARDED, ALONE])('is closed within two seconds of a sign-out at %s', async domain => {
      const [token, other] = [await made.begin('cid'), await made.begin('cid')];
      for (const one of [token, other]) expect(await who(domain, one)).toBe('cid:superuser');
      const { seen, last } = await watch(domain, token, () => made.sessions.end('example.com', token));
      expect(last('cid:superuser')).toBeLessThan(BOUND_MS);
      expect(seen.at(-1)?.status).toBe(401);
      expect(await who(domain, other)).toBe('cid:superuser');
    });

    it.each([GUARDED, ALONE])(
      'gives other roles within two seconds of a change of groups at %s',
      async domain => {
        await change('dan', { groups: ['admins'] });
        const token = await made.begin('dan');
        await waitUntil('the old roles', async () => (await who(domain, token)) === 'dan:superuser');
        const { seen, last } = await watch(domain, token, () => change('dan', { groups: ['readers'] }));
        // Still signed in, all the time.
        expect(new Set(seen.map(one => one.who))).toEqual(new Set(['dan:superuser', 'dan:viewer']));
        expect(last('dan:superuser')).toBeLessThan(BOUND_MS);
        expect(seen.at(-1)?.who).toBe('dan:viewer');
      },
    );

    it('has no request refused while a password changes under load', async () => {
      const seen: Seen[] = [];
      let over = false;
      const tokens = [await made.begin('eve'), await made.begin('eve')];
      const client = async (domain: string, tokenOf: () => string | Promise<string>) => {
        while (!over) {
          seen.push(await see(domain, await tokenOf()));
          await sleep(5);
        }
      };
      const clients = [
        ...tokens.flatMap(token => [GUARDED, GUARDED, ALONE].map(domain => client(domain, () => token))),
        // Somebody is always new: asks the host, and Elasticsearch.
        client(GUARDED, async () => {
          await sleep(100);
          return made.begin('eve');
        }),
      ];
      const more = async () => {
        const count = seen.length;
        await waitUntil('some load', () => seen.length > count + 100);
      };
      await more();
      const stored = async () => (await es.ask('GET', '/_security/user/eve')).body.eve;
      // As an hour later: the day of its password is in the user's own metadata.
      const { roles, full_name, email, metadata } = await stored();
      const aged = { ...metadata, postern: { ...metadata.postern, since: '2020-01-01T00:00:00.000Z' } };
      await es.ask('PUT', '/_security/user/eve', { roles, full_name, email, metadata: aged });
      await waitUntil('another password', async () => (await stored()).metadata.postern.generation === 2);
      await more();
      over = true;
      await Promise.all(clients);
      expect(seen.filter(one => one.who !== 'eve:superuser')).toEqual([]);
      for (const token of tokens) expect(await who(GUARDED, token)).toBe('eve:superuser');
    }, 60_000);

    it('is closed to who signs out while Elasticsearch is waited for, and open to who does not', async () => {
      const [gone, changed, there] = [
        await made.begin('gus'),
        await made.begin('hal'),
        await made.begin('ida'),
      ];
      await es.pause();
      let answers: Promise<Seen[]>;
      try {
        answers = Promise.all(
          [GUARDED, ALONE].flatMap(domain => [gone, changed, there].map(token => see(domain, token))),
        );
        // Longer than what is not looked at again.
        await sleep(1_000);
        await made.sessions.end('example.com', gone);
        await change('hal', { groups: ['readers'] });
        await waitUntil('the host to hear of both', async () => {
          const [out, other] = await Promise.all([gone, changed].map(token => ask('app.example.com', token)));
          return out?.status === 401 && other?.received['remote-groups'] === 'readers';
        });
      } finally {
        es.resume();
      }
      const each = (await answers).map(({ status, who }) => (status === 200 ? who : String(status)));
      // Whoever has other roles now asks again.
      expect(each).toEqual(['401', '503', 'ida:superuser', '401', '503', 'ida:superuser']);
      for (const domain of [GUARDED, ALONE]) {
        await waitUntil('the new roles', async () => (await who(domain, changed)) === 'hal:viewer');
        expect((await see(domain, gone)).status).toBe(401);
      }
    });

    it('is closed to who is disabled, and disables the user there', async () => {
      const token = await made.begin('fay');
      expect(await who(GUARDED, token)).toBe('fay:superuser');
      const { seen, last } = await watch(GUARDED, token, () => change('fay', { disabled: true }));
      expect(last('fay:superuser')).toBeLessThan(BOUND_MS);
      expect(seen.at(-1)?.status).toBe(401);
      await waitUntil('a disabled user', async () => {
        const { body } = await es.ask('GET', '/_security/user/fay');
        return body.fay.enabled === false;
      });
    });
  });
});
