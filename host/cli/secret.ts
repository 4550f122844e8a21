import { Command } from 'commander';
import { deriveGuestKey } from '../secret/derive.ts';
import { createSecret, formatGuestKey } from '../secret/secret.ts';
import type { Io } from './io.ts';
import { configOption, fileName, setupFor } from './options.ts';
import { writeNewFile } from './output-file.ts';

/** `postern secret` and `postern secret guest`. */
export function secretCommand(io: Io): Command {
  return new Command('secret')
    .description("make the host's root secret, or derive Traefik's guest key from it")
    .option('-o, --out <file>', 'write to a new file that only you may read, instead of printing', fileName)
    .action((options: { out?: string }) => {
      emit(io, createSecret(), options.out, 0o600, [
        'This is the root secret. Only the host may have it: put it into a file named by',
        'POSTERN_SECRET_FILE (or into POSTERN_SECRET) and keep a copy where you keep passwords.',
        'Then derive the key for Traefik with `postern secret guest`.',
      ]);
    })
    .addCommand(guestCommand(io))
    .addHelpText(
      'after',
      `
Examples:
  postern secret --out /etc/postern/secret
  POSTERN_SECRET_FILE=/etc/postern/secret postern secret guest --out /etc/postern/traefik/guest.key`,
    );
}

function guestCommand(io: Io): Command {
  return new Command('guest')
    .description("print the guest key, which Traefik's plugin reads from a file or POSTERN_GUEST_KEY")
    .addOption(configOption())
    .option('-o, --out <file>', 'write to a new file (mode 0640) instead of printing', fileName)
    .action((_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<{ config?: string; out?: string }>();
      const { config } = setupFor(options.config, io);
      emit(io, formatGuestKey(deriveGuestKey(config.secret)), options.out, 0o640, [
        'This is the guest key. Give it to Traefik in a file, by default /etc/postern/guest.key as the',
        'plugin sees it, or in POSTERN_GUEST_KEY; never in the plugin configuration, which the API shows.',
      ]);
    })
    .addHelpText(
      'after',
      `
The root secret is read from POSTERN_SECRET_FILE, POSTERN_SECRET or the configuration file.

Examples:
  POSTERN_SECRET_FILE=/etc/postern/secret postern secret guest
  postern secret guest --config postern.yml --out /etc/postern/traefik/guest.key`,
    );
}

function emit(io: Io, text: string, out: string | undefined, mode: number, explanation: string[]): void {
  if (out === undefined) io.stdout.write(`${text}\n`);
  else writeNewFile(out, `${text}\n`, mode);
  if (io.stdout.isTTY) io.stderr.write(`\n${explanation.join('\n')}\n`);
}
