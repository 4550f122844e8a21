import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { Io } from '../../host/cli/io.ts';
import { run } from '../../host/cli/program.ts';
import { forwardAuthSetup } from '../../host/cli/traefik-forward-auth.ts';
import { type TraefikOptions, traefikSetup } from '../../host/cli/traefik-setup.ts';
import { FORWARD_AUTH_PATH } from '../../host/routes/paths.ts';
import { deriveGuestKey, verdictTag } from '../../host/secret/derive.ts';
import { formatSecret } from '../../host/secret/secret.ts';

const root = Uint8Array.from({ length: 32 }, (_, i) => i);
const oldRoot = root.map(byte => byte ^ 1);
const guestKey = deriveGuestKey(root);
const tag = verdictTag(guestKey);
const oldTag = verdictTag(deriveGuestKey(oldRoot));

const OPTIONS: TraefikOptions = {
  domains: [{ domain: 'app.example.com', service: 'app@docker' }],
  guestKey,
  hostAddress: 'http://127.0.0.1:9091',
  directory: '/run/postern',
  keyFile: '/etc/postern/traefik/guest.key',
};

describe('Traefik set-up', () => {
  const setup = traefikSetup(OPTIONS);

  it('stops Traefik when the plugin fails, and mounts what the plugin reads', () => {
    expect(setup.static.experimental).toEqual({
      abortOnPluginFailure: true,
      localPlugins: {
        postern: {
          moduleName: 'github.com/postern-auth/postern',
          settings: { mounts: ['/run/postern:/run/postern:ro', '/etc/postern/traefik:/etc/postern:ro'] },
        },
      },
    });
  });

  it('guards a domain in two layers, by verdicts that only the plugin knows', () => {
    expect(setup.dynamic.http.routers).toEqual({
      'postern-app-example-com': {
        rule: 'Host(`app.example.com`)',
        entryPoints: ['websecure'],
        priority: 1_000_000,
        middlewares: ['postern-target', 'postern'],
        tls: {},
      },
      'postern-app-example-com-allow': {
        rule: `Header(\`Postern-Verdict\`, \`allow-${tag}\`)`,
        parentRefs: ['postern-app-example-com'],
        middlewares: ['postern-clean'],
        service: 'app@docker',
      },
      'postern-app-example-com-defer': {
        rule: `Header(\`Postern-Verdict\`, \`defer-${tag}\`)`,
        parentRefs: ['postern-app-example-com'],
        middlewares: ['postern-host', 'postern-clean'],
        service: 'app@docker',
      },
    });
    expect(tag).toMatch(/^[0-9a-f]{32}$/);
    expect(setup.dynamic.http.services).toBeUndefined();
  });

  it('configures plugin, forwardAuth and the removal of our headers', () => {
    expect(setup.dynamic.http.middlewares).toEqual({
      'postern-target': { redirectRegex: { regex: '^h', replacement: 'h' } },
      postern: { plugin: { postern: { directory: '/run/postern', key_file: '/etc/postern/guest.key' } } },
      'postern-host': {
        forwardAuth: {
          address: `http://127.0.0.1:9091${FORWARD_AUTH_PATH}`,
          trustForwardHeader: true,
          maxResponseBodySize: 65_536,
          authResponseHeaders: [
            'Postern-Verdict',
            'Postern-Request',
            'Remote-User',
            'Remote-Groups',
            'Remote-Name',
            'Remote-Email',
            'Cookie',
          ],
        },
      },
      'postern-clean': {
        headers: { customRequestHeaders: { 'Postern-Verdict': '', 'Postern-Request': '' } },
      },
    });
  });

  it('holds no key', () => {
    const text = JSON.stringify(setup);
    for (const key of [root, guestKey]) {
      expect(text).not.toContain(Buffer.from(key).toString('base64url').slice(0, 20));
      expect(text).not.toContain(Buffer.from(key).toString('hex').slice(0, 20));
    }
  });

  it('lets guests with the old key pass while the previous secret is set', () => {
    const { routers } = traefikSetup({ ...OPTIONS, previousGuestKey: deriveGuestKey(oldRoot) }).dynamic.http;
    expect(routers['postern-app-example-com-allow']?.rule).toBe(
      `Header(\`Postern-Verdict\`, \`allow-${tag}\`) || Header(\`Postern-Verdict\`, \`allow-${oldTag}\`)`,
    );
    expect(routers['postern-app-example-com-defer']?.rule).toContain(`defer-${oldTag}`);
  });

  it('takes the key from the environment, entry points, servers, and more plugin configuration', () => {
    const other = traefikSetup({
      ...OPTIONS,
      domains: [
        { domain: '*.example.com', service: 'http://127.0.0.1:8080' },
        { domain: 'any.example.com', service: 'b' },
      ],
      keyFile: undefined,
      entryPoints: { web: '127.0.0.1:8000' },
      tls: false,
      plugin: { realm: 'x' },
    });
    expect(other.static.entryPoints).toEqual({ web: { address: '127.0.0.1:8000' } });
    expect(other.static.experimental.localPlugins.postern.settings).toEqual({
      mounts: ['/run/postern:/run/postern:ro'],
      envs: ['POSTERN_GUEST_KEY'],
    });
    expect(other.dynamic.http.middlewares.postern).toEqual({
      plugin: { postern: { directory: '/run/postern', realm: 'x' } },
    });
    expect(other.dynamic.http.services).toEqual({
      'postern-any-example-com': { loadBalancer: { servers: [{ url: 'http://127.0.0.1:8080' }] } },
    });
    expect(other.dynamic.http.routers['postern-any-example-com']).toEqual({
      rule: 'HostRegexp(`^.+\\.example\\.com\\.?$`)',
      entryPoints: ['web'],
      priority: 900_000,
      middlewares: ['postern-target', 'postern'],
    });
    expect(other.dynamic.http.routers['postern-any-example-com-2-allow']?.parentRefs).toEqual([
      'postern-any-example-com-2',
    ]);
  });

  it('leads to the portals, once each, before what lies beside them', () => {
    const portals = [
      'https://auth.example.com/',
      'https://auth.example.com/',
      'https://app.example.com:8443/authelia/',
    ];
    const set = { ...OPTIONS, portals, handoffs: ['app.test'] };
    const portal = {
      entryPoints: ['websecure'],
      priority: 1_000_001,
      middlewares: ['postern-target'],
      tls: {},
      service: 'postern-portal',
    };
    const routers = {
      'postern-portal': { rule: 'Host(`auth.example.com`)', ...portal },
      'postern-portal-2': {
        rule: 'Host(`app.example.com`) && (Path(`/authelia`) || PathPrefix(`/authelia/`))',
        ...portal,
      },
      'postern-portal-3': {
        rule: '(Host(`app.test`) || HostRegexp(`^.+\\.app\\.test\\.?$`)) && PathRegexp(`^/(outpost\\.goauthentik\\.io|akprox)/(start|callback|sign_out)$`)',
        ...portal,
      },
    };
    for (const { dynamic } of [traefikSetup(set), forwardAuthSetup(set)]) {
      expect(dynamic.http.routers).toMatchObject(routers);
      expect(dynamic.http.services).toEqual({
        'postern-portal': { loadBalancer: { servers: [{ url: 'http://127.0.0.1:9091' }] } },
      });
    }
    const names = Object.keys(forwardAuthSetup(set).dynamic.http.routers);
    expect(names).toEqual([
      'postern-app-example-com',
      'postern-app-example-com-no-upgrade',
      ...Object.keys(routers),
    ]);
  });
});

describe('postern traefik', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'postern-traefik-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  const SECRET = { POSTERN_SECRET: formatSecret(root) };
  async function postern(args: readonly string[], env: Record<string, string> = SECRET) {
    const out: string[] = [];
    const err: string[] = [];
    const io: Io = {
      env,
      stdin: { isTTY: false, setRawMode() {}, async *[Symbol.asyncIterator]() {} },
      stdout: { isTTY: false, write: text => void out.push(text) },
      stderr: { isTTY: false, write: text => void err.push(text) },
      signal: new AbortController().signal,
    };
    const code = await run(['traefik', ...args], io);
    return { code, out: out.join(''), err: err.join('') };
  }

  it('prints both parts as YAML with comments', async () => {
    const { code, out, err } = await postern(['app.example.com', '--service', 'app@docker']);
    expect([code, err]).toEqual([0, '']);
    expect(parseAllDocuments(out).map(document => document.toJS())).toEqual([
      traefikSetup(OPTIONS).static,
      traefikSetup(OPTIONS).dynamic,
    ]);
    expect(out).toContain("#     defaultRule: 'HostRegexp(`a^`)'");
  });

  it('prints one part, or JSON', async () => {
    const args = ['app.example.com', '-s', 'app@docker'];
    const setup = traefikSetup(OPTIONS);
    expect(parse((await postern([...args, '--static'])).out)).toEqual(setup.static);
    expect(parse((await postern([...args, '--dynamic'])).out)).toEqual(setup.dynamic);
    expect(JSON.parse((await postern([...args, '--json'])).out)).toEqual(setup);
    expect(JSON.parse((await postern([...args, '--json', '--static'])).out)).toEqual(setup.static);
  });

  it('writes files, and never over others', async () => {
    const out = join(dir, 'traefik');
    const args = ['app.example.com', '-s', 'app@docker', '--out-dir', out];
    expect(await postern(args)).toEqual({
      code: 0,
      out: '',
      err: `wrote ${out}/traefik.yml\nwrote ${out}/dynamic/postern.yml\n`,
    });
    expect(parse(readFileSync(join(out, 'traefik.yml'), 'utf8')).providers).toEqual({
      file: { directory: join(out, 'dynamic') },
    });
    expect(parse(readFileSync(join(out, 'dynamic/postern.yml'), 'utf8'))).toEqual(
      traefikSetup(OPTIONS).dynamic,
    );
    expect(statSync(join(out, 'dynamic/postern.yml')).mode & 0o777).toBe(0o640);
    expect((await postern(args)).err).toBe(
      `error: cannot write ${out}/traefik.yml: it exists already; remove it first or name another\n`,
    );
  });

  it('says where files cannot be written, at once', async () => {
    const file = join(dir, 'a-file');
    writeFileSync(file, '');
    for (const [out, message] of [
      [file, 'a file has this name; name a directory'],
      [join(file, 'x'), 'a file stands where a directory is needed; name another place'],
      // Node's own way to make folders above folders never comes back from here.
      ['/proc/postern/x', 'there is no place for files; name another'],
    ] as const) {
      if (out.startsWith('/proc') && !existsSync('/proc/self')) continue;
      expect(await postern(['app.example.com', '-s', 'app', '--out-dir', out])).toEqual({
        code: 1,
        out: '',
        err: `error: cannot make ${out}: ${message}\n`,
      });
    }
  });

  it.each([
    [['--listen', '127.0.0.1:9092'], '--listen needs --serve'],
    [['--key-file', '/a/b', '--key-from-environment'], "cannot be used with option '--key-file <path>'"],
    [['--cert-resolver', 'le', '--no-tls'], "cannot be used with option '--no-tls'"],
    [['--cert-resolver', 'a b'], '--cert-resolver a b: must be a name'],
  ])('refuses %j, of which one would count for nothing', async (args, message) => {
    const { code, out, err } = await postern(['app.example.com', '-s', 'app', ...args]);
    expect([code, out, err]).toEqual([2, '', expect.stringContaining(message)]);
  });

  it('takes addresses and directory from the configuration, and services by domain', async () => {
    const config = join(dir, 'postern.yml');
    writeFileSync(config, "server: { address: 'tcp://0.0.0.0:8888' }\nguest: { directory: shared }\n");
    const { out } = await postern(
      ['A.example.com', 'b.example.com', '*.c.test', '-c', config, '-s', 'a.example.com=x', '--json'],
      { ...SECRET, POSTERN_SECRET_PREVIOUS: formatSecret(oldRoot) },
    );
    const setup = JSON.parse(out);
    expect(setup.dynamic.http.middlewares['postern-host'].forwardAuth.address).toBe(
      `http://127.0.0.1:8888${FORWARD_AUTH_PATH}`,
    );
    expect(setup.static.experimental.localPlugins.postern.settings.mounts[0]).toBe(
      `${dir}/shared:/run/postern:ro`,
    );
    const { routers } = setup.dynamic.http;
    expect(routers['postern-a-example-com-allow'].service).toBe('x');
    expect(routers['postern-b-example-com-defer'].service).toBe('b');
    expect(routers['postern-any-c-test-defer'].service).toBe('c');
    expect(routers['postern-any-c-test-defer'].rule).toContain(oldTag);
  });

  it.each([
    [
      ['https://app.example.com'],
      'not a domain: "https://app.example.com"; write app.example.com or *.example.com, without scheme, port or path',
    ],
    [
      ['a.test`) || Path(`/'],
      'not a domain: "a.test`) || Path(`/"; write app.example.com or *.example.com, without scheme, port or path',
    ],
    [
      ['a.test', '-s', 'x', '-s', 'y'],
      '--service for all domains is given twice: name the domain, DOMAIN=SERVICE',
    ],
    [['a.test', '-s', 'b.test=x'], '--service b.test=x: b.test is not among the domains'],
    [['a.test', '-s', 'a b'], "--service a b: must be a service's name or an http(s) URL"],
    [
      ['a.test', '--host-address', 'postern:9091'],
      '--host-address postern:9091: must be http://HOST:PORT, without a path',
    ],
    [
      ['a.test', '--key-file', 'guest.key'],
      '--key-file guest.key: must be an absolute path without colons and spaces',
    ],
    [
      ['a.test', '--directory', '/run/a:b'],
      '--directory /run/a:b: must be an absolute path without colons and spaces',
    ],
    [
      ['a.test', '--key-file', '/run/postern/guest.key'],
      '--key-file: the key must not lie in the guest directory nor above it: name another directory',
    ],
    [['a.test', '--entry-point', 'a=b c'], '--entry-point a=b c: must be NAME or NAME=ADDRESS'],
  ])('refuses %j', async (args, message) => {
    expect(await postern(args)).toEqual({ code: 2, out: '', err: `error: ${message}\n` });
  });

  it("never gives Traefik the root secret's directory", async () => {
    const file = join(dir, 'secret');
    writeFileSync(file, formatSecret(root));
    const { code, err } = await postern(['a.test', '--key-file', join(dir, 'guest.key')], {
      POSTERN_SECRET_FILE: file,
    });
    expect([code, err]).toEqual([
      2,
      `error: --key-file: ${dir} also holds the root secret, which Traefik must not have: keep the key in a directory of its own\n`,
    ]);
  });

  it('needs the secret', async () => {
    expect(await postern(['a.test'], {})).toEqual({
      code: 1,
      out: '',
      err: 'error: POSTERN_SECRET: no secret: make one with `postern secret --out FILE` and name that file in POSTERN_SECRET_FILE (or put the secret itself into POSTERN_SECRET)\n',
    });
  });
});
