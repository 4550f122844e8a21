import { appendFileSync, chmodSync, copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { Finding } from '../../host/doctor/finding.ts';
import { formatGuestKey } from '../../host/secret/secret.ts';
import { startChild } from '../support/child.ts';
import { readRecording } from '../support/doctor.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';
import { describeTraefik, merge, type Tree } from '../support/traefik.ts';
import { keep, record } from './doctor-recording.ts';
import { type Stack, type StackOptions, startStack } from './stack.ts';

const bundle = fileURLToPath(new URL('../../dist/postern.mjs', import.meta.url));

/** A look of the doctor takes longer than vitest polls by default. */
const PATIENTLY = { timeout: 30_000 };

interface Report {
  readonly code: number | string;
  readonly findings: readonly Finding[];
  /** Codes of what is wrong. */
  readonly wrong: readonly string[];
  /** The lines that mend the finding with this code. */
  mend(code: string): string;
}

interface DoctorOptions {
  readonly probe?: boolean;
  readonly config?: string;
}

async function doctor(stack: Stack, { probe = true, config }: DoctorOptions = {}): Promise<Report> {
  const child = startChild(
    process.execPath,
    [
      ...[bundle, 'doctor', '--json', '--config', config ?? stack.configFile],
      ...['--traefik-api', stack.traefik.apiUrl, '--key-file', stack.keyFile],
      ...(probe
        ? ['--probe', 'http://app.example.com/', '--connect', `127.0.0.1:${stack.traefik.port}`]
        : []),
    ],
    { env: stack.hostEnv },
  );
  const code = await child.exit;
  const { findings } = JSON.parse(child.stdout || '{"findings":[]}') as { findings: Finding[] };
  if (findings.length === 0) throw new Error(`doctor (${code}): ${child.output}`);
  const text = child.output;
  for (const key of Object.values(stack.hostEnv)) expect(text).not.toContain(key);
  expect(text).not.toContain(stack.guestKey);
  return {
    code,
    findings,
    wrong: findings.filter(f => f.severity === 'error' || f.severity === 'warning').map(f => f.code),
    mend: wanted => findings.find(f => f.code === wanted)?.mend ?? '',
  };
}

/** The dynamic configuration in the lines of a finding. */
function dynamicOf(lines: string): Tree {
  return parseAllDocuments(lines)
    .map(document => document.toJS() as Tree | null)
    .filter(value => value !== null && Object.hasOwn(value, 'http'))
    .reduce<Tree>((all, value) => merge(all, value ?? {}), {});
}

type Http = {
  routers: Record<string, Record<string, unknown>>;
  middlewares: Record<string, Record<string, unknown>>;
};
const GUARD = 'postern-app-example-com';

/** A copy of the healthy dynamic configuration with a change. */
function broken(stack: Stack, change: (http: Http) => void): Tree {
  const copy = structuredClone(stack.dynamic) as unknown as { http: Http };
  change(copy.http);
  return copy as unknown as Tree;
}

const forwardAuth = (http: Http) => http.middlewares['postern-host']?.forwardAuth as Record<string, unknown>;

const OPTIONS: Omit<StackOptions, 'binary'> = {
  accessControl: { rules: [{ domain: 'app.example.com', policy: 'one_factor' }] },
  users: { alice: { password: 'alices-password' } },
  domains: ['app.example.com'],
};

describeTraefik('postern doctor', binary => {
  let stack: Stack;
  const start = async (options: Partial<StackOptions> = {}) => {
    const started = await startStack({ ...OPTIONS, ...options, binary: binary() });
    // The guest key's command makes it so.
    if (options.keyText !== null) chmodSync(started.keyFile, 0o640);
    return started;
  };
  beforeAll(async () => {
    stack = await start();
  }, 600_000);
  afterAll(async () => {
    await stack?.stop();
    removeTempDirectories();
  });

  /** Runs doctor on a set-up of its own. */
  async function alone(options: Partial<StackOptions>, use: (stack: Stack) => Promise<void>) {
    const other = await start(options);
    try {
      await use(other);
    } finally {
      await other.stop();
    }
  }

  it('finds a healthy set-up well', async () => {
    const { code, wrong, findings } = await doctor(stack);
    expect([code, wrong]).toEqual([0, []]);
    expect(findings.filter(f => f.severity === 'unseen').map(f => f.code)).toEqual([
      // The binary is built from the module, which carries no version.
      'traefik.version',
      'plugin.module',
    ]);
  });

  it('says it in text, without colours in a pipe', async () => {
    const child = startChild(
      process.execPath,
      [bundle, 'doctor', '--config', stack.configFile, '--traefik-api', stack.traefik.apiUrl],
      { env: stack.hostEnv },
    );
    expect(await child.exit).toBe(0);
    expect(child.stdout).toMatch(/^OK {7}forward-auth.address +postern-host@file asks http/m);
    expect(child.stdout).toMatch(/^All well: \d+ fine, 3 could not be seen\.$/m);
    expect(child.output).not.toContain('\u001b');
  });

  describe('names what is wrong in the dynamic configuration, and its lines mend it', () => {
    const extra = { entryPoints: ['web'], service: GUARD };
    const cases: readonly (readonly [
      title: string,
      change: (http: Http) => void,
      wrong: readonly string[],
      /** The finding whose lines, merged into the configuration, make it vanish; null where something is to be removed. */
      mending: string | null,
    ])[] = [
      [
        'plugin of another name',
        http => {
          http.middlewares.postern = { plugin: { postren: { directory: '/run/postern' } } };
        },
        ['plugin.broken', 'guard.broken', 'probe.anonymous-unrouted', 'probe.unknown-unrouted'],
        null,
      ],
      [
        'no plugin at all, children by the bare words, an open door',
        http => {
          delete http.middlewares.postern;
          const { [GUARD]: guard, [`${GUARD}-allow`]: allow, [`${GUARD}-defer`]: defer } = http.routers;
          if (guard && allow && defer) {
            guard.middlewares = ['postern-target'];
            allow.rule = 'Header(`Postern-Verdict`, `allow`)';
            defer.rule = 'Header(`Postern-Verdict`, `defer`)';
          }
        },
        [
          'plugin.missing',
          'child.stray',
          'child.stray',
          'router.unguarded',
          'probe.anonymous-unrouted',
          'probe.unknown-unrouted',
          'probe.forged',
        ],
        null,
      ],
      [
        'children without tag',
        http => {
          const { [`${GUARD}-allow`]: allow, [`${GUARD}-defer`]: defer } = http.routers;
          if (allow && defer) {
            allow.rule = 'HeaderRegexp(`Postern-Verdict`, `^allow`)';
            defer.rule = 'HeaderRegexp(`Postern-Verdict`, `^defer`)';
          }
        },
        ['child.untagged', 'child.untagged'],
        'child.untagged',
      ],
      [
        'children with the tag of another secret',
        http => {
          for (const suffix of ['-allow', '-defer']) {
            const child = http.routers[GUARD + suffix];
            if (child) child.rule = String(child.rule).replace(/[0-9a-f]{32}/, '0'.repeat(32));
          }
        },
        ['child.tag', 'child.tag', 'probe.unknown-unrouted'],
        'child.tag',
      ],
      [
        'no child for what is deferred',
        http => {
          delete http.routers[`${GUARD}-defer`];
        },
        ['child.tag', 'forward-auth.missing', 'probe.unknown-unrouted'],
        'child.tag',
      ],
      [
        'a guard with a service of its own',
        http => {
          delete http.routers[`${GUARD}-allow`];
          delete http.routers[`${GUARD}-defer`];
          Object.assign(http.routers[GUARD] ?? {}, { service: GUARD });
        },
        ['child.missing', 'forward-auth.missing', 'probe.unknown-open'],
        null,
      ],
      [
        'a child with entry points',
        http => {
          Object.assign(http.routers[`${GUARD}-allow`] ?? {}, { entryPoints: ['web'] });
        },
        ['child.entry-points', 'child.tag'],
        null,
      ],
      [
        'what is deferred passed on',
        http => {
          Object.assign(http.routers[`${GUARD}-defer`] ?? {}, { middlewares: ['postern-clean'] });
        },
        ['child.unasked', 'forward-auth.missing', 'probe.unknown-open'],
        'child.unasked',
      ],
      [
        'children that keep our headers',
        http => {
          Object.assign(http.routers[`${GUARD}-allow`] ?? {}, { middlewares: [] });
        },
        ['child.unclean'],
        null,
      ],
      [
        'our headers removed too early',
        http => {
          Object.assign(http.routers[`${GUARD}-defer`] ?? {}, {
            middlewares: ['postern-clean', 'postern-host'],
          });
        },
        ['child.clean-order'],
        null,
      ],
      [
        'a plugin without postern-target',
        http => {
          Object.assign(http.routers[GUARD] ?? {}, { middlewares: ['postern'] });
        },
        ['guard.target'],
        'guard.target',
      ],
      [
        'a router of higher priority',
        http => {
          http.routers.fast = {
            ...extra,
            rule: 'Host(`app.example.com`) && PathPrefix(`/fast`)',
            priority: 2_000_000,
          };
        },
        ['router.past-guard'],
        null,
      ],
      [
        'a router of the same priority',
        http => {
          http.routers.equal = { ...extra, rule: 'PathPrefix(`/equal`)', priority: 1_000_000 };
        },
        ['router.past-guard'],
        null,
      ],
      [
        'an unguarded router of the same host, as Docker makes them',
        http => {
          http.routers.app = { ...extra, rule: 'Host(`app.example.com`)' };
        },
        ['router.behind-guard'],
        null,
      ],
      [
        'a guard without the priority, and a longer rule',
        http => {
          delete http.routers[GUARD]?.priority;
          http.routers.long = { ...extra, rule: 'Host(`app.example.com`) && PathPrefix(`/long`)' };
        },
        ['router.past-guard'],
        null,
      ],
      [
        'forwardAuth without trustForwardHeader',
        http => {
          delete forwardAuth(http).trustForwardHeader;
        },
        ['forward-auth.trust'],
        'forward-auth.trust',
      ],
      [
        'forwardAuth without header names and limit',
        http => {
          const settings = forwardAuth(http);
          settings.authResponseHeaders = ['Remote-User'];
          delete settings.maxResponseBodySize;
        },
        ['forward-auth.headers', 'forward-auth.body-size'],
        'forward-auth.headers',
      ],
      [
        'forwardAuth to another port',
        http => {
          forwardAuth(http).address = 'http://127.0.0.1:1/api/authz/forward-auth';
        },
        ['forward-auth.address', 'probe.unknown-failed'],
        'forward-auth.address',
      ],
      [
        'forwardAuth to another path',
        http => {
          forwardAuth(http).address = `${new URL(String(forwardAuth(http).address)).origin}/api/verify`;
        },
        ['forward-auth.address', 'probe.unknown-unexpected'],
        'forward-auth.address',
      ],
      [
        'a key in the configuration',
        http => {
          const key = formatGuestKey(Buffer.alloc(32, 1));
          http.middlewares.postern = { plugin: { postern: { key, key_file: '/etc/postern/guest.key' } } };
        },
        ['plugin.key-exposed', 'plugin.config', 'probe.anonymous-refused', 'probe.unknown-refused'],
        null,
      ],
      [
        'one middleware for each router',
        http => {
          http.middlewares.second = structuredClone(http.middlewares.postern ?? {});
          http.routers.second = {
            rule: 'Host(`second.example.com`)',
            entryPoints: ['web'],
            middlewares: ['postern-target', 'second'],
            service: GUARD,
          };
        },
        ['plugin.instances', 'child.missing'],
        null,
      ],
      [
        'rules in the plugin that differ',
        http => {
          http.middlewares.postern = {
            plugin: {
              postern: {
                key_file: '/etc/postern/guest.key',
                access_control: { rules: [{ domain: 'app.example.com', policy: 'two_factor' }] },
              },
            },
          };
        },
        ['plugin.inline-policy', 'probe.anonymous-unexpected', 'probe.unknown-unexpected'],
        null,
      ],
    ];

    it.each(cases)(
      '%s',
      async (_title, change, wrong, mending) => {
        const dynamic = broken(stack, change);
        await stack.traefik.reconfigure(dynamic);
        const report = await doctor(stack);
        expect(report.wrong).toEqual(wrong);
        expect(report.code).toBe(1);
        for (const finding of report.findings) {
          if (!wrong.includes(finding.code)) continue;
          expect(finding.why).toMatch(/^\S.*\.$/);
          expect(finding.mend, finding.code).toBeTruthy();
        }
        if (mending === null) return;
        const mended = merge(dynamic, dynamicOf(report.mend(mending)));
        await stack.traefik.reconfigure(mended);
        expect((await doctor(stack)).wrong).toEqual([]);
      },
      60_000,
    );
  });

  describe('names what is wrong elsewhere', () => {
    beforeAll(async () => {
      await stack.traefik.reconfigure(stack.dynamic);
    });

    it('policy without routers', async () => {
      const config = join(tempDirectory(), 'postern.yml');
      const more = JSON.parse(readFileSync(stack.configFile, 'utf8'));
      more.access_control.rules.push({ domain: ['new.example.com', '*.wild.example.com'], policy: 'bypass' });
      writeFileSync(config, JSON.stringify(more));
      const report = await doctor(stack, { config });
      expect(report.wrong).toEqual(['guard.missing', 'guard.missing']);
      // The lines cannot know the service.
      const lines = report.mend('guard.missing').replaceAll("service: 'new'", `service: '${GUARD}'`);
      await stack.traefik.reconfigure(merge(stack.dynamic, dynamicOf(lines)));
      expect((await doctor(stack, { config, probe: false })).wrong).toEqual(['guard.missing']);
      await stack.traefik.reconfigure(stack.dynamic);
    }, 60_000);

    it("Traefik's API elsewhere", async () => {
      const child = startChild(
        process.execPath,
        [bundle, 'doctor', '--config', stack.configFile, '--traefik-api', 'http://127.0.0.1:1'],
        { env: stack.hostEnv },
      );
      expect(await child.exit).toBe(1);
      expect(child.stdout).toContain("ERROR    traefik.unreachable        Traefik's API cannot be asked");
    });

    it('broken users file', async () => {
      const good = readFileSync(stack.usersFile);
      appendFileSync(stack.usersFile, '\n{');
      try {
        await expect
          .poll(async () => (await doctor(stack, { probe: false })).wrong, PATIENTLY)
          .toEqual(['host.users']);
      } finally {
        writeFileSync(stack.usersFile, good);
      }
      await expect.poll(async () => (await doctor(stack, { probe: false })).wrong, PATIENTLY).toEqual([]);
    }, 60_000);

    it('key and guest directory open to others', async () => {
      chmodSync(stack.keyFile, 0o644);
      chmodSync(stack.directory, 0o757);
      expect((await doctor(stack)).wrong).toEqual(['directory.mode', 'key.mode']);
      chmodSync(stack.keyFile, 0o640);
      chmodSync(stack.directory, 0o750);
    });

    it('host down, and back with a stale directory', async () => {
      const state = join(stack.directory, 'state');
      const old = join(tempDirectory(), 'state');
      copyFileSync(state, old);
      await stack.host.stop();
      const down = await doctor(stack);
      expect(down.wrong).toEqual([
        'forward-auth.address',
        'host.down',
        'state.stopped',
        'probe.unknown-refused',
      ]);
      expect(down.mend('host.down')).toContain('postern serve');
      // As after SIGKILL: the page does not say that the host has stopped.
      await new Promise(resolve => setTimeout(resolve, 5_500));
      copyFileSync(old, `${state}.new`);
      renameSync(`${state}.new`, state);
      expect((await doctor(stack, { probe: false })).wrong).toEqual([
        'forward-auth.address',
        'host.down',
        'state.stale',
      ]);
      await stack.startHost();
      expect((await doctor(stack, { probe: false })).wrong).toEqual([]);
    }, 60_000);

    it('wrong key', async () => {
      await alone({ keyText: formatGuestKey(Buffer.alloc(32, 9)) }, async other => {
        const report = await doctor(other);
        expect(report.wrong).toEqual(['key.foreign', 'probe.anonymous-unrouted', 'probe.unknown-unrouted']);
        expect(report.mend('key.foreign')).toContain(
          `postern secret guest --config ${other.configFile} --out ${other.keyFile}`,
        );
      });
    }, 60_000);

    it('no key', async () => {
      await alone({ keyText: null }, async other => {
        expect((await doctor(other)).wrong).toEqual([
          'key.bad',
          'probe.anonymous-refused',
          'probe.unknown-refused',
        ]);
      });
    }, 60_000);

    it('guest directory not mounted', async () => {
      await alone({ mounts: mounts => mounts.slice(1) }, async other => {
        const report = await doctor(other);
        expect(report.wrong).toEqual(['plugin.mounts', 'probe.guest-blind']);
        expect(parseAllDocuments(report.mend('plugin.mounts'))[0]?.toJS()).toMatchObject({
          experimental: {
            localPlugins: {
              postern: {
                settings: {
                  mounts: [
                    `${other.directory}:/run/postern:ro`,
                    expect.stringMatching(/key:\/etc\/postern:ro$/),
                  ],
                },
              },
            },
          },
        });
      });
      await alone({ mounts: mounts => ['/nowhere:/run/postern:ro', ...mounts.slice(1)] }, async other => {
        expect((await doctor(other)).wrong).toEqual(['probe.guest-blind']);
      });
    }, 60_000);

    it('insecure static configuration; its shape is the recorded one', async () => {
      await alone(
        {
          static: {
            entryPoints: {
              web: {
                forwardedHeaders: { insecure: true, trustedIPs: ['10.0.0.0/8'] },
                proxyProtocol: { insecure: true },
              },
            },
            providers: { docker: { endpoint: 'unix:///nowhere/docker.sock' } },
            experimental: { abortOnPluginFailure: false },
          },
          dynamic: dynamic =>
            merge(dynamic, {
              http: {
                routers: {
                  other: {
                    rule: 'Host(`app.example.com`) && PathPrefix(`/x`)',
                    entryPoints: ['web'],
                    service: GUARD,
                  },
                  bare: {
                    rule: 'Host(`bare.example.com`)',
                    entryPoints: ['web'],
                    middlewares: ['postern-host'],
                    service: GUARD,
                  },
                  orphan: {
                    rule: 'Header(`Postern-Verdict`, `allow-x`)',
                    parentRefs: ['gone'],
                    service: GUARD,
                  },
                  placed: {
                    rule: 'Header(`a`, `b`)',
                    entryPoints: ['web'],
                    parentRefs: [GUARD],
                    service: GUARD,
                  },
                  unknown: {
                    rule: 'Host(`y.example.com`)',
                    middlewares: ['postern-unknown'],
                    service: GUARD,
                  },
                },
                middlewares: {
                  'postern-unknown': { plugin: { nosuch: { directory: '/run/postern' } } },
                  chained: { chain: { middlewares: ['postern-target', 'postern'] } },
                },
              },
            }),
        },
        async other => {
          const { wrong, mend } = await doctor(other);
          expect(wrong).toEqual([
            'static.abort',
            'static.docker',
            'entry-point.insecure',
            'entry-point.proxy-protocol',
            'entry-point.trusted-proxies',
            'entry-point.underscores',
            'plugin.broken',
            'plugin.instances',
            'guard.broken',
            'guard.target',
            'child.entry-points',
            'child.untagged',
            'child.missing',
            'child.stray',
            'child.unclean',
            'router.behind-guard',
          ]);
          expect(parseAllDocuments(mend('entry-point.insecure'))[0]?.toJS()).toEqual({
            entryPoints: { web: { forwardedHeaders: { insecure: false, trustedIPs: ['192.0.2.10/32'] } } },
          });
          expect(parseAllDocuments(mend('static.docker'))[0]?.toJS()).toEqual({
            providers: { docker: { exposedByDefault: false, defaultRule: 'HostRegexp(`a^`)' } },
          });
          const now = await record(other);
          keep('broken', now);
          expect(now).toEqual(readRecording('broken'));
        },
      );
      const now = await record(stack);
      keep('healthy', now);
      expect(now).toEqual(readRecording('healthy'));
    }, 60_000);
  });
});
