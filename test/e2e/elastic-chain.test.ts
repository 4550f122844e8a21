import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hash } from '@node-rs/argon2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  describeElasticsearch,
  ELASTIC_PASSWORD,
  type Elasticsearch,
} from '../support/elasticsearch/elasticsearch.ts';
import { substitute } from '../support/example.ts';
import { freePorts } from '../support/net.ts';
import { type Postern, startPostern } from '../support/postern.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik, startTraefik, type Traefik } from '../support/traefik.ts';
import { waitUntil } from '../support/wait.ts';

const PAGE = fileURLToPath(new URL('../../docs/elasticsearch.md', import.meta.url));
const DOMAIN = 'kibana.example.com';
const PEOPLE: Readonly<Record<string, readonly string[]>> = {
  ann: ['admins'],
  ben: ['readers', 'others'],
  cid: ['others'],
  // The name of a user that Elasticsearch keeps to itself.
  elastic: ['admins'],
};

/** Traefik's part of the page, as it stands there. */
function chainOfPage(): string {
  const found = readFileSync(PAGE, 'utf8').match(/```yaml\n(http:\n[\s\S]*?)```/)?.[1];
  if (found === undefined) throw new Error('docs/elasticsearch.md shows no chain for Traefik any more');
  return found;
}

/**
 * Client, real Traefik with a chain of two forwardAuths, real Elasticsearch as
 * the service: the first asks who somebody is, the second makes that one a user.
 */
describeTraefik("elastauth's place in a chain of Traefik", binary => {
  describeElasticsearch('before Elasticsearch', start => {
    let es: Elasticsearch;
    let postern: Postern;
    let traefik: Traefik;
    let metrics = '';

    const ask = (
      path: string,
      name?: string,
      headers: Readonly<Record<string, string>> = {},
      host = DOMAIN,
    ) =>
      new Promise<{ status: number; retryAfter: string | undefined; text: string }>((resolve, reject) => {
        const credential =
          name === undefined
            ? {}
            : { authorization: `Basic ${Buffer.from(`${name}:${name}-password`).toString('base64')}` };
        const sent = request(
          { host: '127.0.0.1', port: traefik.port, path, headers: { host, ...credential, ...headers } },
          answer => {
            let text = '';
            answer.setEncoding('utf8');
            answer.on('data', part => {
              text += part;
            });
            const { statusCode: status = 0 } = answer;
            answer.on('end', () => resolve({ status, retryAfter: answer.headers['retry-after'], text }));
          },
        );
        sent.on('error', reject);
        sent.end();
      });
    /** Whom Elasticsearch takes this client for. */
    const who = async (name?: string, headers: Readonly<Record<string, string>> = {}, host = DOMAIN) => {
      const { status, text } = await ask('/_security/_authenticate', name, headers, host);
      const user = status === 200 ? JSON.parse(text) : undefined;
      return [status, user?.username, user?.roles];
    };
    const users = async (people: Readonly<Record<string, readonly string[]>>) => {
      const cheap = { memoryCost: 8_192, timeCost: 1, parallelism: 1 };
      const entries = Object.entries(people).map(async ([name, groups]) => {
        const mail = { displayname: name, email: `${name}@example.com` };
        return [name, { ...mail, password: await hash(`${name}-password`, cheap), groups }];
      });
      return JSON.stringify({ users: Object.fromEntries(await Promise.all(entries)) });
    };

    const writeUsers = (text: string) => writeFileSync(join(postern.home, 'users.yml'), text);

    beforeAll(async () => {
      es = await start();
      const [main, dropIn] = (await freePorts(2)) as [number, number];
      metrics = `http://127.0.0.1:${main}/metrics`;
      const config = {
        server: { address: `tcp://127.0.0.1:${main}` },
        authentication_backend: { file: { path: 'users.yml' } },
        access_control: {
          default_policy: 'deny',
          rules: [
            { domain: 'open.example.com', policy: 'bypass' },
            { domain: DOMAIN, policy: 'one_factor' },
          ],
        },
        // Traefik's entry point here serves plain http.
        allow_http: ['*.example.com'],
        elasticsearch: {
          hosts: [es.url],
          username: 'elastic',
          password: ELASTIC_PASSWORD,
          listen: `127.0.0.1:${dropIn}`,
          peers: ['127.0.0.1'],
        },
        group_mappings: { admins: ['superuser'], readers: ['viewer'] },
        default_roles: ['kibana_user'],
        cache: { expiration: '1s' },
      };
      postern = await startPostern({
        'users.yml': await users(PEOPLE),
        'postern.yml': JSON.stringify(config),
      });
      const dynamic = parse(
        substitute(chainOfPage(), {
          // Ours in Authelia's place.
          'http://authelia:9091/api/verify?rd=https://auth.example.com': `http://127.0.0.1:${main}/api/authz/forward-auth`,
          'http://postern:5000/': `http://127.0.0.1:${dropIn}/`,
          'http://kibana:5601': es.url,
          '[websecure]': '[web]',
          'Host(`kibana.example.com`)': 'Host(`kibana.example.com`) || Host(`open.example.com`)',
          '      tls: {}\n': '',
        }),
      );
      traefik = await startTraefik({ binary: binary(), dynamic });
    }, 1_200_000);
    afterAll(async () => {
      await traefik?.stop();
      await postern?.stop();
      await es?.stop();
      removeTempDirectories();
    });

    it('lets everybody reach Elasticsearch as a user of its own', async () => {
      expect(await who('ann')).toEqual([200, 'ann', ['superuser']]);
      expect(await who('ben')).toEqual([200, 'ben', ['viewer']]);
      expect(await who('cid')).toEqual([200, 'cid', ['kibana_user']]);
      // With those roles' rights.
      expect((await ask('/_security/user', 'ann')).status).toBe(200);
      expect((await ask('/_security/user', 'ben')).status).toBe(403);
      const { body } = await es.ask('GET', '/_security/user/ben');
      expect(body.ben).toMatchObject({
        email: 'ben@example.com',
        metadata: { groups: ['readers', 'others'] },
      });
    });

    it('lets nobody in who is not let in by the first', async () => {
      // Not even with a credential that Elasticsearch itself would take.
      const own = `Basic ${Buffer.from(`elastic:${ELASTIC_PASSWORD}`).toString('base64')}`;
      // Together: a refused password is answered after two seconds.
      const answers = await Promise.all([
        who(),
        who('ann', { authorization: 'Basic YW5uOndyb25n' }),
        who('nobody'),
        who(undefined, { authorization: own }),
        // Whom nobody names is no user, though a rule lets everybody pass.
        who(undefined, {}, 'open.example.com'),
        who(undefined, { authorization: own }, 'open.example.com'),
      ]);
      expect(answers.map(([status]) => status)).toEqual(Array(6).fill(401));
    });

    it('believes no name that a client brings', async () => {
      const forged = { 'remote-user': 'ann', 'remote-groups': 'admins', 'remote-email': 'x@example.com' };
      expect(await who('ben', forged)).toEqual([200, 'ben', ['viewer']]);
      expect((await who(undefined, forged))[0]).toBe(401);
      expect((await who(undefined, forged, 'open.example.com'))[0]).toBe(401);
      expect((await who(undefined, { remote_user: 'ann' }, 'open.example.com'))[0]).toBe(401);
    });

    it('is closed to whoever has the name of a user that is not theirs', async () => {
      expect((await who('elastic'))[0]).toBe(403);
      expect(postern.logged('is not ours')).toHaveLength(1);
      expect((await es.ask('GET', '/')).status).toBe(200);
    });

    it('names the same user to many requests at once, and gives other roles when the groups change', async () => {
      const first = await Promise.all(Array.from({ length: 50 }, () => who('cid')));
      expect(new Set(first.map(one => JSON.stringify(one))).size).toBe(1);
      writeUsers(await users({ ...PEOPLE, cid: ['readers'] }));
      await waitUntil('other roles', async () => JSON.stringify((await who('cid'))[2]) === '["viewer"]');
      writeUsers(await users(PEOPLE));
      await waitUntil('the roles of before', async () => (await who('cid'))[2]?.[0] === 'kibana_user');
    });

    it('says 503 when to come again while Elasticsearch is stopped, and goes on by itself', async () => {
      await es.stop();
      const refused = await waitUntil('503', async () => {
        const answer = await ask('/', 'ben');
        return answer.status === 503 && answer;
      });
      expect(refused.retryAfter).toBe('5');
      expect(postern.logged('ERR_ELASTIC_UNREACHABLE').length).toBeGreaterThan(0);
      await es.start();
      await waitUntil('ben', async () => (await who('ben'))[1] === 'ben', 60_000);
      expect(await (await fetch(metrics)).text()).toContain(
        'postern_elasticsearch_provisions_total{result="unavailable"}',
      );
    }, 150_000);
  });
});
