import type { Cache } from '../cache/cache.ts';
import type { IdentityProof } from '../config/identity-proof.ts';
import type { Mailbox } from '../config/mailbox.ts';
import type { Notifier } from '../notifier/notifier.ts';
import { messageTexts } from '../notifier/texts.ts';
import { equalTexts } from './equal.ts';
import { normalText, randomText } from './random-text.ts';
import type { Who } from './second-factors.ts';

/** A code has 37 bits or more; this is against guessing all the same. */
const MAX_FAILURES = 5;
/** A mailbox is not to be flooded: so many messages to one user in the time below. */
const MAX_MESSAGES = 5;
const MESSAGES_SECONDS = 900;

/** What somebody proves their identity for: a code for one thing does no other. */
export type Purpose = 'second-factor';

export interface CodeRequest {
  readonly to: Mailbox;
  /** As the account calls itself. */
  readonly name: string;
  readonly language: string;
  /** Host of the portal. */
  readonly site: string;
  readonly address: string;
}

export interface OneTimeCodesDeps {
  readonly cache: Cache;
  readonly notifier: Notifier;
  readonly settings: IdentityProof;
  readonly random: (bytes: number) => Uint8Array;
}

/** Codes that are sent to people outside of the browser, for one session and purpose each. */
export class OneTimeCodes {
  readonly #deps: OneTimeCodesDeps;

  constructor(deps: OneTimeCodesDeps) {
    this.#deps = deps;
  }

  /** Sends a new code; the one before works no more. Rejects with `NotifierError` when it cannot be sent. */
  async send(who: Who, purpose: Purpose, request: CodeRequest): Promise<'sent' | 'too-many'> {
    const { cache, notifier, settings, random } = this.#deps;
    const messages = { kind: 'one-time-sent', name: who.username };
    if ((await cache.increment(messages, MESSAGES_SECONDS)) > MAX_MESSAGES) return 'too-many';
    const code = randomText(settings.characters, random);
    const id = Buffer.from(random(16)).toString('base64url');
    const key = keyOf(who, purpose);
    await cache.set(key, Buffer.from(`${id} ${code}`), settings.codeSeconds);
    const { name, language, site, address } = request;
    const minutes = Math.max(1, Math.floor(settings.codeSeconds / 60));
    const message = messageTexts(language).code({ name, code, minutes, site, address });
    try {
      await notifier.send({ to: request.to, ...message });
    } catch (error) {
      await cache.delete(key);
      throw error;
    }
    return 'sent';
  }

  /** Whether one is on its way that still works. */
  async isSent(who: Who, purpose: Purpose): Promise<boolean> {
    return (await this.#deps.cache.get(keyOf(who, purpose))) !== undefined;
  }

  /** `gone`: none was sent, it has expired, was used, or was mistyped too often. */
  async check(who: Who, purpose: Purpose, typed: string): Promise<'good' | 'bad' | 'gone'> {
    const { cache, settings } = this.#deps;
    const key = keyOf(who, purpose);
    const value = await cache.get(key);
    const [id, code] = value === undefined ? [] : Buffer.from(value).toString('utf8').split(' ');
    if (id === undefined || code === undefined) return 'gone';
    // Counted first: guesses at the same time are no more than those one after the other.
    const attempts = await cache.increment({ kind: 'one-time-code', name: id }, settings.codeSeconds);
    if (attempts > MAX_FAILURES) {
      await cache.delete(key);
      return 'gone';
    }
    if (!equalTexts(normalText(typed), code)) {
      if (attempts < MAX_FAILURES) return 'bad';
      await cache.delete(key);
      return 'gone';
    }
    return (await cache.delete(key)) ? 'good' : 'gone';
  }
}

function keyOf({ username, sessionId }: Who, purpose: Purpose) {
  return { kind: 'one-time-code', name: JSON.stringify([username, purpose, sessionId]) };
}
