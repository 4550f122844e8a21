import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hash } from '@node-rs/argon2';
import { createSecret } from '../../../host/secret/secret.ts';
import { type Child, startChild } from '../../support/child.ts';
import { freePort } from '../../support/net.ts';
import { guestDirectory, tempDirectory } from '../../support/temp.ts';
import { merge, type Tree } from '../../support/traefik.ts';
import { type Services, startServices } from './services.ts';

const postern = fileURLToPath(new URL('../../../dist/postern.mjs', import.meta.url));

/** Cheap to verify, so that tests do not wait. */
const CHEAP = { memoryCost: 8_192, timeCost: 1, parallelism: 1 };

export const PORTAL = 'https://auth.example.com';

export interface Member {
  readonly password: string;
  readonly groups: readonly string[];
  readonly displayname: string;
  readonly disabled?: boolean;
}

/** The seed's two users, and some of no group. */
export const MEMBERS = {
  admin: { password: 'Admin-pass-1!', groups: ['admins', 'users'], displayname: 'Admin User' },
  user: { password: 'User-pass-2!', groups: ['users'], displayname: 'Regular User' },
  guest: { password: 'Guest-pass-3!', groups: [], displayname: 'Zoë <Guest>' },
  layla: { password: 'Layla-pass-4!', groups: [], displayname: 'ليلى' },
  juergen: { password: 'Juergen-pass-5!', groups: [], displayname: 'Jürgen' },
} as const satisfies Record<string, Member>;

export type MemberName = keyof typeof MEMBERS;

/** As the seed's "Fine-Tune Access Control", in keys that exist, with a wildcard for the rest. */
export const RULES = [
  { domain: 'admin.example.com', policy: 'two_factor', subject: 'group:admins' },
  { domain: 'admin.example.com', policy: 'deny' },
  {
    domain: 'vault.example.com',
    resources: '^/admin([/?].*)?$',
    policy: 'two_factor',
    subject: 'group:admins',
  },
  { domain: 'vault.example.com', resources: '^/admin([/?].*)?$', policy: 'deny' },
  { domain: 'nextcloud.example.com', policy: 'one_factor', subject: 'group:users' },
  { domain: 'nextcloud.example.com', policy: 'deny' },
  { domain: 'jellyfin.example.com', policy: 'two_factor' },
  { domain: '*.example.com', policy: 'one_factor' },
];

export interface HomeOptions {
  /** Laid over postern.yml. */
  readonly config?: Tree;
  /** What a second node shares with the first. */
  readonly shared?: Pick<Home, 'secret' | 'usersFile' | 'notesFile'>;
}

/** The host with a portal, and the services; a proxy comes in front. */
export interface Home {
  readonly host: Child;
  readonly hostPort: number;
  readonly hostUrl: string;
  readonly services: Services;
  /** The root secret's text. */
  readonly secret: string;
  readonly guestDirectory: string;
  readonly directory: string;
  readonly usersFile: string;
  readonly notesFile: string;
  /** What the notifier has written; empty before that. */
  note(): string;
  writeUsers(users: Readonly<Record<string, Member>>): Promise<void>;
  /** @param more laid over postern.yml for this time */
  startHost(more?: Tree): Promise<void>;
  stopHost(): Promise<void>;
  /** Another command of the program on the same files; answers its output. */
  command(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

async function usersYaml(users: Readonly<Record<string, Member>>): Promise<string> {
  const entries = await Promise.all(
    Object.entries(users).map(async ([name, { password, ...rest }]) => [
      name,
      { ...rest, email: `${name}@example.com`, password: await hash(password, CHEAP) },
    ]),
  );
  // JSON is YAML.
  return JSON.stringify({ users: Object.fromEntries(entries) });
}

export async function startHome(options: HomeOptions = {}): Promise<Home> {
  const directory = tempDirectory();
  const guest = join(guestDirectory(), 'guest');
  mkdirSync(guest, { recursive: true, mode: 0o750 });
  const secret = options.shared?.secret ?? createSecret();
  const usersFile = options.shared?.usersFile ?? join(directory, 'users.yml');
  const notesFile = options.shared?.notesFile ?? join(directory, 'notification.txt');
  if (options.shared === undefined) writeFileSync(usersFile, await usersYaml(MEMBERS));
  const hostPort = await freePort();
  const configFile = join(directory, 'postern.yml');
  const config = merge(
    {
      server: { address: `tcp://127.0.0.1:${hostPort}` },
      log: { level: 'debug', format: 'json' },
      authentication_backend: { file: { path: usersFile } },
      session: { cookies: [{ domain: 'example.com', authelia_url: PORTAL }] },
      storage: { local: { path: join(directory, 'postern.sqlite3') } },
      notifier: { filesystem: { filename: notesFile } },
      guest: { directory: guest },
      access_control: { default_policy: 'deny', rules: RULES },
    },
    options.config ?? {},
  );
  const env = { POSTERN_SECRET: secret };
  const services = await startServices();
  const start = (args: readonly string[]) =>
    startChild(process.execPath, [postern, ...args, '--config', configFile], { env });

  let host: Child | undefined;
  async function startHost(more: Tree = {}): Promise<void> {
    writeFileSync(configFile, JSON.stringify(merge(config, more)));
    host = start(['serve']);
    await host.waitFor(/listening on/);
  }
  await startHost();
  return {
    get host() {
      if (host === undefined) throw new Error('the host has not been started');
      return host;
    },
    hostPort,
    hostUrl: `http://127.0.0.1:${hostPort}`,
    services,
    secret,
    guestDirectory: guest,
    directory,
    usersFile,
    notesFile,
    note: () => (existsSync(notesFile) ? readFileSync(notesFile, 'utf8') : ''),
    async writeUsers(users) {
      writeFileSync(usersFile, await usersYaml(users));
    },
    startHost,
    async stopHost() {
      await host?.stop();
    },
    async command(...args) {
      const child = start(args);
      const code = await child.exit;
      if (code !== 0) throw new Error(`postern ${args.join(' ')} ended with ${code}:\n${child.output}`);
      return child.output;
    },
    async stop() {
      await host?.stop();
      await services.stop();
    },
  };
}
