import { reason } from './host-view.ts';
import { get } from './http-get.ts';
import type { Failed } from './observation.ts';
import { staticConfigOf } from './support-dump.ts';
import { readTraefik, type TraefikView } from './traefik-view.ts';

/**
 * Asks Traefik's API: version, raw data (routers and middlewares in one answer,
 * so that they fit each other), entry points, and for the static configuration
 * the support dump, which older ones have not.
 */
export async function observeTraefik(api: string): Promise<TraefikView | Failed> {
  const url = new URL(api);
  const headers: Record<string, string> = {};
  if (url.username !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers.Authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
  }
  const base = `${url.protocol}//${url.host}${url.pathname.replace(/\/(api\/?)?$/, '')}/api`;
  const ask = (path: string) => get(`${base}/${path}`, { headers });
  try {
    const version = await ask('version');
    if (version.status !== 200) return { failed: `it answers ${version.status}` };
    const rest = await Promise.all(['rawdata', 'entrypoints?per_page=1000'].map(ask));
    for (const { status } of rest) if (status !== 200) return { failed: `it answers ${status}` };
    const [rawdata, entrypoints] = rest.map(({ body }) => JSON.parse(body.toString('utf8')) as unknown);
    const dump = await ask('support-dump').catch(() => undefined);
    return readTraefik({
      version: JSON.parse(version.body.toString('utf8')) as unknown,
      rawdata,
      entrypoints,
      static: dump?.status === 200 ? staticConfigOf(dump.body) : undefined,
      clock: version.clock,
    });
  } catch (error) {
    return { failed: error instanceof SyntaxError ? 'what answers there is not Traefik' : reason(error) };
  }
}
