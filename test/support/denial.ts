import { readFileSync } from 'node:fs';

/** A request of `test/cases/denial/clients.json`. */
export interface Client {
  readonly name: string;
  readonly kind: 'page' | 'script' | 'tool' | 'socket';
  readonly headers: readonly (readonly [string, string])[];
  readonly method?: string;
  readonly uri?: string;
  readonly scheme?: string;
  readonly referer?: boolean;
}

export const CLIENTS = JSON.parse(
  readFileSync(new URL('../cases/denial/clients.json', import.meta.url), 'utf8'),
) as readonly Client[];

export const PORTAL = 'https://auth.app.test/';

/** What a refusal says, whoever answers it. */
export interface Said {
  readonly status: number;
  readonly location: string | undefined;
  readonly challenge: string | undefined;
  readonly type: string;
  readonly body: string;
}

/** What an unknown visitor of `origin` must be told. `portal`: where to sign in, undefined for nowhere. */
export function suiting(client: Client, portal: string | undefined, origin = 'https://app.test'): Said {
  const { kind, method = 'GET', uri = '/', headers, referer } = client;
  const page = headers.find(([name]) => name === 'Referer')?.[1] ?? '';
  const back = referer ? page : `${origin}${uri}`;
  const signIn = `${portal}?rd=${encodeURIComponent(back)}&rm=${referer ? 'GET' : method}`;
  const plain = { location: undefined, challenge: undefined, type: 'text/plain; charset=utf-8' };
  const asks = { ...plain, status: 401, challenge: 'Basic realm="Authorization Required", charset="UTF-8"' };
  const bodyOf = (body: string) => (method === 'HEAD' ? '' : body);
  const redirection = ['GET', 'HEAD'].includes(method) ? '302 Found' : '303 See Other';
  switch (kind) {
    case 'page':
      if (portal === undefined) return { ...asks, body: bodyOf('401 Unauthorized') };
      return {
        ...plain,
        status: Number(redirection.slice(0, 3)),
        location: signIn,
        body: bodyOf(redirection),
      };
    case 'script':
      return {
        ...plain,
        status: 401,
        type: 'application/json',
        body: bodyOf(
          JSON.stringify({
            error: 'unauthorized',
            ...(portal === undefined ? {} : { login_url: signIn }),
          }),
        ),
      };
    case 'tool':
      return { ...asks, body: bodyOf('401 Unauthorized') };
    default:
      return { ...plain, status: 401, body: bodyOf('401 Unauthorized') };
  }
}

/** What an answer says, of headers under any spelling. */
export function said(
  status: number,
  headers: readonly (readonly [string, string])[],
  body: string,
): Said & { readonly store: string | undefined; readonly vary: string | undefined } {
  const value = (name: string) => headers.find(([other]) => other.toLowerCase() === name)?.[1];
  return {
    status,
    location: value('location'),
    challenge: value('www-authenticate'),
    type: value('content-type') ?? '',
    body,
    store: value('cache-control'),
    vary: value('vary'),
  };
}

/** That no cache may keep it, and on what it depends. */
export const UNCACHED = {
  store: 'no-store',
  vary: 'Accept, Origin, Sec-Fetch-Mode, Upgrade, User-Agent, X-Requested-With',
};
