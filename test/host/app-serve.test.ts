import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { hash } from '@node-rs/argon2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Io } from '../../host/cli/io.ts';
import { serveCommand } from '../../host/cli/serve.ts';
import { createSecret } from '../../host/secret/secret.ts';
import { freePort } from '../support/net.ts';
import { ask } from '../support/test-app.ts';
import { waitUntil } from '../support/wait.ts';

let directory: string;
let port: number;
beforeEach(async () => {
  directory = mkdtempSync('/dev/shm/postern-serve-');
  port = await freePort();
  const digest = await hash('password-alice', { memoryCost: 64, timeCost: 1, parallelism: 1 });
  writeFileSync(join(directory, 'users.yml'), users(digest));
  writeFileSync(join(directory, 'postern.yml'), config());
});
afterEach(() => rmSync(directory, { recursive: true }));

const users = (digest: string) => `users:\n  alice:\n    displayname: Alice\n    password: '${digest}'\n`;
const config = () => `server:
  address: 'tcp://127.0.0.1:${port}'
authentication_backend:
  file:
    path: '${join(directory, 'users.yml')}'
guest:
  directory: '${join(directory, 'guest')}'
access_control:
  default_policy: 'deny'
  rules:
    - domain: 'app.example.com'
      policy: 'one_factor'
`;

/** Runs the command as main.ts does, with its own signal. */
function serve() {
  const stop = new AbortController();
  const text = { out: '', err: '' };
  const stream = (name: 'out' | 'err') => ({
    isTTY: false,
    write: (part: string) => {
      text[name] += part;
    },
  });
  const io: Io = {
    env: { POSTERN_SECRET: createSecret() },
    stdin: { isTTY: false, setRawMode() {}, async *[Symbol.asyncIterator]() {} },
    stdout: stream('out'),
    stderr: stream('err'),
    signal: stop.signal,
  };
  const done = serveCommand(io).parseAsync(['--config', join(directory, 'postern.yml')], { from: 'user' });
  return { done, stop, text };
}

describe('postern serve', () => {
  it('says in one line where it listens, serves, and stops without leaving anything running', async () => {
    const { done, stop, text } = serve();
    await waitUntil('the ready line', () => text.out !== '');
    expect(text.out).toBe(
      `postern: listening on http://127.0.0.1:${port}, guest directory ${join(directory, 'guest')}\n`,
    );
    const answer = await ask(port, '/api/authz/forward-auth', [
      ['X-Forwarded-Method', 'GET'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Host', 'app.example.com'],
      ['X-Forwarded-Uri', '/'],
      ['Authorization', `Basic ${Buffer.from('alice:password-alice').toString('base64')}`],
    ]);
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'remote-user': 'alice', 'remote-name': 'Alice' },
    });
    stop.abort();
    await done;
    expect(readdirSync(join(directory, 'guest'))).not.toContain('lock');
    await expect(ask(port, '/health', [])).rejects.toThrow('ECONNREFUSED');
  });

  it('goes on with the users it has when the file breaks, and shows it', async () => {
    const { done, stop, text } = serve();
    await waitUntil('the ready line', () => text.out !== '');
    writeFileSync(join(directory, 'users.yml'), 'users: [');
    await waitUntil('health to show it', async () =>
      (await ask(port, '/health', [])).body.includes('"users":{"status":"broken"}'),
    );
    expect((await ask(port, '/metrics', [])).body).toContain('postern_users_file_errors_total 1');
    expect(text.err).toContain('the users file cannot be used, the users read before stay in force');
    stop.abort();
    await done;
  });

  it('says what to do when the address is taken', async () => {
    const other = createServer();
    await new Promise<void>(resolve => other.listen(port, '127.0.0.1', resolve));
    await expect(serve().done).rejects.toThrow(
      `server.address: cannot listen on 127.0.0.1:${port} (another program listens there): stop that program, or set another address`,
    );
    await new Promise(resolve => other.close(resolve));
  });

  it.each(['nosuch.invalid', '192.0.2.1'])(
    'says so when the address is none of this machine, %s',
    async host => {
      const file = join(directory, 'postern.yml');
      writeFileSync(file, readFileSync(file, 'utf8').replace('127.0.0.1', host));
      // ENOTFOUND, EAI_AGAIN, EADDRNOTAVAIL
      await expect(serve().done).rejects.toThrow(
        new RegExp(`^server\\.address: cannot listen on ${host}:${port} \\(E\\w+\\): set another address$`),
      );
    },
  );

  it("says so of elastauth's address, too, by its own key", async () => {
    const other = createServer();
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
    const { port: taken } = other.address() as AddressInfo;
    const file = join(directory, 'postern.yml');
    const text = readFileSync(file, 'utf8');
    writeFileSync(
      file,
      `${text}elasticsearch: { hosts: ['http://127.0.0.1:1'], username: e, password: p, listen: '127.0.0.1:${taken}', peers: [127.0.0.1] }\n`,
    );
    try {
      await expect(serve().done).rejects.toThrow(
        `elasticsearch.listen: cannot listen on 127.0.0.1:${taken} (`,
      );
    } finally {
      await new Promise(resolve => other.close(resolve));
    }
  });

  it('says where the configuration names a bad guest directory', async () => {
    mkdirSync(join(directory, 'guest'));
    chmodSync(join(directory, 'guest'), 0o770);
    await expect(serve().done).rejects.toThrow(
      `${join(directory, 'postern.yml')}:7: guest.directory: ${join(directory, 'guest')} can be written by others (mode 0770), who could bring revoked grants back: run \`chmod 750 ${join(directory, 'guest')}\``,
    );
  });
});
