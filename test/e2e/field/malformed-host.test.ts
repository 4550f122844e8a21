import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RawAnswer, rawRequest, sendRaw } from '../../support/raw-http.ts';
import { removeTempDirectories } from '../../support/temp.ts';
import { APP, startWorld, type World } from '../../support/world.ts';
import { forEach } from './field.ts';
import {
  BAD_ADDRESSES,
  BAD_URIS,
  COOKIES,
  INSIDE,
  KEPT,
  LAN,
  MALFORMED_POLICY,
  OPEN,
} from './malformed-variants.ts';

/** How each kind of proxy tells the host about a request. */
type Endpoint = [path: string, tells: 'parts' | 'url' | 'prefix'];
const ENDPOINTS: Endpoint[] = [
  ['/api/authz/forward-auth', 'parts'],
  ['/auth', 'parts'],
  ['/api/verify', 'parts'],
  ['/outpost.goauthentik.io/auth/traefik', 'parts'],
  ['/outpost.goauthentik.io/auth/caddy', 'parts'],
  ['/akprox/auth/traefik', 'parts'],
  ['/oauth2/auth', 'parts'],
  ['/api/authz/auth-request', 'url'],
  ['/api/verify', 'url'],
  ['/outpost.goauthentik.io/auth/nginx', 'url'],
  ['/akprox/auth/nginx', 'url'],
  ['/oauth2/auth', 'url'],
  ['/api/authz/ext-authz/', 'prefix'],
  ['/outpost.goauthentik.io/auth/envoy', 'prefix'],
];

describe('malformed input, told by a proxy that passes it on', () => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld(MALFORMED_POLICY);
  }, 60_000);

  afterAll(async () => {
    await world?.stop();
    removeTempDirectories();
  });

  interface Asked {
    readonly host?: string;
    readonly uri?: string;
    /** Values of `X-Forwarded-For`. */
    readonly from?: readonly string[];
    readonly lines?: readonly string[];
  }

  async function ask([path, tells]: Endpoint, asked: Asked): Promise<RawAnswer> {
    const { host = APP, uri = '/', from = ['198.51.100.7'], lines = [] } = asked;
    const more = [...from.map(value => `X-Forwarded-For: ${value}`), ...lines];
    const own = tells === 'prefix' ? host : '127.0.0.1';
    const told = {
      parts: [`X-Forwarded-Host: ${host}`, `X-Forwarded-Uri: ${uri}`, 'X-Forwarded-Method: GET'],
      url: [`X-Original-URL: https://${host}${uri}`, 'X-Original-Method: GET'],
      prefix: [],
    }[tells];
    const proto = tells === 'url' ? [] : ['X-Forwarded-Proto: https'];
    const line = `GET ${path}${tells === 'prefix' ? uri : ''} HTTP/1.1`;
    return sendRaw(world.hostPort, rawRequest([line, `Host: ${own}`, ...told, ...proto, ...more]));
  }

  it.each(ENDPOINTS)('%s (%s) lets in who may', async (...endpoint) => {
    const allowed = endpoint[0] === '/oauth2/auth' ? 202 : 200;
    for (const asked of [{ host: OPEN }, { uri: '/open' }, { host: LAN, from: [INSIDE] }, { host: KEPT }]) {
      expect((await ask(endpoint, asked)).status, JSON.stringify(asked)).toBe(allowed);
    }
  });

  it.each(ENDPOINTS)(
    'malformed cookie, authentik CVE-2026-25748: proves nobody: %s (%s)',
    async (...endpoint) => {
      await forEach(COOKIES, async lines => {
        const { status } = await ask(endpoint, { uri: '/x', lines });
        expect(status, `${lines}`.slice(0, 80)).toBeOneOf([302, 400, 401, 403, 431]);
      });
    },
  );

  it.each(ENDPOINTS)(
    'malformed URI, Authelia CVE-2021-32637: is no leave to pass: %s (%s)',
    async (...endpoint) => {
      await forEach(BAD_URIS, async uri => {
        for (const host of [APP, OPEN, KEPT]) {
          // Behind `https://host` some of them say something else.
          if (endpoint[1] === 'url' && uri.startsWith(':')) continue;
          const { status } = await ask(endpoint, { host, uri });
          expect(status < 200 || status > 299, `${host} ${uri}: ${status}`).toBe(true);
        }
      });
    },
  );

  it.each(ENDPOINTS)(
    'malformed address, authentik CVE-2024-47070: is inside of no network: %s (%s)',
    async (...endpoint) => {
      expect((await ask(endpoint, { host: LAN, from: [] })).status).toBeOneOf([401, 403]);
      await forEach(BAD_ADDRESSES, async address => {
        for (const from of [[address], [`${INSIDE}, ${address}`], [INSIDE, address]]) {
          for (const host of [LAN, KEPT]) {
            const { status } = await ask(endpoint, { host, from });
            expect(status, `${host} ${from.join(' | ')}`).toBeOneOf([400, 401, 403, 431]);
          }
        }
      });
    },
  );
});
