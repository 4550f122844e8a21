import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { describeProxyContract, type GuardedProxy } from '../../contracts/proxy.ts';
import { exampleFile } from '../../support/example.ts';
import { controllerConfig } from '../../support/ingress-nginx.ts';
import { freePort } from '../../support/net.ts';
import { describeNginx, startNginx } from '../../support/nginx.ts';
import { rawRequest, sendRaw } from '../../support/raw-http.ts';
import { removeTempDirectories, tempDirectory } from '../../support/temp.ts';
import { APP, startWorld, type World } from '../../support/world.ts';

/** nginx with a file of conf.d; `more` is put in place beside what stands in each of them. */
async function start(
  binary: string,
  world: World,
  example: string,
  more: Readonly<Record<string, string>> = {},
): Promise<GuardedProxy> {
  const port = await freePort();
  const http = exampleFile(example, {
    'listen 443': `listen 127.0.0.1:${port}`,
    '/etc/nginx/certs/example.com.crt': world.certificate.certificate,
    '/etc/nginx/certs/example.com.key': world.certificate.key,
    '127.0.0.1:8080': `127.0.0.1:${world.backend.port}`,
    ...more,
  });
  return { port, ...(await startNginx({ binary, http, ports: [port] })) };
}

/** Where an example names the host. */
const address = (world: World) => ({ '127.0.0.1:9091': `127.0.0.1:${world.hostPort}` });

/** `conf.d/postern.conf` and its snippets. */
function startWithSnippets(
  binary: string,
  world: World,
  asked: Readonly<Record<string, string>>,
): Promise<GuardedProxy> {
  const snippets = join(tempDirectory(), 'snippets');
  mkdirSync(snippets);
  for (const name of ['postern-endpoint.conf', 'postern-protect.conf']) {
    writeFileSync(join(snippets, name), exampleFile(`nginx/snippets/${name}`, {}));
  }
  return start(binary, world, 'nginx/postern.conf', {
    ...asked,
    'include snippets/': `include ${snippets}/`,
  });
}

describeNginx('nginx with auth_request', binary => {
  describeProxyContract(world => startWithSnippets(binary, world, address(world)));
});

describeNginx('nginx with auth_request by a Unix socket', binary => {
  describeProxyContract(
    world =>
      startWithSnippets(binary, world, {
        'server 127.0.0.1:9091;': `server unix:${world.hostSocket};`,
      }),
    { reach: 'unix' },
  );
});

describeNginx("an nginx block of authentik's, mended", binary => {
  describeProxyContract(world => start(binary, world, 'nginx/authentik.conf', address(world)), {
    identity: {
      user: 'X-Auth-Username',
      groups: 'X-Auth-Groups',
      email: 'X-Forwarded-Email',
      also: ['X-Forwarded-User', 'X-Forwarded-Preferred-Username', 'X-authentik-username'],
    },
    separator: '|',
    denial: 'by-start',
  });
});

/** An example for ingress-nginx, as its controller makes it nginx's. */
async function startIngress(
  binary: string,
  world: World,
  example: string,
  open?: Readonly<Record<string, string>>,
): Promise<GuardedProxy> {
  const port = await freePort();
  const text = exampleFile(example, {
    'postern.postern.svc.cluster.local:9091': `127.0.0.1:${world.hostPort}`,
  });
  const ingresses = parseAllDocuments(text).map(document => document.toJS());
  const { metadata, spec } = ingresses.find(({ metadata }) => metadata.name === 'myapp');
  const { certificate, key } = world.certificate;
  const http = controllerConfig({
    host: spec.rules[0].host,
    annotations: metadata.annotations,
    ...{ port, certificate, key, backend: world.backend.url },
    ...(open && { open }),
  });
  return { port, ...(await startNginx({ binary, http, ports: [port] })) };
}

const INGRESS = { asPrinted: true, ingress: true };

describeNginx('what ingress-nginx makes of ingress-nginx.yml', binary => {
  describeProxyContract(world => startIngress(binary, world, 'kubernetes/ingress-nginx.yml'), INGRESS);
});

describeNginx('what ingress-nginx makes of ingress-nginx-authentik.yml', binary => {
  describeProxyContract(
    world =>
      startIngress(binary, world, 'kubernetes/ingress-nginx-authentik.yml', { '/akprox': world.hostUrl }),
    {
      ...INGRESS,
      identity: {
        user: 'X-Auth-Username',
        groups: 'X-Auth-Groups',
        email: 'X-Forwarded-Email',
        also: ['X-Forwarded-User', 'X-Forwarded-Preferred-Username'],
      },
      separator: '|',
      denial: 'by-start',
    },
  );
});

/** As a guide has it; the paths are what may be written there by mistake. */
describeNginx('an nginx block that tells nothing', binary => {
  const paths = ['/api/verify', '/api/health', '/health', '/metrics', '/akprox/ping', '/', '/login', '/auth'];
  let world: World;

  beforeAll(async () => {
    world = await startWorld({
      access_control: { default_policy: 'deny', rules: [{ domain: '*.example.com', policy: 'bypass' }] },
    });
  }, 60_000);

  afterAll(async () => {
    await world?.stop();
    removeTempDirectories();
  });

  it('gets nobody in, whatever path it asks', async () => {
    const port = await freePort();
    const locations = paths.map(
      (path, i) => `
    location /${i} { auth_request /authelia/${i}; proxy_pass ${world.backend.url}; }
    location = /authelia/${i} { proxy_pass http://authelia${path}; }`,
    );
    const http = `
  upstream authelia { server 127.0.0.1:${world.hostPort}; }
  server {
    listen 127.0.0.1:${port};
    ${locations.join('')}
  }`;
    const nginx = await startNginx({ binary, http, ports: [port] });
    try {
      for (const [i, path] of paths.entries()) {
        const { status } = await sendRaw(port, rawRequest([`GET /${i} HTTP/1.1`, `Host: ${APP}`]));
        expect([path, status >= 400]).toEqual([path, true]);
      }
      expect(world.backend.received).toEqual([]);
    } finally {
      await nginx.stop();
    }
  });
});
