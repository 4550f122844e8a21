import { randomInt } from 'node:crypto';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hash } from '@node-rs/argon2';
import { deriveGuestKey } from '../secret/derive.ts';
import { createSecret, formatGuestKey, parseSecret } from '../secret/secret.ts';

/** Resolves to loopback everywhere (RFC 6761 section 6.3), and may be asked for without TLS. */
export const DEMO_DOMAIN = 'myapp.localhost';
export const SERVICE_ACCOUNT = 'my-service-account';

/** A demonstration on disk: everything that an operator would write, with fresh secrets. */
export interface DemoFiles {
  readonly home: string;
  readonly configFile: string;
  readonly guestDirectory: string;
  readonly keyFile: string;
  /** Text of the root secret, for the host's environment. */
  readonly secret: string;
  readonly guestKey: Uint8Array;
  readonly passwords: Readonly<Record<string, string>>;
  remove(): void;
}

/** Parameters of the service-account guide's digests. */
const COST = { memoryCost: 65_536, timeCost: 3, parallelism: 2 };
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Writes users, rules and keys into a temporary folder; `hostPort` is where the host will listen. */
export async function writeDemoFiles(hostPort: number): Promise<DemoFiles> {
  const home = mkdtempSync(join(tmpdir(), 'postern-demo-'));
  const guestParent = mkdtempSync(join(memoryDirectory(), 'postern-demo-'));
  const guestDirectory = join(guestParent, 'guest');
  mkdirSync(join(home, 'key'), { mode: 0o750 });
  const secret = createSecret();
  const parsed = parseSecret(secret);
  if (!parsed.ok) throw new TypeError(parsed.problem.message);
  const guestKey = deriveGuestKey(parsed.key);
  const keyFile = join(home, 'key', 'guest.key');
  writeFileSync(keyFile, `${formatGuestKey(guestKey)}\n`, { mode: 0o600 });
  const passwords = { [SERVICE_ACCOUNT]: randomPassword(72), john: randomPassword(20) };
  writeFileSync(join(home, 'users.yml'), await usersFile(passwords), { mode: 0o600 });
  const configFile = join(home, 'postern.yml');
  writeFileSync(configFile, configText(hostPort, guestDirectory));
  return {
    home,
    configFile,
    guestDirectory,
    keyFile,
    secret,
    guestKey,
    passwords,
    remove() {
      for (const path of [home, guestParent]) rmSync(path, { recursive: true, force: true });
    },
  };
}

function configText(hostPort: number, guestDirectory: string): string {
  return `server:
  address: 'tcp://127.0.0.1:${hostPort}'
log:
  level: warn
authentication_backend:
  file:
    path: users.yml
guest:
  directory: '${guestDirectory}'
access_control:
  default_policy: deny
  rules:
    # Service accounts push with a password alone …
    - domain:
        - ${DEMO_DOMAIN}
      policy: one_factor
      resources:
        - '^/api/push([/?].*)?$'
      subject:
        - ['group:myapp', 'group:service']
    # … and do nothing else.
    - domain:
        - ${DEMO_DOMAIN}
      policy: deny
      subject:
        - 'group:service'
    # People need a second factor.
    - domain:
        - ${DEMO_DOMAIN}
      policy: two_factor
      subject:
        - 'group:myapp'
`;
}

async function usersFile(passwords: Readonly<Record<string, string>>): Promise<string> {
  const account = await hash(passwords[SERVICE_ACCOUNT] ?? '', COST);
  const john = await hash(passwords.john ?? '', COST);
  return `users:
  ${SERVICE_ACCOUNT}:
    displayname: 'My Service Account'
    password: '${account}'
    email: 'my-service-account@example.com'
    groups:
      - 'myapp'
      - 'service'
  john:
    displayname: 'John Doe'
    password: '${john}'
    email: 'john.doe@example.com'
    groups:
      - 'myapp'
`;
}

function randomPassword(length: number): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/** tmpfs where the machine has one, as the guest directory should be. */
function memoryDirectory(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}
