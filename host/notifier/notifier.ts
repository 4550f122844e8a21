import type { Mailbox } from '../config/mailbox.ts';

/** A message to one person. */
export interface Message {
  readonly to: Mailbox;
  readonly subject: string;
  /** Plain text. */
  readonly text: string;
}

/** How people are told something outside of the browser. */
export interface Notifier {
  readonly kind: 'filesystem' | 'smtp';
  /** Answers when the message is on its way; rejects with `NotifierError`. */
  send(message: Message): Promise<void>;
  /** Whether messages can be sent, without sending one; rejects with `NotifierError`. */
  check(): Promise<void>;
}

/** Its message says what to do, and holds no password, no address of a person and nothing of a message. */
export class NotifierError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'NotifierError';
    this.hint = hint;
  }
}
