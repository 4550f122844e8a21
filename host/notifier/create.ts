import type { NotifierSetup } from '../config/notifier.ts';
import type { Logger } from '../log/logger.ts';
import { FileNotifier } from './filesystem.ts';
import { type Notifier, NotifierError } from './notifier.ts';
import { SmtpNotifier } from './smtp.ts';

/** What the configuration names; undefined without `notifier`. */
export function createNotifier(setup: NotifierSetup | undefined, now: () => number): Notifier | undefined {
  if (setup === undefined) return undefined;
  return setup.kind === 'smtp' ? new SmtpNotifier(setup) : new FileNotifier(setup.filename, now);
}

/** Looks at the start whether messages can be sent. It stops nobody: who has a second factor needs no message. */
export async function checkAtStart(
  notifier: Notifier | undefined,
  setup: NotifierSetup | undefined,
  log: Pick<Logger, 'error' | 'debug'>,
): Promise<void> {
  if (notifier === undefined || setup?.startupCheck !== true) return;
  try {
    await notifier.check();
    log.debug('messages can be sent', { kind: notifier.kind });
  } catch (error) {
    const hint = error instanceof NotifierError ? error.hint : undefined;
    log.error('messages cannot be sent: nobody can register a second factor', {
      kind: notifier.kind,
      error: error instanceof Error ? error.message : 'unknown',
      ...(hint === undefined ? {} : { hint }),
    });
  }
}
