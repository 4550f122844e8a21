import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The seed has twelve services behind one sign-in; their names below example.com. */
export const SERVICES = [
  'nextcloud',
  'jellyfin',
  'vault',
  'uptime',
  'immich',
  'paperless',
  'gitea',
  'grafana',
  'wiki',
  'photos',
  'home',
  'admin',
] as const;

export type ServiceName = (typeof SERVICES)[number];

/** What a service was asked for. */
export interface Visit {
  readonly host: string;
  readonly method: string;
  readonly uri: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** All services in one server, which tells them apart by Host as one reverse proxy in front of many does. */
export interface Services {
  readonly url: string;
  /** Since `clear`. */
  readonly visits: readonly Visit[];
  clear(): void;
  stop(): Promise<void>;
}

/** How many calls each page's script makes once it is loaded. */
export const CALLS = 4;

/** A page that breaks its own policy and every rule of accessibility: what is to find must be found. */
export const FAULTY = '/faulty';

const STYLE = 'body { font-family: sans-serif } .pictures img { width: 16px }';
const PICTURE =
  '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16"><rect width="16" height="16"/></svg>';
const SCRIPT = `
const calls = Array.from({ length: ${CALLS} }, (_, i) => fetch('/api/call/' + i).then(a => a.ok ? 1 : 0, () => 0))
Promise.all(calls).then(all => {
  document.querySelector('#calls').textContent = all.reduce((a, b) => a + b, 0) + ' calls answered'
})
`;

/** A page as services have them: style, script, pictures, and calls as soon as it is there. */
function page(host: string, uri: string, user: string): string {
  const text = (value: string) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const pictures = Array.from({ length: 6 }, (_, i) => `<img src="/pictures/${i}.svg" alt="">`).join('');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${host}</title>
<link rel="icon" href="/favicon.svg"><link rel="stylesheet" href="/style.css"></head>
<body><h1>${host}</h1><p id="user">${text(user)}</p><p id="uri">${text(uri)}</p><p id="calls"></p>
<div class="pictures">${pictures}</div>
<form method="post" action="/save"><input name="note" value="x"><button>Save</button></form>
<script src="/app.js"></script></body></html>`;
}

export async function startServices(): Promise<Services> {
  const visits: Visit[] = [];
  const server = createServer((request, response) => {
    const { method = '', url: uri = '/' } = request;
    const host = request.headers.host ?? '';
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    visits.push({ host, method, uri, headers });
    const path = uri.split('?', 1)[0] ?? '/';
    const send = (type: string, text: string) => {
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' });
      response.end(text);
    };
    request.resume();
    if (path === FAULTY) {
      response.writeHead(200, {
        'content-type': 'text/html',
        'content-security-policy': "default-src 'none'",
      });
      response.end(
        '<!doctype html><title>x</title><body style="color:#ccc;background:#fff">pale<img src="/x.png">',
      );
      return;
    }
    if (path.endsWith('.css')) send('text/css', STYLE);
    else if (path.endsWith('.js')) send('text/javascript', SCRIPT);
    else if (path.endsWith('.svg')) send('image/svg+xml', PICTURE);
    else if (path.startsWith('/api/')) send('application/json', JSON.stringify({ host, headers }));
    else send('text/html; charset=utf-8', page(host, uri, headers['remote-user'] ?? 'nobody'));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    visits,
    clear: () => void visits.splice(0),
    async stop() {
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
