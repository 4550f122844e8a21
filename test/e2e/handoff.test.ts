import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeCaddy, startCaddy } from '../support/caddy.ts';
import { selfSigned } from '../support/certificate.ts';
import { exampleFile, substitute } from '../support/example.ts';
import { freePort, freePorts } from '../support/net.ts';
import { describeNginx, startNginx } from '../support/nginx.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { TlsBrowser } from '../support/tls-browser.ts';
import { describeTraefik, type Tree } from '../support/traefik.ts';
import { waitUntil } from '../support/wait.ts';
import { type Home, MEMBERS, PORTAL, startHome } from './browser/home.ts';
import { startHousehold } from './browser/household.ts';

/**
 * An application on a domain of its own, behind each proxy: as authentik's
 * single application. The lines for nginx and Caddy are those of
 * docs/single-application.md.
 */
const APP = 'app.other.org';
const PAGE = `https://${APP}/reports?year=2026&month=1`;
const SESSION = '__Secure-postern_session';
const CONFIG: Tree = {
  session: {
    cookies: [
      { domain: 'example.com', authelia_url: PORTAL },
      { domain: APP, authelia_url: PORTAL },
    ],
  },
  access_control: { rules: [{ domain: APP, policy: 'one_factor' }] },
};

interface Front {
  readonly home: Home;
  readonly port: number;
  stop(): Promise<void>;
}

const certificate = () => selfSigned(['example.com', '*.example.com', APP]);
const addresses = (home: Home) => ({
  '127.0.0.1:9091': `127.0.0.1:${home.hostPort}`,
  '127.0.0.1:8080': home.services.url.slice('http://'.length),
});

/** What each proxy shows. @param user the header that tells the application who asks */
function shows(start: () => Promise<Front>, user: string): void {
  let front: Front;
  beforeAll(async () => {
    front = await start();
  });
  afterAll(async () => {
    await front?.stop();
    removeTempDirectories();
  });
  const visitor = () => new TlsBrowser(front.port);
  const who = () => front.home.services.visits.at(-1)?.headers[user];

  async function signedIn(): Promise<TlsBrowser> {
    const browser = visitor();
    const page = await browser.open(PAGE);
    expect(new URL(page.url).origin).toBe(PORTAL);
    const { password } = MEMBERS.user;
    const landed = await browser.submit(page, 'sign-in', { username: 'user', password });
    expect([landed.url, landed.status, who()]).toEqual([PAGE, 200, 'user']);
    return browser;
  }

  it('signs in there with the session at the portal', async () => {
    const browser = await signedIn();
    expect(browser.cookie(APP, SESSION)).toHaveLength(64);
    expect(browser.cookie(APP, SESSION)).not.toBe(browser.cookie('auth.example.com', SESSION));
    // The second time nobody asks the portal.
    const before = browser.seen.length;
    expect((await browser.open(`https://${APP}/again`)).status).toBe(200);
    expect(browser.seen.slice(before)).toEqual([`https://${APP}/again`]);
    expect(front.home.host.output).not.toMatch(/code=|[?&]state=/);
  });

  it('takes a code once, and from the browser that began alone', async () => {
    const browser = await signedIn();
    const callback = browser.seen.find(address => address.includes('/callback?code=')) ?? '';
    expect(new URL(callback).host).toBe(APP);
    const thief = visitor();
    const replayed = await thief.load(callback);
    expect([replayed.status >= 400, thief.cookie(APP, SESSION)]).toEqual([true, undefined]);
    // A fresh one, made by somebody for themselves: whoever follows it is not signed in as them.
    const mallory = await signedIn();
    const start = mallory.seen.find(address => address.includes('/start?')) ?? '';
    const begun = await mallory.load(start);
    const answer = await mallory.load(String(begun.headers.location));
    const link = String(answer.headers.location);
    expect(link).toContain('/callback?code=');
    const victim = visitor();
    const page = await victim.open(link);
    expect([new URL(page.url).origin, victim.cookie(APP, SESSION)]).toEqual([PORTAL, undefined]);
  });

  it('ends with the session at the portal', async () => {
    const browser = await signedIn();
    const ask = await browser.open(`${PORTAL}/logout`);
    await browser.submit(ask, 'sign-out');
    expect(browser.cookie(APP, SESSION)).toHaveLength(64);
    let page = await browser.open(PAGE);
    await waitUntil('the application to forget them', async () => {
      page = await browser.open(PAGE);
      return new URL(page.url).origin === PORTAL;
    });
    expect(page.text).toContain('id="sign-in"');
  });

  it('signs out at the application, too', async () => {
    const browser = await signedIn();
    const door =
      browser.seen.find(address => address.includes('/callback?'))?.replace(/callback\?.*/, '') ?? '';
    const ask = await browser.open(`${door}sign_out`);
    expect([new URL(ask.url).href, browser.cookie(APP, SESSION)]).toEqual([`${PORTAL}/logout`, undefined]);
    await browser.submit(ask, 'sign-out');
    const page = await browser.open(PAGE);
    expect([new URL(page.url).origin, page.text.includes('id="sign-in"')]).toEqual([PORTAL, true]);
  });
}

describeTraefik('a single application behind Traefik with the plugin', binary => {
  shows(async () => {
    const household = await startHousehold({
      traefik: binary(),
      domains: [APP],
      names: [APP],
      handoffs: [APP],
      config: CONFIG,
    });
    return { home: household.home, port: household.port, stop: () => household.stop() };
  }, 'remote-user');
});

describeNginx("a single application behind nginx, with authentik's block", binary => {
  shows(async () => {
    const home = await startHome({ config: CONFIG });
    const port = await freePort();
    const files = certificate();
    const places = {
      'listen 443': `listen 127.0.0.1:${port}`,
      '/etc/nginx/certs/example.com.crt': files.certificate,
      '/etc/nginx/certs/example.com.key': files.key,
    };
    const app = exampleFile('nginx/authentik.conf', {
      ...addresses(home),
      ...places,
      'server_name app.example.com': `server_name ${APP}`,
    });
    const whole = exampleFile('nginx/postern.conf', {});
    const portal = substitute(whole.slice(whole.indexOf('# Where people sign in')), {
      ...places,
      'http://postern': `http://127.0.0.1:${home.hostPort}`,
    });
    const nginx = await startNginx({ binary, http: `${app}\n${portal}`, ports: [port] });
    return {
      home,
      port,
      async stop() {
        await nginx.stop();
        await home.stop();
      },
    };
  }, 'x-auth-username');
});

describeCaddy('a single application behind Caddy', binary => {
  shows(async () => {
    const home = await startHome({ config: CONFIG });
    const [port = 0, httpPort = 0] = await freePorts(2);
    const files = certificate();
    const docs = readFileSync(
      fileURLToPath(new URL('../../docs/single-application.md', import.meta.url)),
      'utf8',
    );
    const lines = /^```caddy\n([\s\S]*?)^```$/m.exec(docs)?.[1] ?? '';
    const sites = substitute(
      exampleFile('caddy/Caddyfile', {
        'app.example.com {': `${APP} {`,
        '\troute {\n': `\troute {\n${lines}`,
        '/etc/caddy/certs/example.com.crt': files.certificate,
        '/etc/caddy/certs/example.com.key': files.key,
      }),
      addresses(home),
    );
    const global = [`https_port ${port}`, `http_port ${httpPort}`];
    const caddy = await startCaddy({ binary: binary(), sites, global, ports: [port] });
    return {
      home,
      port,
      async stop() {
        await caddy.stop();
        await home.stop();
      },
    };
  }, 'remote-user');
});
