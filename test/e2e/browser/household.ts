import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hash } from '@node-rs/argon2';
import { traefikSetup } from '../../../host/cli/traefik-setup.ts';
import { deriveGuestKey } from '../../../host/secret/derive.ts';
import { createSecret, formatGuestKey, parseSecret } from '../../../host/secret/secret.ts';
import { selfSigned } from '../../support/certificate.ts';
import { type Child, startChild } from '../../support/child.ts';
import { freePort } from '../../support/net.ts';
import { guestDirectory, tempDirectory } from '../../support/temp.ts';
import { merge, startTraefik, type Traefik, type Tree } from '../../support/traefik.ts';
import { SERVICES, type Services, startServices } from './services.ts';

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

/** The seed's two users, and one of no group. */
export const MEMBERS = {
  admin: { password: 'Admin-pass-1!', groups: ['admins', 'users'], displayname: 'Admin User' },
  user: { password: 'User-pass-2!', groups: ['users'], displayname: 'Regular User' },
  guest: { password: 'Guest-pass-3!', groups: [], displayname: 'Zoë <Guest>' },
} as const satisfies Record<string, Member>;

export type MemberName = keyof typeof MEMBERS;

/** As the seed's "Fine-Tune Access Control", in keys that exist, with a wildcard for the rest. */
const RULES = [
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

export interface HouseholdOptions {
  /** Path of a Traefik. */
  readonly traefik: string;
  /** Laid over postern.yml. */
  readonly config?: Tree;
  /** What a second node shares with the first. */
  readonly shared?: Pick<Household, 'secret' | 'usersFile' | 'notesFile'>;
  /** More domains that lead to the services, and more names for the certificate. */
  readonly domains?: readonly string[];
  readonly names?: readonly string[];
  /** Default PORTAL. */
  readonly portals?: readonly string[];
}

/** One machine of the seed: real Traefik with the plugin and TLS, host with a portal, services. */
export interface Household {
  /** Traefik's port with TLS. */
  readonly port: number;
  readonly traefik: Traefik;
  readonly host: Child;
  readonly hostUrl: string;
  readonly services: Services;
  /** The root secret's text. */
  readonly secret: string;
  readonly home: string;
  readonly configFile: string;
  readonly usersFile: string;
  readonly notesFile: string;
  /** What the notifier has written last; empty before that. */
  lastNote(): string;
  writeUsers(users: Readonly<Record<string, Member>>): Promise<void>;
  startHost(): Promise<void>;
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

export async function startHousehold(options: HouseholdOptions): Promise<Household> {
  const home = tempDirectory();
  const directory = join(guestDirectory(), 'guest');
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  const secret = options.shared?.secret ?? createSecret();
  const guestKey = deriveGuestKey(rawSecret(secret));
  const keyDirectory = join(home, 'key');
  mkdirSync(keyDirectory, { mode: 0o750 });
  const keyFile = join(keyDirectory, 'guest.key');
  writeFileSync(keyFile, formatGuestKey(guestKey));

  const usersFile = options.shared?.usersFile ?? join(home, 'users.yml');
  const notesFile = options.shared?.notesFile ?? join(home, 'notification.txt');
  if (options.shared === undefined) writeFileSync(usersFile, await usersYaml(MEMBERS));
  const hostPort = await freePort();
  const hostUrl = `http://127.0.0.1:${hostPort}`;
  const configFile = join(home, 'postern.yml');
  const config = merge(
    {
      server: { address: `tcp://127.0.0.1:${hostPort}` },
      log: { level: 'debug', format: 'json' },
      authentication_backend: { file: { path: usersFile } },
      session: { cookies: [{ domain: 'example.com', authelia_url: PORTAL }] },
      storage: { local: { path: join(home, 'postern.sqlite3') } },
      notifier: { filesystem: { filename: notesFile } },
      guest: { directory },
      access_control: { default_policy: 'deny', rules: RULES },
    },
    options.config ?? {},
  );
  writeFileSync(configFile, JSON.stringify(config));
  const env = { POSTERN_SECRET: secret };
  const services = await startServices();

  const setup = traefikSetup({
    domains: [...SERVICES.map(name => `${name}.example.com`), ...(options.domains ?? [])].map(domain => ({
      domain,
      service: services.url,
    })),
    guestKey,
    hostAddress: hostUrl,
    directory,
    keyFile,
    entryPoints: { web: '' },
    portals: options.portals ?? [PORTAL],
  });
  const certificate = selfSigned(['example.com', '*.example.com', ...(options.names ?? [])]);
  const dynamic: Tree = merge(JSON.parse(JSON.stringify(setup.dynamic)) as Tree, {
    tls: { certificates: [{ certFile: certificate.certificate, keyFile: certificate.key }] },
  });

  let host: Child | undefined;
  async function startHost(): Promise<void> {
    host = startChild(process.execPath, [postern, 'serve', '--config', configFile], { env });
    await host.waitFor(/listening on/);
  }
  await startHost();
  const traefik = await startTraefik({
    binary: options.traefik,
    plugins: { postern: { mounts: setup.static.experimental.localPlugins.postern.settings.mounts } },
    dynamic,
  });
  return {
    port: traefik.port,
    traefik,
    get host() {
      if (host === undefined) throw new Error('the host has not been started');
      return host;
    },
    hostUrl,
    services,
    secret,
    home,
    configFile,
    usersFile,
    notesFile,
    lastNote: () => (existsSync(notesFile) ? readFileSync(notesFile, 'utf8') : ''),
    async writeUsers(users) {
      writeFileSync(usersFile, await usersYaml(users));
    },
    startHost,
    async stopHost() {
      await host?.stop();
    },
    async command(...args) {
      const child = startChild(process.execPath, [postern, ...args, '--config', configFile], { env });
      const code = await child.exit;
      if (code !== 0) throw new Error(`postern ${args.join(' ')} ended with ${code}:\n${child.output}`);
      return child.output;
    },
    async stop() {
      await traefik.stop();
      await host?.stop();
      await services.stop();
    },
  };
}

function rawSecret(text: string): Uint8Array {
  const secret = parseSecret(text);
  if (!secret.ok) throw new Error(secret.problem.message);
  return secret.key;
}
