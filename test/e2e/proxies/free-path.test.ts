import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { startChild } from '../../support/child.ts';
import { exampleFile } from '../../support/example.ts';
import { freePort } from '../../support/net.ts';
import { BUNDLE } from '../../support/run-cli.ts';
import { removeTempDirectories, tempDirectory } from '../../support/temp.ts';
import { askTls } from '../../support/tls-client.ts';
import { describeTraefik, startTraefik, type Traefik, type Tree } from '../../support/traefik.ts';
import { waitUntil } from '../../support/wait.ts';
import { APP, startWorld, type World } from '../../support/world.ts';

/** A block that was written for a forward-auth service of one's own, and that service's token. */
const TOKEN = 'valid-token-123';
const FORGED = 'f0rged';

describeTraefik('a Traefik block for a service of one’s own with another address', binary => {
  let world: World;
  let traefik: Traefik;
  let port: number;

  beforeAll(async () => {
    const file = join(tempDirectory(), 'tokens.yml');
    const headers = { 'X-User-ID': '{username}', 'X-User-Roles': '{groups}' };
    world = await startWorld({ tokens: { file }, identity_headers: headers });
    const args = ['token', 'import', 'user-abc', '--group', 'admin', '--group', 'user'];
    const command = [BUNDLE, ...args, '--config', world.configFile];
    const imported = startChild(process.execPath, command, { env: world.env, input: `${TOKEN}\n` });
    expect([await imported.exit, imported.stderr]).toEqual([0, expect.stringContaining('warning')]);
    port = await freePort();
    const { certificate, key } = world.certificate;
    const dynamic = parse(
      exampleFile('traefik/free-path.yml', {
        '127.0.0.1:9091': `127.0.0.1:${world.hostPort}`,
        '127.0.0.1:8080': `127.0.0.1:${world.backend.port}`,
      }),
    ) as Tree;
    traefik = await startTraefik({
      binary: binary(),
      dynamic: { ...dynamic, tls: { certificates: [{ certFile: certificate, keyFile: key }] } },
      static: { entryPoints: { https: { address: `127.0.0.1:${port}` } } },
    });
    await waitUntil('the token', async () => (await ask('/x', `Bearer ${TOKEN}`)).status === 200);
  }, 120_000);

  afterAll(async () => {
    await traefik?.stop();
    await world?.stop();
    removeTempDirectories();
  });

  async function ask(path: string, authorization?: string) {
    world.backend.clear();
    const credential = authorization === undefined ? {} : { authorization };
    const headers = { 'X-User-ID': FORGED, 'X-User-Roles': FORGED, ...credential };
    return askTls(port, APP, path, { headers });
  }

  it('lets the token in, tells the application whose it is, and lets in nobody else', async () => {
    expect((await ask('/admin', `Bearer ${TOKEN}`)).status).toBe(200);
    expect(world.backend.received).toHaveLength(1);
    const told = world.backend.received[0]?.headers.filter(([name]) => /^x-user/i.test(name));
    expect(told?.sort()).toEqual([
      ['X-User-Id', 'user-abc'],
      ['X-User-Roles', 'admin,user'],
    ]);
    for (const credential of [undefined, 'Bearer valid-token-124', 'Bearer']) {
      expect((await ask('/admin', credential)).status).toBeOneOf([400, 401]);
      expect(world.backend.received).toEqual([]);
    }
  });

  it("keeps a client's own X-User-ID and X-User-Roles from the application", async () => {
    for (const [path, credential] of [
      ['/x', `Bearer ${TOKEN}`],
      ['/open', undefined],
    ] as const) {
      expect((await ask(path, credential)).status).toBe(200);
      expect(JSON.stringify(world.backend.received)).not.toContain(FORGED);
    }
  });
});
