import { createHash } from 'node:crypto';
import type { Form } from '../http/form.ts';
import type { Reply } from '../http/reply.ts';
import type { RequestHeaders } from '../http/request-headers.ts';

/** So long after a form its twin is the same press of a button: wrong passwords take two seconds. */
export const TWIN_MS = 10_000;
/** More than a host answers in that time; what is over it is only done twice. */
const MAX_KEPT = 1_000;

interface Kept {
  readonly at: number;
  readonly reply: Promise<Reply>;
}

/**
 * Forms that a browser sends twice, because somebody pressed the button twice or
 * was impatient. It forgets the answer to the first, with the cookie of the new
 * session and the codes that are shown once, so the second has the same answer
 * and does nothing. The same means: all of it, with the token that was made for
 * one page and one session, from the browser that the page was made for. It may
 * have kept the new session's cookie or not.
 */
export class SentForms {
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();

  /** @param now monotonic, in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  once(key: string, act: () => Promise<Reply>): Promise<Reply> {
    this.#forget();
    const twin = this.#kept.get(key);
    if (twin !== undefined) return twin.reply;
    const reply = act();
    this.#kept.set(key, { at: this.#now(), reply });
    const release = () => this.#kept.delete(key);
    // What failed may go well the next time.
    reply.then(({ status }) => status >= 500 && release(), release);
    return reply;
  }

  #forget(): void {
    const oldest = this.#now() - TWIN_MS;
    for (const [key, { at }] of this.#kept) {
      if (at > oldest && this.#kept.size < MAX_KEPT) return;
      this.#kept.delete(key);
    }
  }
}

/**
 * The same for a form and its twin; undefined where nothing says that a person
 * sent it: browsers alone write `Sec-Fetch-User`. A hash, since there is a
 * password in it.
 *
 * @param whose page, client, and the portal's cookie: without it nobody is given the answer
 */
export function twinKey(headers: RequestHeaders, whose: readonly string[], form: Form): string | undefined {
  if (headers.one('sec-fetch-user') !== '?1') return undefined;
  return createHash('sha256')
    .update(JSON.stringify([whose, form.entries()]))
    .digest('base64');
}
