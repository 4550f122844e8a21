import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GRANT_SLOT_SIZE } from '../../assembly/contract.ts';
import { type RecordHeader, readHeader } from '../../host/grant/seal.ts';
import { deriveGuestKey } from '../../host/secret/derive.ts';
import { formatGuestKey, formatSecret } from '../../host/secret/secret.ts';
import { type Child, startChild } from './child.ts';
import { type GuestTest, startGuest } from './guest.ts';
import { freePort } from './net.ts';
import { guestDirectory } from './temp.ts';
import { type Answer, ask } from './test-app.ts';

const postern = fileURLToPath(new URL('../../dist/postern.mjs', import.meta.url));

/** The real program, and the real guest on what it writes. */
export interface Service {
  readonly child: Child;
  readonly url: string;
  /** The guest directory. */
  readonly directory: string;
  readonly usersFile: string;
  /** postern.yml, and what it said at the start. */
  readonly configFile: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Forward-auth for `https://app.example.com/`, without a guest. */
  login(credential: string): Promise<Answer>;
  get(path: string): Promise<string>;
  /** A guest on the service's directory, with this plugin configuration. */
  guest(config?: object): GuestTest;
  /** Records of the grant table. */
  records(): RecordHeader[];
  /** Stops the host gracefully, does what is asked for, and starts it again on the same files. */
  restart(whileStopped?: () => void | Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/**
 * @param users text of the users file
 * @param file further keys of `authentication_backend.file`, as JSON
 * @param more further keys of the configuration, and of its `guest`
 */
export async function startService(
  users: string,
  file: object = {},
  { guest = {}, ...more }: { readonly guest?: object; readonly [key: string]: unknown } = {},
): Promise<Service> {
  const home = guestDirectory();
  const directory = join(home, 'guest');
  const usersFile = join(home, 'users.yml');
  const port = await freePort();
  writeFileSync(usersFile, users);
  const config = {
    server: { address: `tcp://127.0.0.1:${port}` },
    authentication_backend: { file: { path: usersFile, ...file } },
    guest: { directory, ...guest },
    access_control: { default_policy: 'deny', rules: [{ domain: 'app.example.com', policy: 'one_factor' }] },
    ...more,
  };
  const configFile = join(home, 'postern.yml');
  writeFileSync(configFile, JSON.stringify(config));
  const secret = randomBytes(32);
  const start = async () => {
    const started = startChild(process.execPath, [postern, 'serve', '--config', configFile], {
      env: { POSTERN_SECRET: formatSecret(secret) },
    });
    await started.waitFor(/listening on/);
    return started;
  };
  let child = await start();
  return {
    get child() {
      return child;
    },
    url: `http://127.0.0.1:${port}`,
    directory,
    usersFile,
    configFile,
    config,
    login: credential =>
      ask(port, '/api/authz/forward-auth', [
        ['X-Forwarded-Method', 'GET'],
        ['X-Forwarded-Proto', 'https'],
        ['X-Forwarded-Host', 'app.example.com'],
        ['X-Forwarded-Uri', '/'],
        ['Authorization', basic(credential)],
      ]),
    get: async path => (await ask(port, path, [])).body,
    guest: (pluginConfig = {}) =>
      startGuest(
        { directory, ...pluginConfig },
        { key: formatGuestKey(deriveGuestKey(secret)), mounts: { [directory]: directory } },
      ),
    records() {
      const name = readdirSync(directory).find(entry => entry.startsWith('grants-')) ?? '';
      const table = readFileSync(join(directory, name));
      const found: RecordHeader[] = [];
      for (let at = 0; at < table.length; at += GRANT_SLOT_SIZE) {
        const header = readHeader(table.subarray(at, at + GRANT_SLOT_SIZE));
        if (header !== undefined) found.push(header);
      }
      return found;
    },
    async restart(whileStopped) {
      await child.stop();
      await whileStopped?.();
      child = await start();
    },
    async stop() {
      await child.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

export function basic(credential: string): string {
  return `Basic ${Buffer.from(credential, 'utf8').toString('base64')}`;
}
