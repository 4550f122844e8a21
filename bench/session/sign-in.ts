import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { systemClock } from '../../host/clock.ts';
import { parseConfig } from '../../host/config/parse.ts';
import { silentLogger } from '../../host/log/logger.ts';
import { formatSecret } from '../../host/secret/secret.ts';
import { SessionService } from '../../host/session/service.ts';
import { openStore } from '../../host/store/open.ts';
import { openFileDirectory } from '../../host/users/file-directory.ts';
import type { HostFiles } from '../support/traefik-stage.ts';

/**
 * A session of `username`, made as another host does that has the database and
 * the secret; answers the cookie, `name=value`.
 */
export async function signIn(
  { configFile, usersFile, secret }: HostFiles,
  username: string,
  domain: string,
): Promise<string> {
  const { config } = parseConfig({
    yaml: { file: configFile, text: readFileSync(configFile, 'utf8') },
    env: { POSTERN_SECRET: formatSecret(secret) },
    isTerminal: false,
  });
  const { storage, cookies = [] } = config;
  const cookie = cookies.find(each => each.domain === domain);
  if (storage === undefined || cookie === undefined) throw new Error('the configuration has no sessions');
  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  const store = await openStore(storage, { secret, random });
  const sessions = new SessionService({
    ...{ store, cookies, secret, previousSecret: undefined },
    directory: openFileDirectory(usersFile, { watch: false, search: config.usersSearch }),
    clock: systemClock,
    random,
    log: silentLogger,
    revoke: () => {},
  });
  const details = { address: '192.0.2.10', agent: 'Firefox' };
  const begun = await sessions.begin({ username, domain, level: 1, remember: false, details });
  await store.close();
  if (begun === undefined) throw new Error('no session could be made');
  return `${cookie.session.cookieName}=${begun.token}`;
}
