import { Command, Option } from 'commander';
import { decodeDetails } from '../session/details.ts';
import { endOf } from '../session/idle.ts';
import type { Session, Store } from '../store/store.ts';
import { formatTime } from '../tokens/time.ts';
import { accountNamed } from './ban-store.ts';
import { CommandError, EXIT_USAGE, type Io } from './io.ts';
import { configOption } from './options.ts';
import { withSessions } from './session-store.ts';
import { writeJson, writeTable } from './table.ts';

interface ListOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly user?: string;
}

interface RevokeOptions {
  readonly config?: string;
  readonly user?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

/** As much of an id as `list` shows; `revoke` takes any beginning that one session has. */
const SHOWN_ID = 8;

/** `postern session`: who is signed in. */
export function sessionCommand(io: Io): Command {
  return new Command('session')
    .description('show who is signed in, and sign people out')
    .addCommand(listCommand(io))
    .addCommand(revokeCommand(io))
    .addHelpText(
      'after',
      `
Sessions are in the database (\`storage\`): no host has to run, and every running one learns of a
session that ended within a second.

Examples:
  postern session list
  postern session revoke 3f9c01aa
  postern session revoke --user alice
  postern session revoke --all`,
    );
}

function listCommand(io: Io): Command {
  return new Command('list')
    .description('show the sessions that count now')
    .addOption(configOption())
    .option('--user <name>', 'of this user alone')
    .option('--json', 'as JSON, with all that is known')
    .action(async (options: ListOptions) => {
      const sessions = await withSessions(options.config, io, async (store, config) => {
        const now = Date.now();
        const all = await store.sessions.all(now);
        const name = options.user === undefined ? undefined : accountNamed(options.user, config, io);
        return all.filter(
          session =>
            endOf(session, config.cookies ?? []) > now && (name === undefined || session.username === name),
        );
      });
      if (options.json) writeJson(io, sessions.map(shown));
      else if (sessions.length > 0) writeSessions(io, sessions);
      else if (io.stdout.isTTY) io.stderr.write('nobody is signed in\n');
    })
    .addHelpText(
      'after',
      `
In a pipe the columns are separated by tabs: id, user, domain, factors, since, last active, end,
address, browser. Sessions of users who have a new password are listed until somebody tries to use
them; nobody gets in by one.

Examples:
  postern session list --user alice
  postern session list --json | jq -r '.[] | select(.factors == 2) | .user'`,
    );
}

function revokeCommand(io: Io): Command {
  return new Command('revoke')
    .description('end sessions: of a device, a user, or everybody')
    .argument('[id...]', 'beginnings of ids that `postern session list` shows')
    .addOption(configOption())
    .option('--user <name>', 'all sessions of this user')
    .addOption(new Option('--all', 'all sessions of everybody').conflicts('user'))
    .option('--json', 'print JSON')
    .action(async (ids: readonly string[], options: RevokeOptions) => {
      const ways = [ids.length > 0, options.user !== undefined, options.all === true].filter(Boolean);
      if (ways.length !== 1)
        throw new CommandError('name sessions by their ids, or give `--user` or `--all`', EXIT_USAGE);
      if (ids.includes('')) throw new CommandError('an id must not be empty', EXIT_USAGE);
      const ended = await withSessions(options.config, io, async (store, config) => {
        const now = Date.now();
        const before = new Map((await store.sessions.all(now)).map(session => [session.id, session]));
        const name = options.user === undefined ? undefined : accountNamed(options.user, config, io);
        const gone =
          ids.length > 0
            ? await revokeById(ids, store, [...before.keys()], now)
            : await store.sessions.removeAll(name, now);
        return gone.map(id => endedAs(id, before.get(id)));
      });
      if (options.json) writeJson(io, ended);
      else io.stderr.write(`ended: ${ended.length} ${ended.length === 1 ? 'session' : 'sessions'}\n`);
    })
    .addHelpText(
      'after',
      `
Who is signed out signs in again; their grants of passwords are looked at anew, too. To keep
somebody out, set \`disabled: true\` in the users file.

Examples:
  postern session revoke 3f9c01aa 77b0c3d1
  postern session revoke --user alice
  postern session revoke --all --json | jq -r '.[].user' | sort -u`,
    );
}

/** All of them are looked up before the first one ends; answers the ids of those that ended. */
async function revokeById(
  beginnings: readonly string[],
  store: Store,
  all: readonly string[],
  now: number,
): Promise<string[]> {
  const found = beginnings.map(beginning => {
    const [one, ...others] = all.filter(id => id.startsWith(beginning.toLowerCase()));
    if (one === undefined)
      throw new CommandError(`no session's id begins with \`${beginning}\`: see \`postern session list\``);
    if (others.length > 0)
      throw new CommandError(
        `${others.length + 1} sessions' ids begin with \`${beginning}\`: write more of it, see \`postern session list --json\``,
      );
    return one;
  });
  const ended: string[] = [];
  for (const id of new Set(found)) ended.push(...(await store.sessions.remove(id, now)));
  return ended;
}

/** Of one that was over already only the id is known. */
function endedAs(id: string, session: Session | undefined) {
  return { id, user: session?.username ?? null, domain: session?.domain ?? null };
}

function shown(session: Session) {
  const { address, agent } = decodeDetails(session.details);
  return {
    id: session.id,
    user: session.username,
    domain: session.domain,
    factors: session.level,
    since: formatTime(session.createdAt),
    active: formatTime(session.activeAt),
    end: formatTime(session.expiresAt),
    remembered: session.remember,
    ...(session.parent === undefined ? {} : { parent: session.parent }),
    address,
    browser: agent,
  };
}

const HEADINGS = ['ID', 'USER', 'DOMAIN', 'FACTORS', 'SINCE', 'ACTIVE', 'END', 'ADDRESS', 'BROWSER'];

function writeSessions(io: Io, sessions: readonly Session[]): void {
  const time = (text: string) => (io.stdout.isTTY ? text.slice(0, 16).replace('T', ' ') : text);
  const rows = sessions
    .map(shown)
    .map(session => [
      session.id.slice(0, SHOWN_ID),
      session.user,
      session.domain,
      String(session.factors),
      time(session.since),
      time(session.active),
      time(session.end),
      session.address || '-',
      session.browser || '-',
    ]);
  writeTable(io, HEADINGS, rows);
}
