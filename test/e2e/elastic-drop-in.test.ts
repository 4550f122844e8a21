import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSecret } from '../../host/secret/secret.ts';
import {
  describeElasticsearch,
  ELASTIC_PASSWORD,
  type Elasticsearch,
} from '../support/elasticsearch/elasticsearch.ts';
import { freePorts } from '../support/net.ts';
import { type Postern, posternCommand, startPostern } from '../support/postern.ts';
import { removeTempDirectories } from '../support/temp.ts';

/** The users file is not asked here; it must hold somebody. */
const USERS = `users: { nobody: { displayname: Nobody, password: '$2b$04$${'a'.repeat(53)}' } }\n`;

const root = fileURLToPath(new URL('../../', import.meta.url));
const secrets = {
  POSTERN_SECRET: createSecret(),
  ELASTAUTH_ELASTICSEARCH_PASSWORD: ELASTIC_PASSWORD,
  ELASTAUTH_AUTH_PROVIDER: 'authelia',
};

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

describeElasticsearch("elastauth's place, from the seed's configuration", start => {
  let es: Elasticsearch;
  let postern: Postern;
  let port = 0;
  let main = 0;

  const ask = (
    path: string,
    headers: Readonly<Record<string, string | string[]>> = {},
    method = 'GET',
    to = port,
  ) =>
    new Promise<Reply>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: to, path, method, headers, agent: false }, response => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', part => {
          body += part;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        );
      });
      sent.on('error', reject);
      sent.end();
    });
  const TEST = {
    'Remote-User': 'testuser',
    'Remote-Groups': 'admins,users',
    'Remote-Email': 'test@example.com',
  };

  beforeAll(async () => {
    es = await start();
    [port, main] = (await freePorts(2)) as [number, number];
    postern = await startPostern(
      {
        'users.yml': USERS,
        'postern.yml': `
server: { address: 'tcp://127.0.0.1:${main}' }
authentication_backend: { file: { path: users.yml } }
access_control: { default_policy: deny, rules: [{ domain: app.example.com, policy: one_factor }] }
proxy:
  enabled: false
auth_provider: "authelia"
elasticsearch:
  hosts: ["${es.url}"]
  username: "elastic"
  peers: ["127.0.0.1"]
secret_key: "${'0'.repeat(64)}"
default_roles: ["kibana_user"]
group_mappings: { Admins: [superuser, kibana_admin], users: [viewer, superuser] }
cache:
  type: "memory"
  expiration: "1h"
listen: "127.0.0.1:${port}"
log_level: "info"
`,
      },
      secrets,
    );
  }, 200_000);
  afterAll(async () => {
    await postern?.stop();
    await es?.stop();
    removeTempDirectories();
  });

  it('answers as the seed expects, with a password that Elasticsearch takes', async () => {
    const { status, headers, body } = await ask('/', TEST);
    expect([status, JSON.parse(body)]).toEqual([
      200,
      {
        message: 'Authentication successful',
        username: 'testuser',
        groups: ['admins', 'users'],
        email: 'test@example.com',
      },
    ]);
    const user = await es.authenticate(String(headers.authorization));
    expect([user.status, user.body.username, user.body.roles]).toEqual([
      200,
      'testuser',
      ['superuser', 'kibana_admin', 'viewer'],
    ]);
    for (const [path, method] of [
      ['/', 'HEAD'],
      ['/elastauth', 'GET'],
      ['/elastauth', 'HEAD'],
    ] as const) {
      const again = await ask(path, TEST, method);
      expect([again.status, again.headers.authorization]).toEqual([200, headers.authorization]);
      if (method === 'HEAD') expect(again.body).toBe('');
    }
  });

  it('tells the operator how its old keys and variables are called now', () => {
    for (const line of [
      'listen: is elastauth',
      'log_level: is elastauth',
      "ELASTAUTH_ELASTICSEARCH_PASSWORD: is elastauth's variable: write `POSTERN_ELASTICSEARCH_PASSWORD`",
      'secret_key: not used',
    ]) {
      expect(postern.logged(line)).toHaveLength(1);
    }
  });

  it.each([
    ['no user', {}, 401, 'missing authentication headers: Remote-User'],
    ['an empty user', { 'Remote-User': ' ' }, 401, 'missing authentication headers: Remote-User'],
    ['two users', { 'Remote-User': ['a', 'b'] }, 400, 'Header is repeated: Remote-User'],
    [
      'a long user',
      { 'Remote-User': 'a'.repeat(256) },
      400,
      'username exceeds maximum length of 255 characters (got 256)',
    ],
    ['a bad mail', { 'Remote-User': 'a', 'Remote-Email': 'nobody' }, 400, 'email format is invalid'],
    [
      'a long group',
      { 'Remote-User': 'a', 'Remote-Groups': `b,${'g'.repeat(256)}` },
      400,
      'group name exceeds maximum length of 255 characters (got 256)',
    ],
    [
      'a long name',
      { 'Remote-User': 'a', 'Remote-Name': 'n'.repeat(501) },
      400,
      'name exceeds maximum length of 500 characters (got 501)',
    ],
    ['a user that is not UTF-8', { 'Remote-User': 'j\xf6rg' }, 400, 'Header is not UTF-8: Remote-User'],
    ['a reserved user', { 'Remote-User': 'elastic' }, 403, 'this user of Elasticsearch is not managed here'],
  ] as const)('refuses %s', async (_name, headers, status, message) => {
    const answer = await ask('/', headers as Record<string, string>);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([status, { message, code: status }]);
    expect(answer.headers.authorization).toBeUndefined();
  });

  it('serves nothing else to a proxy, and its health to whoever watches', async () => {
    expect((await ask('/', TEST, 'POST')).status).toBe(405);
    expect((await ask('/other', TEST)).status).toBe(404);
    for (const path of ['/health', '/live', '/ready', '/config']) {
      expect([path, (await ask(path)).status]).toEqual([path, 200]);
      // A proxy that was given this address would take 200 for leave to pass.
      expect([path, (await ask(path, { 'X-Forwarded-Host': 'a.test' })).status]).toEqual([path, 403]);
    }
    expect(JSON.parse((await ask('/ready')).body)).toEqual({
      status: 'OK',
      elasticsearch: { status: 'ok' },
      cache: { type: 'memory', status: 'ok' },
    });
    expect(JSON.parse((await ask('/config')).body)).toMatchObject({
      default_roles: ['kibana_user'],
      group_mappings: { Admins: ['superuser', 'kibana_admin'] },
      elasticsearch: { username: 'elastic', password: '***' },
    });
  });

  it.each(
    [
      ...readFileSync(join(root, 'docs/elasticsearch.md'), 'utf8').matchAll(
        /^```sh elastic\n([\s\S]*?)^```$/gm,
      ),
    ].map(([, text]) => text as string),
  )('does what docs/elasticsearch.md shows: %s', text => {
    const bin = posternCommand(postern.home);
    const here = text
      .replaceAll('http://localhost:5000', `http://127.0.0.1:${port}`)
      .replaceAll('http://elasticsearch:9200', es.url);
    const run = spawnSync('bash', ['-euo', 'pipefail', '-c', here], {
      cwd: postern.home,
      env: { PATH: `${bin}:${process.env.PATH}`, HOME: postern.home, ELASTIC_PASSWORD, ...secrets },
      encoding: 'utf8',
    });
    expect([run.status, run.stderr]).toEqual([0, expect.not.stringContaining('error:')]);
    if (text.includes('test@example.com')) {
      const shown = /^```json elastic\n(.*)\n```$/m.exec(
        readFileSync(join(root, 'docs/elasticsearch.md'), 'utf8'),
      );
      expect(run.stdout.trim()).toBe(shown?.[1]);
    }
  });

  it('names no secret and no password anywhere', async () => {
    const { headers } = await ask('/', TEST);
    const [, password = ''] = Buffer.from(String(headers.authorization).slice(6), 'base64')
      .toString()
      .split(':');
    expect(password.length).toBe(43);
    const shown = [
      postern.child.output,
      (await ask('/config')).body,
      (await ask('/ready')).body,
      (await ask('/metrics', {}, 'GET', main)).body,
      JSON.stringify((await es.ask('GET', '/_security/user/testuser')).body),
    ].join('\n');
    expect(shown).toContain('postern_elasticsearch_provisions_total{result="ready"}');
    for (const secret of [
      password,
      ELASTIC_PASSWORD,
      String(headers.authorization).slice(6),
      '0'.repeat(64),
    ]) {
      expect(shown.includes(secret)).toBe(false);
    }
  });
});

describeElasticsearch("elastauth's place, for others than its peers", start => {
  it('is closed, and the log says which key names them', async () => {
    const es = await start();
    const [port, main] = (await freePorts(2)) as [number, number];
    const postern = await startPostern({
      'users.yml': USERS,
      'postern.yml': `
server: { address: 'tcp://127.0.0.1:${main}' }
authentication_backend: { file: { path: users.yml } }
access_control: { default_policy: deny, rules: [{ domain: app.example.com, policy: one_factor }] }
elasticsearch:
  hosts: ${es.url}
  username: elastic
  password: ${ELASTIC_PASSWORD}
  listen: 127.0.0.1:${port}
  peers: [192.0.2.1]
  config_peers: []
`,
    });
    const ask = (path: string) =>
      fetch(`http://127.0.0.1:${port}${path}`, { headers: { 'Remote-User': 'eve' } });
    expect((await ask('/')).status).toBe(403);
    expect((await ask('/config')).status).toBe(403);
    expect((await es.ask('GET', '/_security/user/eve')).status).toBe(404);
    expect(postern.logged('elasticsearch.peers')).toHaveLength(1);
    await postern.stop();
    await es.stop();
    removeTempDirectories();
  }, 120_000);
});
