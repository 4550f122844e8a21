import { connect } from 'node:net';
import type { RawAnswer } from '../../tools/replay/ask.mjs';
import type { HeaderList } from './test-app.ts';

/** What a proxy in front of the portal says of a request. */
export const PORTAL_HOST = 'auth.example.com';
export const BY_PROXY: HeaderList = [
  ['Host', PORTAL_HOST],
  ['X-Forwarded-Host', PORTAL_HOST],
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-For', '203.0.113.9'],
];
/** What a browser says of a form on a page of the portal. */
export const BY_FORM: HeaderList = [
  ['Origin', `https://${PORTAL_HOST}`],
  ['Sec-Fetch-Site', 'same-origin'],
  ['Sec-Fetch-Mode', 'navigate'],
  ['Sec-Fetch-Dest', 'document'],
];

export interface Sent {
  readonly method?: string;
  /** Default: as a proxy in front of the portal writes them. */
  readonly proxy?: HeaderList;
  readonly headers?: HeaderList;
  readonly body?: string | Buffer;
}

/** One request as bytes, and its one answer. */
export function exchange(port: number, path: string, sent: Sent = {}): Promise<RawAnswer> {
  const { method = 'GET', proxy = BY_PROXY, headers = [], body } = sent;
  const lines = [...proxy, ...headers];
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : (body ?? Buffer.alloc(0));
  const isTold = lines.some(([name]) => /^(?:content-length|transfer-encoding)$/i.test(name));
  const length: HeaderList = body === undefined || isTold ? [] : [['Content-Length', String(bytes.length)]];
  const head = [
    `${method} ${path} HTTP/1.1`,
    ...[...lines, ...length].map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
    '',
    '',
  ].join('\r\n');
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(Buffer.concat([Buffer.from(head, 'utf8'), bytes])),
    );
    socket.on('data', chunk => chunks.push(chunk));
    // A refused body may still be on its way when the connection is closed.
    socket.on('error', error => (chunks.length > 0 ? finish() : reject(error)));
    socket.on('close', finish);
    function finish(): void {
      const text = Buffer.concat(chunks).toString('utf8');
      const end = text.indexOf('\r\n\r\n');
      const [start = '', ...rest] = text.slice(0, Math.max(0, end)).split('\r\n');
      const status = /^HTTP\/1\.1 (\d{3})/.exec(start)?.[1];
      if (status === undefined) {
        reject(new Error(`no answer to ${method} ${path}`));
        return;
      }
      resolve({
        status: Number(status),
        headers: rest.map(line => {
          const colon = line.indexOf(':');
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as [string, string];
        }),
        body: text.slice(end + 4),
        seconds: (performance.now() - began) / 1_000,
      });
    }
  });
}

/** A form of a page, with what is filled in already. */
export interface PageForm {
  readonly id: string;
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
}

export function formsOf(page: string): PageForm[] {
  return [...page.matchAll(/<form id="([^"]*)" method="post" action="([^"]*)">([\s\S]*?)<\/form>/g)].map(
    ([, id = '', action = '', inner = '']) => {
      const fields: Record<string, string> = {};
      for (const [tag] of inner.matchAll(/<input[^>]*>/g)) {
        const name = /name="([^"]*)"/.exec(tag)?.[1];
        const isChoice = /type="(?:checkbox|radio)"/.test(tag);
        if (name !== undefined && !isChoice) fields[name] = /value="([^"]*)"/.exec(tag)?.[1] ?? '';
      }
      return { id, action, fields };
    },
  );
}

/** A browser's cookies at the portal, and what it does with forms. */
export class PortalClient {
  readonly cookies = new Map<string, string>();
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  copy(): PortalClient {
    const other = new PortalClient(this.#port);
    for (const [name, value] of this.cookies) other.cookies.set(name, value);
    return other;
  }

  async send(path: string, sent: Sent = {}): Promise<RawAnswer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const own: HeaderList = cookie === '' ? [] : [['Cookie', cookie]];
    const answer = await exchange(this.#port, path, { ...sent, headers: [...own, ...(sent.headers ?? [])] });
    for (const [name, value] of answer.headers) if (name === 'set-cookie') this.#keep(value);
    return answer;
  }

  /** Follows redirections within the portal. */
  async open(path: string): Promise<RawAnswer> {
    let at = path;
    for (let i = 0; i < 10; i++) {
      const answer = await this.send(at);
      const location = answer.headers.find(([name]) => name === 'location')?.[1];
      if (location === undefined || !location.startsWith('/')) return answer;
      at = location;
    }
    throw new Error(`sent round in circles: ${at}`);
  }

  /** Fills in a form of a page and sends it, as a browser does unless the test says otherwise. */
  submit(
    form: PageForm,
    values: Readonly<Record<string, string>> = {},
    headers: HeaderList = BY_FORM,
  ): Promise<RawAnswer> {
    return this.send(form.action, {
      method: 'POST',
      headers: [['Content-Type', 'application/x-www-form-urlencoded'], ...headers],
      body: new URLSearchParams({ ...form.fields, ...values }).toString(),
    });
  }

  async form(path: string, id: string): Promise<PageForm> {
    const page = await this.open(path);
    const found = formsOf(page.body).find(form => form.id === id);
    if (found === undefined) throw new Error(`${path} has no form ${id}: ${page.status} ${page.body}`);
    return found;
  }

  async signIn(username: string, password: string, path = '/'): Promise<RawAnswer> {
    return this.submit(await this.form(path, 'sign-in'), { username, password });
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ');
    const equals = pair.indexOf('=');
    const name = pair.slice(0, equals);
    if (attributes.includes('Max-Age=0')) this.cookies.delete(name);
    else this.cookies.set(name, pair.slice(equals + 1));
  }
}

/** Every address that an answer leads to by itself or by a click, in a page of the portal's. */
export function addressesOf({ headers, body }: RawAnswer): URL[] {
  const texts = headers
    .filter(([name]) => name === 'location' || name === 'refresh')
    .map(([, value]) => value);
  for (const [, value = ''] of body.matchAll(/(?:href|src|action|formaction|data|poster)="([^"]*)"/g)) {
    texts.push(decodeHtml(value));
  }
  for (const [, value = ''] of body.matchAll(/http-equiv="refresh" content="[^"]*?url=([^"]*)"/g)) {
    texts.push(decodeHtml(value).replace(/^'(.*)'$/, '$1'));
  }
  return texts.map(text => new URL(text, `https://${PORTAL_HOST}/`));
}

function decodeHtml(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&#96;', '`')
    .replaceAll('&amp;', '&');
}
