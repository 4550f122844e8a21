import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { systemClock } from '../../host/clock.ts';
import { parseConfig } from '../../host/config/parse.ts';
import { createLogger } from '../../host/log/logger.ts';
import { SessionService } from '../../host/session/service.ts';
import type { NewSession, Sessions } from '../../host/session/sessions.ts';
import { openStore } from '../../host/store/open.ts';
import { openFileDirectory } from '../../host/users/file-directory.ts';
import type { Stack } from './stack.ts';

/** Sessions made beside a stack's host: whoever has the database and the secret makes them, as another host does. */
export interface StackSessions {
  readonly sessions: Sessions;
  /** A session of one factor on `example.com` unless told otherwise; answers its token. */
  begin(username: string, over?: Partial<NewSession>): Promise<string>;
  close(): Promise<void>;
}

export async function openStackSessions(stack: Stack): Promise<StackSessions> {
  const yaml = { file: stack.configFile, text: readFileSync(stack.configFile, 'utf8') };
  const { config } = parseConfig({ yaml, env: stack.hostEnv, isTerminal: false });
  const { secret, storage, cookies = [] } = config;
  if (secret === undefined || storage === undefined) throw new Error('no database');
  const store = await openStore(storage, { secret, random: randomBytes });
  const sessions = new SessionService({
    ...{ store, cookies, secret, previousSecret: undefined },
    directory: openFileDirectory(stack.usersFile, { watch: false, search: config.usersSearch }),
    clock: systemClock,
    random: randomBytes,
    log: createLogger({ level: 'error', format: 'text', colour: false, write: () => {} }),
    revoke: () => {},
  });
  return {
    sessions,
    async begin(username, over = {}) {
      const details = { address: '192.0.2.1', agent: 'Firefox' };
      const begun = await sessions.begin({
        ...{ username, domain: 'example.com', level: 1, remember: false, details },
        ...over,
      });
      if (begun === undefined) throw new Error('no session');
      return begun.token;
    },
    close: () => store.close(),
  };
}
