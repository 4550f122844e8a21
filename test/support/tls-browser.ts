import { askTls, type TlsAnswer } from './tls-client.ts';

/** Where redirections end at the latest: browsers give up after twenty. */
const MAX_STEPS = 20;

/** As much of a browser as signing in takes, over TLS to a loopback port: cookies, redirections, forms. */
export class TlsBrowser {
  /** Every address that was asked for. */
  readonly seen: string[] = [];
  readonly #port: number;
  /** By host, or by domain with a dot in front. */
  readonly #jar = new Map<string, Map<string, string>>();

  constructor(port: number) {
    this.#port = port;
  }

  cookie(host: string, name: string): string | undefined {
    return this.#cookiesOf(host).get(name);
  }

  async load(address: string, form?: Readonly<Record<string, string>>): Promise<TlsAnswer> {
    const url = new URL(address);
    this.seen.push(address);
    const cookie = [...this.#cookiesOf(url.hostname)].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await askTls(this.#port, url.hostname, url.pathname + url.search, {
      method: form === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'text/html',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
        ...(cookie === '' ? {} : { cookie }),
        ...(form === undefined
          ? {}
          : {
              origin: url.origin,
              'sec-fetch-site': 'same-origin',
              'content-type': 'application/x-www-form-urlencoded',
            }),
      },
      ...(form === undefined ? {} : { body: Buffer.from(new URLSearchParams(form).toString()) }),
    });
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) this.#keep(url.hostname, line);
    return answer;
  }

  /** Follows redirections, those of pages as well; answers the page at the end and its address. */
  async open(
    address: string,
    form?: Readonly<Record<string, string>>,
  ): Promise<TlsAnswer & { readonly url: string }> {
    let url = address;
    let answer = await this.load(url, form);
    for (let i = 0; i < MAX_STEPS; i++) {
      const next = answer.headers.location ?? refreshOf(answer.text);
      if (typeof next !== 'string') return { ...answer, url };
      url = new URL(next, url).href;
      answer = await this.load(url);
    }
    throw new Error(`sent round in circles: ${this.seen.slice(-5).join(' ')}`);
  }

  /** Sends the form of a page with this id, filled in. */
  submit(
    page: { readonly text: string; readonly url: string },
    id: string,
    values: Readonly<Record<string, string>> = {},
  ) {
    const [, action = '', inner = ''] =
      new RegExp(`<form id="${id}" method="post" action="([^"]*)">([\\s\\S]*?)</form>`).exec(page.text) ?? [];
    if (inner === '') throw new Error(`no form ${id} at ${page.url}: ${page.text}`);
    const hidden = [...inner.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
    const fields = Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, value]));
    return this.open(new URL(action, page.url).href, { ...fields, ...values });
  }

  #cookiesOf(host: string): Map<string, string> {
    const found = [...this.#jar].filter(([scope]) => scope === host || `.${host}`.endsWith(scope));
    return new Map(found.flatMap(([, cookies]) => [...cookies]));
  }

  #keep(host: string, line: string): void {
    const [pair = '', ...attributes] = line.split('; ');
    const equals = pair.indexOf('=');
    const domain = attributes.find(text => text.startsWith('Domain='))?.slice('Domain='.length);
    const scope = domain === undefined ? host : `.${domain}`;
    const cookies = this.#jar.get(scope) ?? new Map<string, string>();
    this.#jar.set(scope, cookies);
    if (attributes.includes('Max-Age=0')) cookies.delete(pair.slice(0, equals));
    else cookies.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
}

function refreshOf(page: string): string | undefined {
  const url = /<meta http-equiv="refresh" content="0; url=&#39;(.*?)&#39;">/.exec(page)?.[1];
  return url?.replaceAll('&amp;', '&');
}
