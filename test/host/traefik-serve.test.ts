import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { NOT_WEBSOCKET } from '../../host/cli/traefik-forward-auth.ts';
import { deriveGuestKey, verdictTag } from '../../host/secret/derive.ts';
import { formatSecret } from '../../host/secret/secret.ts';
import { type Child, startChild } from '../support/child.ts';
import { exampleFile } from '../support/example.ts';
import { freePort } from '../support/net.ts';
import { BUNDLE, runCli } from '../support/run-cli.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';
import { ask } from '../support/test-app.ts';
import { waitUntil } from '../support/wait.ts';

const OLD = Buffer.alloc(32, 1);
const NEW = Buffer.alloc(32, 2);
const COMMAND = ['traefik', 'app.example.com', '--service', 'http://127.0.0.1:8080'];
const CONFIG =
  "authentication_backend: { file: { path: users.yml } }\naccess_control: { default_policy: 'deny' }\n";

afterAll(removeTempDirectories);

interface Serving {
  readonly child: Child;
  readonly port: number;
  readonly secretFile: string;
  readonly configFile: string;
  tags(): Promise<string>;
}

async function serving(flags: readonly string[] = []): Promise<Serving> {
  const home = tempDirectory();
  const [secretFile, configFile] = [join(home, 'postern.secret'), join(home, 'postern.yml')];
  writeFileSync(secretFile, formatSecret(OLD), { mode: 0o600 });
  writeFileSync(configFile, CONFIG);
  const port = await freePort();
  const args = [...COMMAND, '--config', configFile, '--serve', '--listen', `127.0.0.1:${port}`, ...flags];
  const child = startChild(process.execPath, [BUNDLE, ...args], {
    env: { POSTERN_SECRET_FILE: secretFile },
  });
  await child.waitFor(/at http:\/\/127\.0\.0\.1:\d+\/traefik\.json/);
  return {
    child,
    port,
    secretFile,
    configFile,
    tags: async () => (await ask(port, '/traefik.json', [])).body,
  };
}

describe('postern traefik --serve', () => {
  it('gives what the command prints, and follows the secret', async () => {
    const { child, port, secretFile, tags, configFile } = await serving();
    const answer = await ask(port, '/traefik.json', []);
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': /json/ } });
    const printed = await runCli([...COMMAND, '--config', configFile, '--dynamic', '--json'], {
      env: { POSTERN_SECRET: formatSecret(OLD) },
    });
    expect(JSON.parse(answer.body)).toEqual(JSON.parse(printed.out));
    expect(await tags()).toContain(verdictTag(deriveGuestKey(OLD)));
    writeFileSync(secretFile, formatSecret(NEW));
    await waitUntil('the new tag', async () => (await tags()).includes(verdictTag(deriveGuestKey(NEW))));
    expect(await tags()).not.toContain(verdictTag(deriveGuestKey(OLD)));
    expect(await child.stop()).toBe(0);
    for (const key of [OLD, NEW]) expect(child.output).not.toContain(formatSecret(key));
  });

  it('keeps what it had while the configuration is broken, and says so', async () => {
    const { child, configFile, tags } = await serving();
    const before = await tags();
    writeFileSync(configFile, 'server: [');
    await waitUntil('the complaint', async () => {
      expect(await tags()).toBe(before);
      return child.output.includes('the configuration cannot be used');
    });
    writeFileSync(configFile, CONFIG);
    expect(await tags()).toBe(before);
    await child.stop();
  });

  it('refuses a proxy that asks for leave to pass, and everything but its one path', async () => {
    const { child, port } = await serving(['--no-plugin']);
    for (const name of ['X-Forwarded-Uri', 'X-Original-URL', 'X-Real-IP', 'Forwarded', 'Postern-Request']) {
      expect((await ask(port, '/traefik.json', [[name, '/']])).status).toBe(403);
    }
    expect((await ask(port, '/', [])).status).toBe(404);
    expect((await ask(port, '/traefik.json', [], 'POST')).status).toBe(405);
    await child.stop();
  });

  it.each([
    [['--listen', '9092'], 2, /--listen 9092: must be HOST:PORT/],
    [['--listen', '127.0.0.1:99999'], 2, /must be HOST:PORT/],
    [['--listen', '192.0.2.1:9092'], 1, /cannot listen there/],
    [['--json'], 2, /cannot be used with/],
    [['--endpoint', 'http://127.0.0.1:1/x'], 2, /cannot be used with/],
  ])('%s: exit code %s', async (flags, code, message) => {
    const env = { POSTERN_SECRET: formatSecret(OLD) };
    const run = await runCli([...COMMAND, '--serve', ...flags], { env });
    expect(run.code).toBe(code);
    expect(run.err).toMatch(message);
  });

  it('does not start without a configuration that can be used', async () => {
    const run = await runCli([...COMMAND, '--serve'], { env: {} });
    expect(run.code).toBe(1);
    expect(run.out).toBe('');
  });
});

describe('postern traefik --no-plugin', () => {
  const env = { POSTERN_SECRET: formatSecret(OLD) };
  const printed = async () => {
    const run = await runCli([...COMMAND, '--no-plugin', '--json'], { env });
    return JSON.parse(run.out) as {
      static: object;
      dynamic: { http: { routers: Record<string, { rule: string }>; middlewares: Record<string, object> } };
    };
  };

  it('prints forwardAuth alone: no plugin, no verdict, no key', async () => {
    const setup = await printed();
    expect(Object.keys(setup.static)).toEqual(['entryPoints', 'providers']);
    const text = JSON.stringify(setup);
    expect(text).not.toContain(verdictTag(deriveGuestKey(OLD)));
    expect(text).not.toContain('parentRefs');
    expect(Object.keys(setup.dynamic.http.routers)).toEqual([
      'postern-app-example-com',
      'postern-app-example-com-no-upgrade',
    ]);
  });

  it('has the middlewares of examples/traefik/forward-auth.yml', async () => {
    const { routers, middlewares } = (await printed()).dynamic.http;
    const example = parse(exampleFile('traefik/forward-auth.yml', {})).http;
    expect(example.middlewares).toEqual({
      postern: middlewares['postern-host'],
      'postern-clean': middlewares['postern-clean'],
      'postern-no-upgrade': middlewares['postern-no-upgrade'],
    });
    expect(example.routers['myapp-no-upgrade'].rule).toBe(
      routers['postern-app-example-com-no-upgrade']?.rule,
    );
  });

  it('takes nothing but `websocket` for one', () => {
    const pattern = new RegExp(NOT_WEBSOCKET.replace('(?i)', ''), 'i');
    for (const value of ['websocket', 'WebSocket', 'WEBSOCKET']) expect(pattern.test(value)).toBe(false);
    const others = [
      '',
      'h2c',
      'websocke',
      'websockets',
      'websocket, h2c',
      'h2c, websocket',
      'websocket ',
      'xebsocket',
    ];
    for (const value of [
      ...others,
      ...[...'websocket'].map((_, i) => `${'websocket'.slice(0, i)}-${'websocket'.slice(i + 1)}`),
    ]) {
      expect(pattern.test(value), value).toBe(true);
    }
  });

  it('prints the HTTP provider in place of a directory', async () => {
    const endpoint = 'http://127.0.0.1:9092/traefik.json';
    const run = await runCli([...COMMAND, '--static', '--json', '--endpoint', endpoint], { env });
    expect(JSON.parse(run.out).providers).toEqual({ http: { endpoint, pollInterval: '5s' } });
    const bad = await runCli([...COMMAND, '--endpoint', '127.0.0.1:9092'], { env });
    expect([bad.code, bad.err]).toEqual([2, expect.stringContaining('--endpoint 127.0.0.1:9092: must be')]);
  });
});
