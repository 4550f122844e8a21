import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Browser, describeBrowser, listen, openBrowser, openContext } from '../../support/browser.ts';
import { describeCaddy, startCaddy } from '../../support/caddy.ts';
import { selfSigned } from '../../support/certificate.ts';
import { exampleFile } from '../../support/example.ts';
import { describeHaproxy, startHaproxy } from '../../support/haproxy.ts';
import { freePort, freePorts } from '../../support/net.ts';
import { describeNginx, startNginx } from '../../support/nginx.ts';
import { removeTempDirectories, tempDirectory } from '../../support/temp.ts';
import { describeTraefik, startTraefik, type Tree } from '../../support/traefik.ts';
import { type Home, PORTAL, startHome } from './home.ts';
import { isAtPortal, leavesPortal, signIn } from './person.ts';
import { CALLS } from './services.ts';

/** A proxy that guards app.example.com as the examples show it, without the guest. */
interface Front {
  readonly port: number;
  stop(): Promise<void>;
}

const APP = 'https://app.example.com';
const certificate = () => selfSigned(['example.com', '*.example.com']);

/** What is put in place in every example. */
const addresses = (home: Home) => ({
  '127.0.0.1:9091': `127.0.0.1:${home.hostPort}`,
  '127.0.0.1:8080': home.services.url.slice('http://'.length),
});

async function nginx(binary: string, home: Home): Promise<Front> {
  const snippets = join(tempDirectory(), 'snippets');
  mkdirSync(snippets);
  for (const name of ['postern-endpoint.conf', 'postern-protect.conf'])
    writeFileSync(join(snippets, name), exampleFile(`nginx/snippets/${name}`, {}));
  const port = await freePort();
  const files = certificate();
  const http = exampleFile('nginx/postern.conf', {
    ...addresses(home),
    'listen 443': `listen 127.0.0.1:${port}`,
    '/etc/nginx/certs/example.com.crt': files.certificate,
    '/etc/nginx/certs/example.com.key': files.key,
    'include snippets/': `include ${snippets}/`,
  });
  return { port, ...(await startNginx({ binary, http, ports: [port] })) };
}

async function caddy(binary: string, home: Home): Promise<Front> {
  const [port = 0, httpPort = 0] = await freePorts(2);
  const files = certificate();
  const sites = exampleFile('caddy/Caddyfile', {
    ...addresses(home),
    '/etc/caddy/certs/example.com.crt': files.certificate,
    '/etc/caddy/certs/example.com.key': files.key,
  });
  const global = [`https_port ${port}`, `http_port ${httpPort}`];
  return { port, ...(await startCaddy({ binary, sites, global, ports: [port] })) };
}

async function haproxy(binary: string, home: Home): Promise<Front> {
  const port = await freePort();
  const config = exampleFile('haproxy/haproxy.cfg', {
    ...addresses(home),
    'bind :443': `bind 127.0.0.1:${port}`,
    '/etc/haproxy/certs/example.com.pem': certificate().both,
    '/etc/haproxy/postern.lua': fileURLToPath(
      new URL('../../../examples/haproxy/postern.lua', import.meta.url),
    ),
  });
  return { port, ...(await startHaproxy({ binary, config, ports: [port] })) };
}

async function forwardAuth(binary: string, home: Home): Promise<Front> {
  const port = await freePort();
  const files = certificate();
  const traefik = await startTraefik({
    binary,
    dynamic: {
      ...(parse(exampleFile('traefik/forward-auth.yml', addresses(home))) as Tree),
      tls: { certificates: [{ certFile: files.certificate, keyFile: files.key }] },
    },
    static: { entryPoints: { websecure: { address: `127.0.0.1:${port}` } } },
  });
  return { port, stop: () => traefik.stop() };
}

/** What every proxy shows, with the examples' text. @param denied what somebody sees who may not enter */
function describeFront(start: (home: Home) => Promise<Front>, denied: RegExp): void {
  describeBrowser('in Chromium', chromium => {
    let home: Home;
    let front: Front;
    let browser: Browser;
    beforeAll(async () => {
      home = await startHome({
        config: {
          access_control: {
            rules: [
              {
                domain: 'app.example.com',
                resources: '^/users',
                policy: 'one_factor',
                subject: 'group:users',
              },
              { domain: 'app.example.com', resources: '^/users', policy: 'deny' },
              { domain: 'app.example.com', policy: 'one_factor' },
            ],
          },
        },
      });
      front = await start(home);
      browser = await openBrowser(chromium, { port: front.port });
    });
    afterAll(async () => {
      await browser?.close();
      await front?.stop();
      await home?.stop();
      removeTempDirectories();
    });

    it('signs in once, keeps the cookie from the application, and signs out', async () => {
      const page = await (await openContext(browser)).newPage();
      const complaints = listen(page);
      const asked = `${APP}/some/page?x=1%2F2`;
      await page.goto(asked);
      await isAtPortal(page);
      await signIn(page, 'user');
      expect(await leavesPortal(page)).toBe(asked);
      await page.getByText(`${CALLS} calls answered`).waitFor();
      expect(await page.locator('#user').textContent()).toBe('user');
      for (const { headers } of home.services.visits) {
        expect(headers['remote-user']).toBe('user');
        expect(headers.cookie ?? '').not.toContain('postern');
      }
      expect(complaints.list).toEqual([]);
      await page.goto(`${APP}/users`);
      expect(page.url()).toBe(`${APP}/users`);
      expect(await page.locator('#user').textContent()).toBe('user');
      await page.goto(`${PORTAL}/logout`);
      await page.locator('#sign-out button').click();
      await page.waitForURL(/done=/);
      await page.goto(asked);
      await isAtPortal(page);
      await page.context().close();
    });

    it('says no to somebody else without a circle', async () => {
      const page = await (await openContext(browser)).newPage();
      await page.goto(`${APP}/users`);
      await signIn(page, 'guest');
      await page.getByText(denied).first().waitFor();
      home.services.clear();
      await page.goto(`${APP}/users`);
      expect(await page.locator('body').textContent()).toMatch(denied);
      expect(home.services.visits.filter(({ uri }) => uri.startsWith('/users'))).toEqual([]);
      await page.context().close();
    });
  });
}

describeNginx('a portal behind nginx, without the guest', binary => {
  describeFront(home => nginx(binary, home), /403 Forbidden|app\.example\.com/);
});

describeCaddy('a portal behind Caddy, without the guest', binary => {
  describeFront(home => caddy(binary(), home), /app\.example\.com/);
});

describeTraefik('a portal behind Traefik with forwardAuth alone', binary => {
  describeFront(home => forwardAuth(binary(), home), /app\.example\.com/);
});

describeHaproxy('a portal behind HAProxy', binary => {
  describeFront(home => haproxy(binary, home), /app\.example\.com/);
});
