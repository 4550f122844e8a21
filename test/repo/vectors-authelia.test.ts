import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hash } from '@node-rs/argon2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compare } from '../../tools/replay/compare.mjs';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/** `npm run vectors -- authelia FILE`: what it takes for equal, what for meant, and what it reports. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = tempDirectory();
afterAll(removeTempDirectories);

type Pairs = [string, string][];
interface Row {
  readonly endpoint: string;
  readonly case: string;
  readonly request_line: string;
  readonly request_headers: Pairs;
  readonly status: number;
  readonly headers: Pairs;
  readonly body: string;
  readonly seconds: number;
}

const row = (name: string, host: string, more: Partial<Row> = {}): Row => ({
  endpoint: 'forward-auth',
  case: name,
  request_line: 'GET /api/authz/forward-auth HTTP/1.1',
  request_headers: [
    ['Host', '127.0.0.1:9091'],
    ['X-Forwarded-Method', 'GET'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', host],
    ['X-Forwarded-Uri', '/'],
    ['X-Forwarded-For', '203.0.113.9'],
  ],
  status: 200,
  headers: [
    ['Content-Type', 'text/plain; charset=utf-8'],
    ['Content-Length', '6'],
    ['Connection', 'close'],
  ],
  body: '200 OK',
  seconds: 0.1,
  ...more,
});
const forbidden: Partial<Row> = {
  status: 403,
  headers: [
    ['Content-Type', 'text/plain; charset=utf-8'],
    ['Content-Length', '13'],
  ],
  body: '403 Forbidden',
};

describe('a file of recorded answers', () => {
  beforeAll(async () => {
    const digest = await hash('password', { memoryCost: 64, timeCost: 1, parallelism: 1 });
    writeFileSync(
      join(folder, 'configuration.yml'),
      `authentication_backend: { file: { path: users.yml } }
session: { cookies: [{ domain: example.com, authelia_url: 'https://auth.example.com' }] }
access_control:
  default_policy: deny
  rules:
    - { domain: public.example.com, policy: bypass }
`,
    );
    writeFileSync(
      join(folder, 'users.yml'),
      `users: { alice: { displayname: Alice, password: '${digest}' } }\n`,
    );
  });

  const replay = (...rows: Row[]) => {
    writeFileSync(join(folder, 'rows.jsonl'), rows.map(each => `${JSON.stringify(each)}\n`).join(''));
    const run = spawnSync(
      'npm',
      ['run', '--silent', 'vectors', '--', 'authelia', join(folder, 'rows.jsonl')],
      {
        cwd: root,
        encoding: 'utf8',
      },
    );
    const lines = run.stdout.split('\n').filter(line => line !== '' && !line.startsWith('built '));
    return { status: run.status, lines, stderr: run.stderr };
  };

  it('passes what is equal or meant, and says how often which', () => {
    const { status, lines } = replay(
      row('nobody may', 'denied.example.com', forbidden),
      row('everybody may', 'public.example.com'),
    );
    expect(lines).toEqual(['1 with a difference that is meant: empty identity', '2 passed, 0 failed']);
    expect(status).toBe(0);
  });

  it('reports each thing that is not', () => {
    const { status, lines } = replay(
      row('another status', 'denied.example.com'),
      row('another body', 'denied.example.com', { ...forbidden, body: '403 Verboten' }),
      row('another header', 'denied.example.com', {
        ...forbidden,
        headers: [...(forbidden.headers ?? []), ['X-Frame-Options', 'DENY']],
      }),
    );
    expect(status).toBe(1);
    expect(lines.at(-1)).toBe('0 passed, 3 failed');
    const text = lines.join('\n');
    expect(text).toContain(
      'forward-auth: another status: status: 200, got 403; body: "200 OK", got "403 Forbidden"',
    );
    expect(text).toContain('forward-auth: another body: body: "403 Verboten", got "403 Forbidden"');
    expect(text).toContain('forward-auth: another header: x-frame-options: "DENY", got none');
  });
});

describe('the kinds of difference that are meant', () => {
  const answer = (status: number, headers: Pairs = []) => ({ status, headers, body: '', seconds: 0 });
  const judged = (uri: string, status: number, headers: Pairs = []) =>
    compare(
      {
        ...row('', 'app.example.com', { body: '', headers: [] }),
        request_headers: row('', 'app.example.com').request_headers.map(([name, value]) => [
          name,
          name === 'X-Forwarded-Uri' ? uri : value,
        ]),
      },
      answer(status, headers),
      () => Promise.resolve(answer(status, headers)),
    );

  it.each([
    '/a/../b',
    '//a',
    '/a%2fb',
    '/a%5C',
    '/a%00',
    '/a%3b',
    '/a#b',
    '/a?b;c',
    '/a%ff',
    '/a%25',
    '/..;/a',
    '/a b',
    '/a%',
  ])('take a refusal of %j for meant, and nothing else', async uri => {
    expect(await judged(uri, 400)).toMatchObject({ meant: ['ambiguous path'], mismatch: '' });
    expect(await judged(uri, 302)).toMatchObject({ mismatch: 'status: 200, got 302' });
    expect((await judged(uri, 400, [['remote-user', 'alice']])).mismatch).toContain('status: 200, got 400');
  });

  it('take the stricter answer to a path with parameters for meant', async () => {
    for (const status of [302, 401, 403]) {
      expect(await judged('/a;b', status)).toMatchObject({ meant: ['ambiguous path'], mismatch: '' });
    }
    expect((await judged('/a;b', 400)).mismatch).toBe('status: 200, got 400');
  });

  it.each(['/', '/a/b.c', '/a%20b', '/%C3%A4', '/a?b=/../c', '/a?b=%2f', '/...'])(
    'have no excuse for a refusal of %j',
    async uri => {
      expect((await judged(uri, 400)).mismatch).toBe('status: 200, got 400');
    },
  );

  it('never excuse that somebody is let in, or is somebody else', async () => {
    const denied = { ...row('', 'app.example.com', { ...forbidden, headers: [] }), body: '' };
    const let_in = await compare(denied, answer(200, [['remote-user', '']]), () =>
      Promise.resolve(answer(200)),
    );
    expect(let_in.mismatch).toContain('status: 403, got 200');
    const alice = { ...row('', 'app.example.com'), body: '', headers: [['Remote-User', 'alice']] as Pairs };
    for (const user of ['bob', '']) {
      const got = await compare(alice, answer(200, [['remote-user', user]]), () =>
        Promise.resolve(answer(200)),
      );
      expect(got.mismatch).toContain('remote-user: "alice"');
    }
  });

  it('know cookies that come back for those of the request', async () => {
    const asked = { ...row('', 'app.example.com', { body: '', headers: [] }) };
    const request_headers: Pairs = [...asked.request_headers, ['Cookie', 'a=b; c=d']];
    const compared = (cookie: string) =>
      compare({ ...asked, request_headers }, answer(200, [['cookie', cookie]]), () =>
        Promise.resolve(answer(200)),
      );
    expect(await compared('a=b')).toMatchObject({ meant: ['cookie values and times'], mismatch: '' });
    expect((await compared('a=b; x=y')).mismatch).toBe('cookie: none, got "a=b; x=y"');
  });

  it('want the wait of a refused password', async () => {
    const slow = { ...row('', 'app.example.com', { ...forbidden, headers: [] }), body: '', seconds: 2.05 };
    const got = await compare(slow, answer(403), () => Promise.resolve(answer(403)));
    expect(got.mismatch).toBe('answered after 0.000 s');
  });
});
