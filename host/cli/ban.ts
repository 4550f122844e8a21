import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { printable } from '../log/printable.ts';
import type { Engine } from '../policy/engine.ts';
import { loadEngine } from '../policy/load-engine.ts';
import { rangeOf } from '../regulation/address-range.ts';
import { networkText } from '../regulation/network-text.ts';
import type { Ban } from '../store/store.ts';
import { formatTime, parseEnd } from '../tokens/time.ts';
import { accountNamed, type BanSetup, refuseNoName, withBans } from './ban-store.ts';
import { engineFile } from './engine-file.ts';
import { CommandError, EXIT_USAGE, type Io } from './io.ts';
import { configOption } from './options.ts';
import { writeJson, writeTable } from './table.ts';

interface CommonOptions {
  readonly config?: string;
  readonly json?: boolean;
}

interface SubjectOptions extends CommonOptions {
  readonly as?: Ban['kind'];
}

/** What operators write is shown in one line. */
const MAX_REASON = 200;

/** `postern ban`: who may not sign in. */
export function banCommand(io: Io): Command {
  return new Command('ban')
    .description('show who may not sign in for a while, ban users and addresses, and end bans')
    .addCommand(listCommand(io))
    .addCommand(addCommand(io))
    .addCommand(removeCommand(io))
    .addHelpText(
      'after',
      `
Bans are in the database (\`storage\`): all hosts see what is added or removed with the next attempt,
and no host has to run. A ban keeps out whoever signs in with a password; sessions, grants and API
tokens go on. Without a database there are the bans of \`regulation\` alone, in memory or Redis.

Examples:
  postern ban list
  postern ban add mallory --reason 'left the company'
  postern ban add 203.0.113.0/24 --for 12h
  postern ban remove alice`,
    );
}

function listCommand(io: Io): Command {
  return common(new Command('list'))
    .description('show the bans in force')
    .action(async (options: CommonOptions) => {
      const bans = await withBans(options.config, io, ({ bans }) => bans.list(Date.now()));
      if (options.json) writeJson(io, bans.map(shown));
      else if (bans.length > 0) writeBans(io, bans);
      else if (io.stdout.isTTY) io.stderr.write('nobody is banned\n');
    })
    .addHelpText(
      'after',
      `
In a pipe the columns are separated by tabs: kind, subject, since, until, by, reason. \`failures\` are
those of \`regulation\`, \`operator\` those of \`postern ban add\`. Devices have counters of their own and
are not listed.

Examples:
  postern ban list
  postern ban list --json | jq -r '.[] | select(.kind == "address") | .subject'`,
    );
}

function addCommand(io: Io): Command {
  return withSubject(new Command('add'))
    .description('let nobody sign in as this user, or from this address or network')
    .addArgument(new Argument('<subject>', 'user name, address, or network such as 203.0.113.0/24'))
    .addOption(
      new Option(
        '--for <duration>',
        'how long, such as `30m`; or until when (default: until it is removed)',
      ).argParser(value => {
        const end = parseEnd(value, Date.now());
        if (end !== undefined && end > Date.now()) return end;
        throw new InvalidArgumentError('It must be a duration like `30m`, or a time to come.');
      }),
    )
    .addOption(
      new Option('--reason <text>', 'for whoever lists it').default('', 'none').argParser(value => {
        if (value.length <= MAX_REASON) return value;
        throw new InvalidArgumentError(`It may have ${MAX_REASON} characters.`);
      }),
    )
    .action(async (text: string, options: SubjectOptions & { for?: number; reason: string }) => {
      const found = subjectOf(text, options.as);
      const ban = await withBans(options.config, io, async setup => {
        const now = Date.now();
        const { kind, subject } = inSetup(found, setup, io);
        const made: Ban = {
          kind,
          subject,
          until: options.for,
          reason: options.reason,
          createdAt: now,
          source: 'operator',
        };
        await setup.bans.put(made);
        return made;
      });
      if (options.json) writeJson(io, shown(ban));
      else io.stderr.write(`banned: ${ban.kind} ${ban.subject}, ${untilText(ban)}\n`);
    })
    .addHelpText(
      'after',
      `
A user is banned by every name and mail address they sign in with, on known devices, too. An IPv6
address is one address: ban the /64 to ban its owner. What is banned already is replaced.

Examples:
  postern ban add alice --for 30m
  postern ban add 2001:db8:1:2::/64 --for 7d --reason 'guesses passwords'
  postern ban add 10.0.0.1 --as user`,
    );
}

function removeCommand(io: Io): Command {
  return withSubject(new Command('remove'))
    .description('end bans before their time, whoever put them')
    .addArgument(new Argument('<subject...>', 'user names, addresses or networks, as `list` shows them'))
    .action(async (texts: readonly string[], options: SubjectOptions) => {
      const removed: { kind: Ban['kind']; subject: string }[] = [];
      const missing: string[] = [];
      const named = texts.map(text => ({ text, ...subjectOf(text, options.as) }));
      await withBans(options.config, io, async setup => {
        for (const { text, ...typed } of named) {
          const found = inSetup(typed, setup, io);
          // Whoever is banned for failures with IPv6 is so with all of the /64.
          const isOne = found.kind === 'address' && !found.subject.includes('/');
          const candidates = isOne ? [found.subject, rangeOf(found.subject)] : [found.subject];
          const done = [];
          for (const subject of new Set(candidates)) {
            if (await setup.bans.remove(found.kind, subject)) done.push({ kind: found.kind, subject });
          }
          if (done.length === 0) missing.push(text);
          removed.push(...done);
        }
      });
      if (options.json) writeJson(io, removed);
      else for (const { kind, subject } of removed) io.stderr.write(`ended: ${kind} ${subject}\n`);
      if (missing.length > 0) throw new CommandError(`not banned: ${missing.join(', ')}`);
    })
    .addHelpText(
      'after',
      `
Failed attempts from before count no more. A subject that is not banned is told, with exit code 1.

Examples:
  postern ban remove alice
  postern ban remove 203.0.113.0/24 bob`,
    );
}

function common(command: Command): Command {
  return command.addOption(configOption()).option('--json', 'print JSON');
}

function withSubject(command: Command): Command {
  return common(command).addOption(
    new Option('--as <kind>', 'what the subject is (default: what it looks like)').choices([
      'user',
      'address',
    ]),
  );
}

interface Subject {
  readonly kind: Ban['kind'];
  /** Of a user the name as it was typed. */
  readonly subject: string;
}

/** What is no subject at all is told before anything is opened. */
function subjectOf(text: string, as: Ban['kind'] | undefined): Subject {
  const engine = loadEngine(engineFile());
  const network = as === 'user' ? undefined : networkText(engine, text);
  if (network?.isEverybody === true) {
    throw new CommandError(`${text} is everybody: name a smaller network`, EXIT_USAGE);
  }
  if (network !== undefined) return { kind: 'address', subject: network.subject };
  if (as === 'address' || (as === undefined && LIKE_AN_ADDRESS.test(text))) {
    throw new CommandError(`${printable(text)} is no address: ${whatToWrite(text, engine)}`, EXIT_USAGE);
  }
  refuseNoName(text);
  return { kind: 'user', subject: text };
}

/** No user's name has a colon in it; four numbers with dots are an address, which one slip must not make a user. */
const LIKE_AN_ADDRESS = /[/:]|^\d+(\.\d+){3}$/;

function whatToWrite(text: string, engine: Pick<Engine, 'compileNetworks'>): string {
  const [address = '', length, ...more] = text.split('/');
  if (length !== undefined && more.length === 0 && engine.compileNetworks([address]) !== undefined) {
    const [name, bits] = address.includes(':') ? ['2001:db8::/64', 128] : ['203.0.113.0/24', 32];
    return `behind the \`/\` write how many bits count, a whole number from 1 to ${bits}, as in ${name}`;
  }
  return 'write one, or a network such as 203.0.113.0/24';
}

/** An account's own name in place of the one that was typed. */
function inSetup({ kind, subject }: Subject, setup: BanSetup, io: Io): Subject {
  return { kind, subject: kind === 'user' ? accountNamed(subject, setup, io) : subject };
}

function shown({ kind, subject, until, reason, createdAt, source }: Ban) {
  const end = until === undefined ? null : formatTime(until);
  return { kind, subject, since: formatTime(createdAt), until: end, source, reason };
}

function untilText({ until }: Ban): string {
  return until === undefined ? 'until it is removed' : `until ${formatTime(until)}`;
}

const HEADINGS = ['KIND', 'SUBJECT', 'SINCE', 'UNTIL', 'BY', 'REASON'];

function writeBans(io: Io, bans: readonly Ban[]): void {
  const rows = bans
    .map(shown)
    .map(({ kind, subject, since, until, source, reason }) => [
      kind,
      subject,
      short(io, since),
      until === null ? 'removed' : short(io, until),
      source,
      reason || '-',
    ]);
  writeTable(io, HEADINGS, rows);
}

/** People want the minute, programs the second. */
function short(io: Io, time: string): string {
  return io.stdout.isTTY ? time.slice(0, 16).replace('T', ' ') : time;
}
