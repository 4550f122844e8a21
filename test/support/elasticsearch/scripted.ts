import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** A call as it arrived. */
export interface ScriptedCall {
  readonly method: string;
  readonly path: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever was sent
  readonly body: any;
  readonly authorization: string;
}

export interface StoredFake {
  readonly roles: readonly string[];
  readonly full_name: string;
  readonly email: string;
  readonly enabled: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: free
  readonly metadata: any;
  readonly password?: string;
}

/** What a script may do with a call; `next` is what a cluster in order would do. */
export interface Turn {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  next(): void;
  /** Does the work, and says nothing of it. */
  apply(): void;
}

export type Script = (call: ScriptedCall, turn: Turn) => void | Promise<void>;

/**
 * A stand-in for Elasticsearch, with the few calls that provisioning makes: for
 * faults that a real one cannot be made to have at the wished moment, an answer
 * that is lost behind a write that was done, say. What a cluster in order does
 * is tested at a real one.
 */
export class ScriptedElasticsearch {
  readonly users = new Map<string, StoredFake>();
  readonly calls: ScriptedCall[] = [];
  script: Script = (_, turn) => turn.next();
  url = '';
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  /** @param tls what `node:tls` takes, in PEM */
  constructor(tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }) {
    const take = (request: IncomingMessage, response: ServerResponse) => void this.#take(request, response);
    this.#server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
    const keep = (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    };
    this.#server.on('connection', keep);
  }

  async start(): Promise<this> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve));
    const scheme = 'setSecureContext' in this.#server ? 'https' : 'http';
    this.url = `${scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise(resolve => this.#server.close(resolve));
  }

  /** Names of the users that were written, in their order. */
  get writes(): string[] {
    return this.calls
      .filter(call => call.method === 'PUT' && !call.path.endsWith('/_disable'))
      .map(({ path }) => nameIn(path));
  }

  password(authorization: string): string {
    return Buffer.from(authorization.replace('Basic ', ''), 'base64').toString().split(':').at(-1) ?? '';
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    try {
      for await (const part of request) parts.push(part);
    } catch {
      return;
    }
    const text = Buffer.concat(parts).toString();
    const call: ScriptedCall = {
      method: request.method ?? '',
      path: (request.url ?? '').split('?', 1)[0] ?? '',
      body: text === '' ? undefined : JSON.parse(text),
      authorization: request.headers.authorization ?? '',
    };
    this.calls.push(call);
    const next = () => {
      const [status, body] = this.#do(call);
      answer(response, status, body);
    };
    await this.script(call, { request, response, next, apply: () => void this.#do(call) });
  }

  #do({ method, path, body, authorization }: ScriptedCall): [number, unknown] {
    if (path === '/_security/_authenticate') {
      const [name = ''] = Buffer.from(authorization.replace('Basic ', ''), 'base64').toString().split(':');
      const user = this.users.get(name);
      if (user !== undefined && (!user.enabled || user.password !== this.password(authorization)))
        return [401, { error: { reason: 'unable to authenticate user' }, status: 401 }];
      return [200, { username: name }];
    }
    if (path === '/_security/user') return [200, Object.fromEntries([...this.users].map(shown))];
    const name = nameIn(path);
    const user = this.users.get(name);
    if (method === 'GET')
      return user === undefined ? [404, {}] : [200, Object.fromEntries([shown([name, user])])];
    if (path.endsWith('/_disable')) {
      if (user !== undefined) this.users.set(name, { ...user, enabled: false });
      return [200, {}];
    }
    this.users.set(name, { ...body, password: body.password ?? user?.password });
    return [200, { created: user === undefined }];
  }
}

/** As Elasticsearch answers. */
export function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' });
  response.end(JSON.stringify(body));
}

function shown([name, { password: _, ...user }]: [string, StoredFake]): [string, unknown] {
  return [name, { username: name, ...user }];
}

function nameIn(path: string): string {
  return decodeURIComponent(path.split('/')[3] ?? '');
}
