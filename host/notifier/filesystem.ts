import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectories } from '../directories.ts';
import { fileError } from '../log/file-error.ts';
import { type Message, type Notifier, NotifierError } from './notifier.ts';

/** Only who runs the host may read the codes in it. */
const MODE = 0o600;

/** Authelia's `notifier.filesystem`: one file, in which each message takes the place of the one before. */
export class FileNotifier implements Notifier {
  readonly kind = 'filesystem';
  readonly #filename: string;
  readonly #now: () => number;
  /** One after the other: two at a time would mix. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(filename: string, now: () => number) {
    this.#filename = filename;
    this.#now = now;
  }

  send({ to, subject, text }: Message): Promise<void> {
    const date = new Date(this.#now()).toISOString();
    const recipient = to.name === '' ? to.address : `${to.name} <${to.address}>`;
    const content = `Date: ${date}\nRecipient: ${recipient}\nSubject: ${subject}\n\n${text}\n`;
    return this.#inTurn(file => file.truncate(0).then(() => file.writeFile(content, 'utf8')));
  }

  check(): Promise<void> {
    return this.#inTurn(async () => {});
  }

  #inTurn(act: (file: FileHandle) => Promise<void>): Promise<void> {
    const turn = this.#last.then(() => this.#withFile(act));
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** In place: who follows the file, or mounts it, keeps it. Its folder is made where there is none, as Authelia does. */
  async #open(): Promise<FileHandle> {
    try {
      return await open(this.#filename, 'r+');
    } catch {
      await makeDirectories(dirname(this.#filename), 0o700);
      return open(this.#filename, 'w', MODE);
    }
  }

  async #withFile(act: (file: FileHandle) => Promise<void>): Promise<void> {
    let file: FileHandle | undefined;
    try {
      file = await this.#open();
      const found = await file.stat();
      // `/dev/null` belongs to everybody.
      if (found.isFile() && (found.mode & 0o777) !== MODE) await file.chmod(MODE);
      await act(file);
    } catch (error) {
      const { error: reason, hint } = fileError(error);
      throw new NotifierError(`${this.#filename}: cannot be written: ${reason}`, hint);
    } finally {
      await file?.close().catch(() => {});
    }
  }
}
