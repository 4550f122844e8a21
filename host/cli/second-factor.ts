import { Command } from 'commander';
import type { ListedDevice, Store } from '../store/store.ts';
import { formatTime } from '../tokens/time.ts';
import { accountNamed } from './ban-store.ts';
import { CommandError, EXIT_USAGE, type Io } from './io.ts';
import { configOption } from './options.ts';
import { withSessions } from './session-store.ts';
import { writeJson, writeTable } from './table.ts';

interface ListOptions {
  readonly config?: string;
  readonly json?: boolean;
}

interface RemoveOptions {
  readonly config?: string;
  readonly device?: string;
  readonly json?: boolean;
}

/** `postern second-factor`: for owners who have lost what they had. */
export function secondFactorCommand(io: Io): Command {
  return new Command('second-factor')
    .description("show an account's second factors, and remove them")
    .addCommand(listCommand(io))
    .addCommand(removeCommand(io))
    .addHelpText(
      'after',
      `
Second factors are in the database (\`storage\`): no host has to run, and every running one knows at
once. Whoever has none registers a device at the portal, after a code by mail.

Examples:
  postern second-factor list alice
  postern second-factor remove alice`,
    );
}

function listCommand(io: Io): Command {
  return new Command('list')
    .description('show the devices of an account')
    .argument('<user>', 'name of the account')
    .addOption(configOption())
    .option('--json', 'as JSON, with the number of recovery codes')
    .action(async (name: string, options: ListOptions) => {
      const { devices, left } = await withSessions(options.config, io, async ({ factors }, config) => {
        const user = accountNamed(name, config, io);
        return { devices: await factors.listed(user), left: await factors.recoveryCodesLeft(user) };
      });
      if (options.json) {
        writeJson(io, { devices: devices.map(shown), recovery_codes: left });
        return;
      }
      if (devices.length > 0) writeDevices(io, devices);
      if (io.stdout.isTTY) {
        const text = devices.length === 0 ? 'there is no second factor' : `recovery codes left: ${left}`;
        io.stderr.write(`${text}\n`);
      }
    })
    .addHelpText(
      'after',
      `
In a pipe the columns are separated by tabs: id, name, kind, since.

Examples:
  postern second-factor list alice
  postern second-factor list alice --json | jq .recovery_codes`,
    );
}

function removeCommand(io: Io): Command {
  return new Command('remove')
    .description('remove a device of an account, or all of them with the recovery codes')
    .argument('<user>', 'name of the account')
    .addOption(configOption())
    .option('--device <id>', 'this one alone: the beginning of an id that `list` shows')
    .option('--json', 'print JSON')
    .action(async (name: string, options: RemoveOptions) => {
      if (options.device === '') throw new CommandError('--device must not be empty', EXIT_USAGE);
      const done = await withSessions(options.config, io, async ({ factors }, config) => {
        const user = accountNamed(name, config, io);
        const devices = await factors.listed(user);
        const chosen = options.device === undefined ? devices : [theOne(devices, options.device)];
        const removed = await remove(factors, user, chosen);
        return { user, removed, left: await factors.recoveryCodesLeft(user) };
      });
      if (options.json) {
        const { user, removed, left } = done;
        writeJson(io, { user, removed: removed.map(shown), recovery_codes: left });
        return;
      }
      const count = done.removed.length;
      io.stderr.write(`removed: ${count} ${count === 1 ? 'device' : 'devices'}\n`);
    })
    .addHelpText(
      'after',
      `
Sessions that have shown a second factor go on: end them with \`postern session revoke --user\`, if
somebody else may have the device. With the last device the recovery codes go, too.

Examples:
  postern second-factor remove alice
  postern second-factor remove alice --device 3f9c
  postern second-factor remove alice --json | jq '.removed | length'`,
    );
}

/** Answers those that were there to remove. */
async function remove(
  factors: Store['factors'],
  user: string,
  devices: readonly ListedDevice[],
): Promise<ListedDevice[]> {
  const removed: ListedDevice[] = [];
  for (const device of devices) if (await factors.remove(user, device.id)) removed.push(device);
  if ((await factors.listed(user)).length === 0) await factors.setRecoveryCodes(user, []);
  return removed;
}

function theOne(devices: readonly ListedDevice[], beginning: string): ListedDevice {
  const [one, ...others] = devices.filter(({ id }) => id.startsWith(beginning));
  if (one === undefined) {
    throw new CommandError(`no device's id begins with \`${beginning}\`: see \`postern second-factor list\``);
  }
  if (others.length === 0) return one;
  throw new CommandError(
    `${others.length + 1} devices' ids begin with \`${beginning}\`: write more of it, see \`postern second-factor list --json\``,
  );
}

function shown({ id, name, algorithm, digits, period, createdAt }: ListedDevice) {
  return { id, name, algorithm, digits, period, since: formatTime(createdAt) };
}

function writeDevices(io: Io, devices: readonly ListedDevice[]): void {
  const rows = devices
    .map(shown)
    .map(({ id, name, algorithm, digits, period, since }) => [
      io.stdout.isTTY ? id.slice(0, 8) : id,
      name,
      `${algorithm}, ${digits} digits, ${period} s`,
      io.stdout.isTTY ? since.slice(0, 16).replace('T', ' ') : since,
    ]);
  writeTable(io, ['ID', 'NAME', 'KIND', 'SINCE'], rows);
}
