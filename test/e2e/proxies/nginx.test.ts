import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeProxyContract } from '../../contracts/proxy.ts';
import { exampleFile } from '../../support/example.ts';
import { freePort } from '../../support/net.ts';
import { describeNginx, startNginx } from '../../support/nginx.ts';
import { tempDirectory } from '../../support/temp.ts';
import type { World } from '../../support/world.ts';

describeNginx('nginx with auth_request', binary => {
  describeProxyContract(async (world: World) => {
    const port = await freePort();
    const snippets = join(tempDirectory(), 'snippets');
    mkdirSync(snippets);
    const endpoint = exampleFile('nginx/snippets/postern-endpoint.conf', {
      '127.0.0.1:9091': `127.0.0.1:${world.hostPort}`,
    });
    writeFileSync(join(snippets, 'postern-endpoint.conf'), endpoint);
    writeFileSync(
      join(snippets, 'postern-protect.conf'),
      exampleFile('nginx/snippets/postern-protect.conf', {}),
    );
    const http = exampleFile('nginx/postern.conf', {
      'listen 443': `listen 127.0.0.1:${port}`,
      '/etc/nginx/certs/example.com.crt': world.certificate.certificate,
      '/etc/nginx/certs/example.com.key': world.certificate.key,
      'include snippets/': `include ${snippets}/`,
      '127.0.0.1:8080': `127.0.0.1:${world.backend.port}`,
    });
    return { port, ...(await startNginx({ binary, http, ports: [port] })) };
  });
});
