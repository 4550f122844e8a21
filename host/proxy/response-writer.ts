import { HeaderMap, type HeaderPair } from './header-map.ts';
import { GuestTrap } from './memory.ts';

/** What the guest answered in the backend's place. */
export interface GuestResponse {
  readonly status: number;
  readonly headers: readonly HeaderPair[];
  readonly body: Uint8Array;
}

/**
 * The answer as the guest builds it, with the order of Go's `ResponseWriter`:
 * the first status or body byte sends the headers, and what is set afterwards
 * comes too late.
 */
export class ResponseWriter {
  readonly headers = new HeaderMap();
  readonly #body: Uint8Array[] = [];
  #status = 0;
  #sent: readonly HeaderPair[] = [];

  get committed(): boolean {
    return this.#status !== 0;
  }

  setStatus(status: number): void {
    if (status < 100 || status > 999) throw new GuestTrap(`invalid WriteHeader code ${status}`);
    // 1xx is an interim answer; a real one follows.
    if (this.committed || (status < 200 && status !== 101)) return;
    this.#status = status;
    this.#sent = this.headers.pairs();
  }

  write(bytes: Uint8Array): void {
    this.setStatus(200);
    // RFC 9110 section 6.4.1: these have no content.
    if (this.#status < 200 || this.#status === 204 || this.#status === 304) {
      throw new GuestTrap('error writing body: request method or response status code does not allow body');
    }
    this.#body.push(Uint8Array.from(bytes));
  }

  /** The whole answer; a guest that neither passed on nor answered has answered an empty 200. */
  finish(): GuestResponse {
    this.setStatus(200);
    return { status: this.#status, headers: this.#sent, body: Buffer.concat(this.#body) };
  }
}
