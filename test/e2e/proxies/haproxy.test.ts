import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeProxyContract } from '../../contracts/proxy.ts';
import { exampleFile } from '../../support/example.ts';
import { describeHaproxy, startHaproxy } from '../../support/haproxy.ts';
import { freePort } from '../../support/net.ts';
import { tempDirectory } from '../../support/temp.ts';

describeHaproxy('HAProxy with Lua', binary => {
  describeProxyContract(async world => {
    const port = await freePort();
    const lua = join(tempDirectory(), 'postern.lua');
    writeFileSync(lua, exampleFile('haproxy/postern.lua', {}));
    const config = exampleFile('haproxy/haproxy.cfg', {
      'bind :443': `bind 127.0.0.1:${port}`,
      '/etc/haproxy/certs/example.com.pem': world.certificate.both,
      '/etc/haproxy/postern.lua': lua,
      '127.0.0.1:9091': `127.0.0.1:${world.hostPort}`,
      '127.0.0.1:8080': `127.0.0.1:${world.backend.port}`,
    });
    return { port, ...(await startHaproxy({ binary, config, ports: [port] })) };
  });
});
