import { describeProxyContract } from '../../contracts/proxy.ts';
import { describeCaddy, startCaddy } from '../../support/caddy.ts';
import { exampleFile } from '../../support/example.ts';
import { freePorts } from '../../support/net.ts';
import type { World } from '../../support/world.ts';

/** What is put in place in every Caddyfile. */
function inPlace(world: World): Record<string, string> {
  return {
    '/etc/caddy/certs/example.com.crt': world.certificate.certificate,
    '/etc/caddy/certs/example.com.key': world.certificate.key,
    '127.0.0.1:9091': `127.0.0.1:${world.hostPort}`,
    '127.0.0.1:8080': `127.0.0.1:${world.backend.port}`,
  };
}

describeCaddy('Caddy with forward_auth', binary => {
  describeProxyContract(async world => {
    const [port = 0, httpPort = 0] = await freePorts(2);
    const program = await startCaddy({
      binary: binary(),
      sites: exampleFile('caddy/Caddyfile', inPlace(world)),
      global: [`https_port ${port}`, `http_port ${httpPort}`],
      ports: [port],
    });
    return { port, ...program };
  });
});
