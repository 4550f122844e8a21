import type { IncomingMessage, ServerResponse } from 'node:http';
import { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Logger } from '../log/logger.ts';
import { Form, type FormProblem, readForm } from './form.ts';
import { peerOf, sendHttp2, withHost } from './http2.ts';
import { type Reply, send, statusReply } from './reply.ts';
import { RequestHeaders } from './request-headers.ts';
import type { Handler, Request } from './router.ts';
import { inTurns } from './turns.ts';

/**
 * More than any browser and three proxies send. Checked by us: node's own limit
 * drops what is over it, and what it drops could be `Postern-Request`.
 */
const MAX_HEADERS = 256;
/** A Unix socket has no addresses; whoever may open it is on this machine. */
const LOCAL_PEER = '127.0.0.1';

/** What all requests of a server have in common. */
export interface ExchangeContext {
  readonly handler: Handler;
  readonly log: Logger;
  /** Whether connections end with the next answer. */
  readonly closing: () => boolean;
  readonly secure: boolean;
  /** Listens on a Unix socket. */
  readonly local: boolean;
}

/** As node gives them, by HTTP/1.1 or HTTP/2. */
export type Incoming = IncomingMessage | Http2ServerRequest;
export type Outgoing = ServerResponse | Http2ServerResponse;

/** Answers requests. */
export function createListener(context: ExchangeContext): (request: Incoming, response: Outgoing) => void {
  const take = inTurns<Exchange>(
    exchange => exchange.judge(),
    exchange => exchange.answer(),
  );
  return (request, response) => take(new Exchange(request, response, context));
}

const NOT_JUDGED = statusReply(500);

/** One request, and what becomes of it. */
class Exchange {
  readonly #request: Incoming;
  readonly #response: Outgoing;
  readonly #context: ExchangeContext;
  #reply: Reply | Promise<Reply> = NOT_JUDGED;
  /** A body may follow: what comes behind an answer then is not taken for a request. */
  #isUnread = true;

  constructor(request: Incoming, response: Outgoing, context: ExchangeContext) {
    this.#request = request;
    this.#response = response;
    this.#context = context;
  }

  /** Asks the handler. */
  judge(): void {
    try {
      this.#reply = this.#ask();
    } catch (error) {
      this.#reply = this.#failed(error);
    }
  }

  /** Sends what the handler said, now or when it has. */
  answer(): void {
    const reply = this.#reply;
    if (reply instanceof Promise) {
      reply.then(
        later => this.#send(later),
        error => this.#send(this.#failed(error)),
      );
    } else {
      this.#send(reply);
    }
  }

  #ask(): Reply | Promise<Reply> {
    const request = this.#request;
    const { handler, local, secure } = this.#context;
    const isHttp2 = request instanceof Http2ServerRequest;
    const headers = new RequestHeaders(isHttp2 ? withHost(request.rawHeaders) : request.rawHeaders);
    // Most routes read no body.
    this.#isUnread = isHttp2
      ? !request.stream.endAfterHeaders
      : headers.one('transfer-encoding') !== undefined ||
        headers.values('content-length').some(length => length !== '0');
    if (headers.count > MAX_HEADERS) return statusReply(431);
    const { method = '', url = '' } = request;
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    const query = mark < 0 ? '' : url.slice(mark + 1);
    const address = isHttp2 ? peerOf(request) : (request.socket.remoteAddress ?? '');
    const peer = local ? LOCAL_PEER : address;
    const isHttp10 = request.httpVersion === '1.0';
    const received: Request = { method, path, query, headers, peer, secure, isHttp10 };
    if (method !== 'POST') return handler(received);
    return handler({ ...received, form: () => this.#readForm(headers) });
  }

  async #readForm(headers: RequestHeaders): Promise<Form | FormProblem> {
    const outcome = await readForm(this.#request, headers);
    if (outcome instanceof Form) this.#isUnread = false;
    return outcome;
  }

  #failed(error: unknown): Reply {
    const path = this.#request.url?.split('?', 1)[0] ?? '';
    this.#context.log.error('a request failed', { path, error: String(error) });
    return statusReply(500);
  }

  #send(reply: Reply): void {
    const { log, closing } = this.#context;
    const response = this.#response;
    const head = this.#request.method === 'HEAD';
    try {
      if (response instanceof Http2ServerResponse) sendHttp2(response, reply, { head, last: this.#isUnread });
      else send(response, reply, { head, last: closing() || this.#isUnread });
    } catch (error) {
      log.error('an answer could not be sent', { error: String(error) });
      if (response instanceof Http2ServerResponse) response.stream.destroy();
      else response.destroy();
    }
  }
}
