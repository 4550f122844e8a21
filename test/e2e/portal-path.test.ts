import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DEFAULT_SESSION, signInDocument } from '../../host/config/session.ts';
import { openStore } from '../../host/store/open.ts';
import type { Store } from '../../host/store/store.ts';
import { type Authz, startAuthz } from '../support/authz.ts';
import { freePort } from '../support/net.ts';
import { describeNginx, startNginx } from '../support/nginx.ts';
import { formOf, Visitor } from '../support/portal.ts';
import type { Program } from '../support/program.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';
import { SECRET } from '../support/test-app.ts';

const APPLICATION = 'https://nextcloud.example.com';
const COOKIES = [{ domain: 'example.com', signInUrl: `${APPLICATION}/authelia`, session: DEFAULT_SESSION }];

/**
 * The seed's nginx: the portal is the path `/authelia` of the application's own
 * host, and the endpoints lie below it as well. The headers are those that
 * `examples/nginx` sends; TLS, which it ends in front, is only told.
 */
const nginxConfiguration = (port: number, postern: number, application: number) => `
  upstream authelia { server 127.0.0.1:${postern}; keepalive 8; }
  server {
    listen 127.0.0.1:${port};
    server_name nextcloud.example.com;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-Host $host;
    proxy_set_header X-Forwarded-Proto https;
    proxy_set_header X-Forwarded-For $remote_addr;
    location = /internal-authz {
      internal;
      proxy_pass http://authelia/authelia/api/authz/auth-request;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URL https://$host$request_uri;
      proxy_set_header X-Forwarded-For $remote_addr;
    }
    location / {
      auth_request /internal-authz;
      auth_request_set $user $upstream_http_remote_user;
      proxy_set_header Remote-User $user;
      error_page 401 =302 ${APPLICATION}/authelia/?rd=https://$host$request_uri;
      proxy_pass http://127.0.0.1:${application};
    }
    location /authelia { proxy_pass http://authelia; }
  }`;

describeNginx('a portal below a path of the application, behind nginx', binary => {
  let database: Store;
  let authz: Authz;
  let application: Server;
  let nginx: Program;
  let port: number;

  beforeAll(async () => {
    database = await openStore(
      { kind: 'sqlite', path: join(tempDirectory(), 'postern.sqlite3') },
      { secret: SECRET, previousSecret: undefined, random: randomBytes },
    );
    authz = await startAuthz({
      policy: {
        access_control: {
          default_policy: 'deny',
          rules: [{ domain: 'nextcloud.example.com', policy: 'one_factor' }],
        },
        sign_in: signInDocument(COOKIES, true) ?? [],
      },
      config: { cookies: COOKIES, server: { host: '127.0.0.1', port: 0, prefix: '/authelia' } },
      database,
    });
    application = createServer((request, response) => {
      response.end(`${request.headers['remote-user']} at ${request.url}`);
    });
    await new Promise<void>(resolve => application.listen(0, '127.0.0.1', resolve));
    port = await freePort();
    const http = nginxConfiguration(port, authz.port, (application.address() as AddressInfo).port);
    nginx = await startNginx({ binary, http, ports: [port] });
  });

  afterAll(async () => {
    await nginx?.stop();
    application?.close();
    await authz?.stop();
    await database?.close();
    removeTempDirectories();
  });

  it('signs in, leads back to the page with its query, and signs out', async () => {
    const visitor = new Visitor(port, APPLICATION);
    const refused = await visitor.get('/apps/files?dir=/a&view=1');
    expect(refused.status).toBe(302);
    const portal = String(refused.headers.location);
    expect(portal).toBe(`${APPLICATION}/authelia/?rd=https://nextcloud.example.com/apps/files?dir=/a&view=1`);
    const page = await visitor.get(portal.slice(APPLICATION.length));
    expect(page.status).toBe(200);
    const style = /<link rel="stylesheet" href="([^"]+)">/.exec(page.body)?.[1] ?? '';
    expect(style).toMatch(/^\/authelia\/static\//);
    expect((await visitor.get(style)).headers['content-type']).toContain('text/css');
    const signedIn = await visitor.submit(formOf(page, 'sign-in'), {
      username: 'bob',
      password: 'password-bob',
    });
    expect(signedIn.status).toBe(303);
    const landing = await visitor.get(String(signedIn.headers.location));
    expect(landing.body).toContain(`url=&#39;${APPLICATION}/apps/files?dir=/a&amp;view=1&#39;`);
    const files = await visitor.get('/apps/files?dir=/a&view=1');
    expect([files.status, files.body]).toEqual([200, 'bob at /apps/files?dir=/a&view=1']);
    const out = await visitor.submit(formOf(await visitor.get('/authelia/logout'), 'sign-out'));
    expect(out.headers.location).toBe('/authelia/logout?done=here');
    expect((await visitor.get('/apps/files')).status).toBe(302);
  });
});
