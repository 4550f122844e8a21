import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { PrintedSetup } from '../../../host/cli/traefik-forward-auth.ts';
import { deriveGuestKey } from '../../../host/secret/derive.ts';
import { formatGuestKey } from '../../../host/secret/secret.ts';
import { describeProxyContract, type GuardedProxy } from '../../contracts/proxy.ts';
import { type Child, startChild } from '../../support/child.ts';
import { exampleFile } from '../../support/example.ts';
import { freePort } from '../../support/net.ts';
import { BUNDLE, runCli } from '../../support/run-cli.ts';
import { tempDirectory } from '../../support/temp.ts';
import { askTls } from '../../support/tls-client.ts';
import { describeTraefik, startTraefik, type TraefikOptions, type Tree } from '../../support/traefik.ts';
import { fromLabels, fromResources } from '../../support/traefik-decoded.ts';
import { waitUntil } from '../../support/wait.ts';
import { ANN, APP, startWorld, type World } from '../../support/world.ts';

/** Traefik with an entry point for TLS and the world's certificate beside what `options` say. */
async function start(
  world: World,
  options: TraefikOptions,
  entryPoint = 'websecure',
): Promise<GuardedProxy & { readonly apiUrl: string; readonly log: string }> {
  const port = await freePort();
  const { certificate, key } = world.certificate;
  const traefik = await startTraefik({
    ...options,
    dynamic: { ...options.dynamic, tls: { certificates: [{ certFile: certificate, keyFile: key }] } },
    static: {
      entryPoints: {
        [entryPoint]: { address: `127.0.0.1:${port}`, transport: { lifeCycle: { graceTimeOut: '1s' } } },
      },
      ...options.static,
    },
  });
  return {
    port,
    apiUrl: traefik.apiUrl,
    get log() {
      return traefik.log;
    },
    stop: () => traefik.stop(),
  };
}

/** One of the examples for the file provider. */
function byFile(binary: string, world: World, example: string, entryPoint?: string): Promise<GuardedProxy> {
  const text = exampleFile(example, {
    '127.0.0.1:9091': `127.0.0.1:${world.hostPort}`,
    '127.0.0.1:8080': `127.0.0.1:${world.backend.port}`,
  });
  return start(world, { binary, dynamic: parse(text) as Tree }, entryPoint);
}

/** `postern traefik --serve`, and Traefik asking it. */
async function byHttp(
  binary: string,
  world: World,
  flags: readonly string[],
): Promise<GuardedProxy & { readonly served: Child; readonly log: string }> {
  const keyFile = join(tempDirectory(), 'key', 'guest.key');
  mkdirSync(dirname(keyFile), { mode: 0o750 });
  writeFileSync(keyFile, formatGuestKey(deriveGuestKey(world.secret)));
  const args = [
    'traefik',
    APP,
    ...['--config', world.configFile, '--service', world.backend.url, '--key-file', keyFile],
    ...flags,
  ];
  const listen = `127.0.0.1:${await freePort()}`;
  const served = startChild(process.execPath, [BUNDLE, ...args, '--serve', '--listen', listen], {
    env: world.env,
  });
  const endpoint = (await served.waitFor(/http:\S+/))[0];
  const printed = await runCli([...args, '--static', '--json', '--endpoint', endpoint], { env: world.env });
  const { providers, experimental } = JSON.parse(printed.out) as PrintedSetup['static'];
  const http = { ...('http' in providers ? providers.http : {}), pollInterval: '200ms' };
  const { mounts } = experimental?.localPlugins.postern.settings ?? {};
  const traefik = await start(world, {
    binary,
    ...(mounts === undefined ? {} : { plugins: { postern: { mounts } } }),
    dynamic: {},
    static: { providers: { http } },
  });
  await waitUntil('the routers', async () => {
    const data = (await (await fetch(`${traefik.apiUrl}/api/rawdata`)).json()) as { routers?: object };
    return Object.keys(data.routers ?? {}).includes('postern-app-example-com@http');
  });
  return {
    port: traefik.port,
    served,
    get log() {
      return traefik.log;
    },
    async stop() {
      await traefik.stop();
      expect(await served.stop()).toBe(0);
    },
  };
}

describeTraefik('Traefik with forwardAuth alone, by file', binary => {
  describeProxyContract(world => byFile(binary(), world, 'traefik/forward-auth.yml'));
});

describeTraefik('Traefik with forwardAuth alone, which asks by HTTP/2', binary => {
  const byTls = (world: World) => {
    const text = exampleFile('traefik/forward-auth.yml', {
      'http://127.0.0.1:9091': world.hostUrl,
      '        # tls:\n        #   ca:': '        tls:\n          ca:',
      '/etc/traefik/certs/postern.crt': world.certificate.certificate,
      '127.0.0.1:8080': `127.0.0.1:${world.backend.port}`,
    });
    return start(world, { binary: binary(), dynamic: parse(text) as Tree });
  };
  describeProxyContract(byTls, { reach: 'tls' });
});

describeTraefik('Traefik with forwardAuth alone, by its HTTP provider', binary => {
  describeProxyContract(world => byHttp(binary(), world, ['--no-plugin']));
});

describeTraefik('Traefik whose HTTP provider has gone', binary => {
  it('keeps the routers that it has', async () => {
    const world = await startWorld();
    const traefik = await byHttp(binary(), world, ['--no-plugin']);
    expect(await traefik.served.stop()).toBe(0);
    await waitUntil('a poll in vain', () => /connection refused/.test(traefik.log));
    expect((await askTls(traefik.port, APP, '/x', { as: ANN.as })).status).toBe(200);
    expect((await askTls(traefik.port, APP, '/admin', { as: ANN.as })).status).toBe(403);
    await traefik.stop();
    await world.stop();
  }, 60_000);
});

describeTraefik('Traefik with the plugin, by its HTTP provider', binary => {
  describeProxyContract(world => byHttp(binary(), world, []), { guest: true, adaptive: true });
});

const AUTHENTIK = {
  asPrinted: true,
  identity: {
    user: 'X-Auth-Username',
    groups: 'X-Auth-Groups',
    email: 'X-Forwarded-Email',
    also: ['X-Forwarded-Preferred-Username', 'X-Forwarded-User'],
  },
  separator: '|',
};

/** Labels of all services of an example for Compose, with the host's address in place. */
function labels(example: string, address: string, world: World): Record<string, string> {
  const { services } = parse(exampleFile(example, { [address]: `127.0.0.1:${world.hostPort}` })) as {
    services: Record<string, { labels?: Record<string, string> }>;
  };
  return Object.assign({}, ...Object.values(services).map(service => service.labels));
}

function resources(example: string, world: World) {
  const text = exampleFile(example, {
    'postern.postern.svc.cluster.local:9091': `127.0.0.1:${world.hostPort}`,
  });
  return parseAllDocuments(text).map(document => document.toJS());
}

describeTraefik('the labels of compose.yml', binary => {
  describeProxyContract(world =>
    start(world, {
      binary: binary(),
      dynamic: fromLabels(labels('docker/compose.yml', '172.30.91.3:9091', world), {
        myapp: world.backend.url,
      }),
    }),
  );
});

describeTraefik('the labels of compose.authentik.yml', binary => {
  describeProxyContract(
    world =>
      start(
        world,
        {
          binary: binary(),
          dynamic: fromLabels(labels('docker/compose.authentik.yml', 'authentik_proxy:9091', world), {
            whoami: world.backend.url,
            authentik: world.hostUrl,
          }),
        },
        'https',
      ),
    AUTHENTIK,
  );
});

describeTraefik('IngressRoute and Middleware of traefik.yml', binary => {
  describeProxyContract(world =>
    start(world, {
      binary: binary(),
      dynamic: fromResources(resources('kubernetes/traefik.yml', world), { myapp: world.backend.url }),
    }),
  );
});

describeTraefik('IngressRoute and Middleware of traefik-authentik.yml', binary => {
  describeProxyContract(
    world =>
      start(world, {
        binary: binary(),
        dynamic: fromResources(resources('kubernetes/traefik-authentik.yml', world), {
          myapp: world.backend.url,
          postern: world.hostUrl,
        }),
      }),
    AUTHENTIK,
  );
});

describeTraefik("a Traefik block of Authelia's with another address", binary => {
  describeProxyContract(world => byFile(binary(), world, 'traefik/authelia.yml', 'https'), {
    asPrinted: true,
  });
});

describeTraefik("a Traefik block of authentik's with another address", binary => {
  describeProxyContract(world => byFile(binary(), world, 'traefik/authentik.yml', 'https'), AUTHENTIK);
});
