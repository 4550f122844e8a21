import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkChildren } from '../../host/doctor/checks/children.ts';
import { checkCleaning } from '../../host/doctor/checks/cleaning.ts';
import { checkEntryPoints } from '../../host/doctor/checks/entry-points.ts';
import { checkForwardAuth } from '../../host/doctor/checks/forward-auth.ts';
import { checkGuards } from '../../host/doctor/checks/guards.ts';
import { checkHeaderAliases } from '../../host/doctor/checks/header-aliases.ts';
import { checkInlinePolicy } from '../../host/doctor/checks/inline-policy.ts';
import { checkOtherRouters } from '../../host/doctor/checks/other-routers.ts';
import { checkPlugin } from '../../host/doctor/checks/plugin.ts';
import { checkPluginConfig } from '../../host/doctor/checks/plugin-config.ts';
import { checkStaticConfig } from '../../host/doctor/checks/static-config.ts';
import { checkTraefikVersion } from '../../host/doctor/checks/traefik-version.ts';
import { policyDomains } from '../../host/doctor/domains.ts';
import { isWrong } from '../../host/doctor/finding.ts';
import type { Check } from '../../host/doctor/observation.ts';
import { examine } from '../../host/doctor/registry.ts';
import { all, observed, RECORDED_TAG, type Recording, wrong } from '../support/doctor.ts';

const GUARD = 'postern-app-example-com@file';
const ALLOW = 'postern-app-example-com-allow@file';
const DEFER = 'postern-app-example-com-defer@file';

type Change = (recording: Recording) => void;
const router =
  (name: string, over: object): Change =>
  ({ rawdata }) => {
    const before = rawdata.routers[name] ?? { status: 'enabled', entryPoints: ['web'] };
    rawdata.routers[name] = { ...before, ...over };
  };
const middleware =
  (name: string, kind: string, over: object): Change =>
  ({ rawdata }) =>
    void Object.assign((rawdata.middlewares[name]?.[kind] ?? {}) as object, over);
const plugin =
  (config: object): Change =>
  ({ rawdata }) =>
    void Object.assign(rawdata.middlewares['postern@file'] ?? {}, { plugin: { postern: config } });
const version =
  (value: string): Change =>
  ({ version: answer }) =>
    void Object.assign(answer, { Version: value });
const entryPoint =
  (over: object): Change =>
  ({ entrypoints }) =>
    void Object.assign(entrypoints.find(({ name }) => name === 'web') ?? {}, over);

describe('the recorded healthy set-up', () => {
  it('is well', () => {
    const findings = examine(observed('healthy'));
    expect(findings.filter(isWrong)).toEqual([]);
    expect(findings.length).toBeGreaterThan(12);
    for (const { code, why } of findings) {
      expect(code).toMatch(/^[a-z-]+\.[a-z-]+$/);
      expect(why).toMatch(/^\S.*\.$/);
    }
  });
});

describe('one thing changed in a recording', () => {
  const cases: readonly (readonly [string, Check, Change, readonly string[]])[] = [
    ['version 3.7.9', checkTraefikVersion, version('3.7.9'), ['ok traefik.version']],
    ['version 3.6.9', checkTraefikVersion, version('v3.6.9'), ['ok traefik.version']],
    ['version 3.7.13', checkTraefikVersion, version('3.7.13'), ['ok traefik.version']],
    ['version 3.10.0', checkTraefikVersion, version('3.10.0'), ['ok traefik.version']],
    ['version 3.6.8', checkTraefikVersion, version('v3.6.8'), ['warning traefik.version']],
    ['version 3.6.0-rc.1', checkTraefikVersion, version('v3.6.0-rc.1'), ['warning traefik.version']],
    ['version 3.5.4', checkTraefikVersion, version('3.5.4'), ['error traefik.version']],
    ['version 2.11', checkTraefikVersion, version('2.11.0'), ['error traefik.version']],
    ['version 4', checkTraefikVersion, version('4.0.0'), ['unseen traefik.version']],
    ['built from source', checkTraefikVersion, version('dev'), ['unseen traefik.version']],
    [
      'no support dump',
      checkStaticConfig,
      recording => void Object.assign(recording, { static: undefined }),
      ['unseen static.unseen'],
    ],
    [
      'no support dump, mounts',
      checkPluginConfig,
      recording => void Object.assign(recording, { static: undefined }),
      ['ok plugin.config', 'unseen plugin.mounts'],
    ],
    [
      'all addresses trusted',
      checkEntryPoints,
      entryPoint({ forwardedHeaders: { trustedIPs: ['0.0.0.0/0'] } }),
      ['error entry-point.insecure'],
    ],
    [
      'a proxy that postern.yml does not know',
      checkEntryPoints,
      entryPoint({ forwardedHeaders: { trustedIPs: ['10.0.0.1/32'] } }),
      ['warning entry-point.trusted-proxies'],
    ],
    [
      'a plugin path that is relative',
      checkPluginConfig,
      plugin({ directory: 'run' }),
      ['error plugin.config', 'ok plugin.mounts'],
    ],
    [
      'a setting of no meaning',
      checkPluginConfig,
      plugin({ realm: 'x' }),
      ['error plugin.config', 'ok plugin.mounts'],
    ],
    [
      'a key in the configuration',
      checkPluginConfig,
      plugin({ access_control: {}, x: ['postern_secret_abc'] }),
      ['error plugin.key-exposed', 'ok plugin.mounts'],
    ],
    [
      'the same rules inline',
      checkInlinePolicy,
      plugin({
        directory: '/x',
        access_control: { rules: [{ domain: 'app.example.com', policy: 'one_factor' }] },
      }),
      ['ok plugin.inline-policy'],
    ],
    ['other rules inline', checkInlinePolicy, plugin({ access_control: {} }), ['error plugin.inline-policy']],
    [
      'a guard with an error',
      checkGuards,
      router(GUARD, { status: 'disabled', error: ['x'] }),
      ['ok guard.domain', 'error guard.broken'],
    ],
    [
      'the guard for another host',
      checkGuards,
      router(GUARD, { rule: 'Host(`else.example.com`)' }),
      ['warning guard.missing', 'ok guard.works'],
    ],
    [
      'an old tag beside the right one',
      checkChildren,
      router(ALLOW, {
        rule: `Header(\`Postern-Verdict\`, \`allow-${RECORDED_TAG}\`) || Header(\`Postern-Verdict\`, \`allow-${'1'.repeat(32)}\`)`,
      }),
      ['warning child.old-tag'],
    ],
    [
      'a child that matches anything',
      checkChildren,
      router(ALLOW, { rule: 'PathPrefix(`/`)' }),
      ['error child.untagged'],
    ],
    [
      'a child for requests without the header',
      checkChildren,
      router(ALLOW, { rule: `!Header(\`Postern-Verdict\`, \`defer-${RECORDED_TAG}\`)` }),
      ['error child.untagged'],
    ],
    [
      'a child with an error',
      checkChildren,
      router(DEFER, { status: 'disabled', error: ['x'] }),
      ['error child.broken'],
    ],
    [
      'another name for the cleaner, other case of names',
      checkCleaning,
      middleware('postern-clean@file', 'headers', {
        customRequestHeaders: { 'postern-verdict': '', 'POSTERN-REQUEST': '' },
      }),
      ['ok child.clean', 'ok child.clean'],
    ],
    [
      'a cleaner that keeps one',
      checkCleaning,
      middleware('postern-clean@file', 'headers', { customRequestHeaders: { 'Postern-Verdict': '' } }),
      ['warning child.unclean', 'warning child.unclean'],
    ],
    [
      'a catch-all of low priority',
      checkOtherRouters,
      router('all@file', { rule: 'PathPrefix(`/`)', priority: 1, service: 'x' }),
      [],
    ],
    [
      'a catch-all of high priority',
      checkOtherRouters,
      router('all@file', { rule: 'PathPrefix(`/`)', priority: 9_000_000, service: 'x' }),
      ['error router.past-guard'],
    ],
    [
      'a router on another entry point',
      checkOtherRouters,
      router('app@docker', {
        rule: 'Host(`app.example.com`)',
        entryPoints: ['traefik'],
        priority: 23,
        service: 'x',
      }),
      ['error router.unguarded'],
    ],
    [
      'a router with TLS on the same one',
      checkOtherRouters,
      router('app@docker', { rule: 'Host(`app.example.com`)', tls: {}, priority: 23, service: 'x' }),
      ['error router.unguarded'],
    ],
    [
      'a router that is disabled',
      checkOtherRouters,
      router('app@docker', { rule: 'Host(`app.example.com`)', status: 'disabled', priority: 9_000_000 }),
      [],
    ],
    [
      'a router that redirects to https',
      checkOtherRouters,
      recording => {
        router('tls@file', { rule: 'PathPrefix(`/`)', priority: 9_000_000, middlewares: ['https'] })(
          recording,
        );
        recording.rawdata.middlewares['https@file'] = {
          redirectScheme: { scheme: 'https' },
          status: 'enabled',
        };
      },
      [],
    ],
    [
      'a guard of a part of the host, and a router for the rest',
      checkOtherRouters,
      recording => {
        router(GUARD, { rule: 'Host(`app.example.com`) && PathPrefix(`/x`)' })(recording);
        router('rest@docker', { rule: 'Host(`app.example.com`)', priority: 23, service: 'x' })(recording);
      },
      ['error router.past-guard'],
    ],
    [
      'the host asked without the plugin',
      checkOtherRouters,
      recording => {
        router('slow@file', {
          rule: 'Host(`app.example.com`)',
          priority: 9_000_000,
          middlewares: ['postern-host'],
        })(recording);
      },
      ['ok router.forward-auth'],
    ],
    [
      'an answer limit that is none',
      checkForwardAuth,
      middleware('postern-host@file', 'forwardAuth', { maxResponseBodySize: -1 }),
      ['ok forward-auth.address', 'warning forward-auth.body-size'],
    ],
    [
      'more headers than needed, in another case',
      checkForwardAuth,
      ({ rawdata }) => {
        const settings = rawdata.middlewares['postern-host@file']?.forwardAuth as {
          authResponseHeaders: string[];
        };
        settings.authResponseHeaders = [
          'Authorization',
          ...settings.authResponseHeaders.map(h => h.toLowerCase()),
        ];
      },
      ['ok forward-auth.address'],
    ],
  ];

  it.each(cases)('%s', (_title, check, change, expected) => {
    expect(
      all(check, observed('healthy', change)).filter(
        code => !EXPECTED_FINE.includes(code) || expected.includes(code),
      ),
    ).toEqual(expected);
  });
  /** Not of interest where they are not asked for. */
  const EXPECTED_FINE = ['ok child.layers'];
});

describe('domains of the policy', () => {
  const policy = (...domains: unknown[]) => ({
    access_control: { rules: domains.map(domain => ({ domain })) },
  });

  it('are read from the rules', () => {
    expect(
      policyDomains(policy('A.test', ['b.test', '*.c.test'], undefined, '{user}.d.test', 'a.test', 5, 'x y')),
    ).toEqual(['a.test', 'b.test', '*.c.test', '*.d.test']);
    expect(policyDomains({})).toEqual([]);
    expect(policyDomains({ access_control: { rules: 'x' } })).toEqual([]);
  });

  it('below a wildcard every router needs a guard', () => {
    const seen = observed(
      'healthy',
      router('new@docker', { rule: 'Host(`new.example.com`)', priority: 23, service: 'new' }),
      { policy: policy('*.example.com') },
    );
    expect(wrong(checkGuards, seen)).toEqual([]);
    const [finding] = checkOtherRouters(seen);
    expect([finding?.code, finding?.found]).toEqual([
      'router.unguarded',
      'new@docker (web) serves new.example.com without the plugin',
    ]);
    expect(parse(finding?.mend ?? '').http.routers).toMatchObject({
      'postern-new-example-com': {
        rule: 'Host(`new.example.com`)',
        priority: 1_000_000,
        entryPoints: ['web'],
      },
      'postern-new-example-com-allow': { service: 'new@docker' },
    });
  });
});

describe('keys in rotation', () => {
  const previousTag = '2'.repeat(32);

  it('need children for both tags', () => {
    expect(
      wrong(
        checkChildren,
        observed('healthy', () => {}, { previousTag }),
      ),
    ).toEqual(['child.previous-tag', 'child.previous-tag']);
    const both: Change = ({ rawdata }) => {
      for (const name of [ALLOW, DEFER]) {
        const child = rawdata.routers[name] ?? {};
        child.rule = `${child.rule} || ${String(child.rule).replace(RECORDED_TAG, previousTag)}`;
      }
    };
    expect(wrong(checkChildren, observed('healthy', both, { previousTag }))).toEqual([]);
    expect(wrong(checkChildren, observed('healthy', both))).toEqual(['child.old-tag', 'child.old-tag']);
  });
});

describe('what a version of Traefik knows', () => {
  const said = (value: string) => checkTraefikVersion(observed('healthy', version(value)))[0]?.found;

  it.each([
    ['3.7.9', 'Traefik 3.7.9'],
    ['3.6.22', 'Traefik 3.6.22'],
    ['3.7.12', 'Traefik 3.7.12 (Postern is tested up to 3.7.9)'],
    ['3.6.8', 'Traefik 3.6.8 does not know maxResponseBodySize of forwardAuth'],
    [
      '3.6.5',
      'Traefik 3.6.5 does not know maxResponseBodySize of forwardAuth; it also answers 400 to paths with %2F and the like, which GitLab, npm and Elasticsearch need',
    ],
  ])('%s', (value, found) => {
    expect(said(value)).toBe(found);
  });

  const unlimited: Change = recording => {
    middleware('postern-host@file', 'forwardAuth', { maxResponseBodySize: -1 })(recording);
  };
  it.each([
    ['3.7.9', ['forward-auth.body-size']],
    ['dev', ['forward-auth.body-size']],
    // Whoever runs it had to leave the line out: that the version says.
    ['3.6.8', []],
  ])('%s without a limit for bodies', (value, codes) => {
    const both: Change = recording => {
      unlimited(recording);
      version(value)(recording);
    };
    expect(wrong(checkForwardAuth, observed('healthy', both))).toEqual(codes);
  });

  it.each([
    ['3.7.9', {}, ['warning entry-point.underscores']],
    ['3.7.9', { underscoreHeadersStrategy: 'delete' }, ['ok entry-point.underscores']],
    ['3.5.0', { underscoreHeadersStrategy: undefined }, ['unseen entry-point.underscores']],
    ['3.7.12', {}, ['warning entry-point.aliases']],
    ['3.7.12', { underscoreHeadersStrategy: 'delete' }, ['warning entry-point.aliases']],
    ['3.7.12', { aliasHeadersStrategy: 'keep' }, ['warning entry-point.aliases']],
    ['3.7.12', { aliasHeadersStrategy: 'delete' }, ['ok entry-point.aliases']],
    ['dev', { aliasHeadersStrategy: 'reject' }, ['ok entry-point.aliases']],
  ])('%s with a door without plugin, %o', (value, over, found) => {
    const both: Change = recording => {
      version(value)(recording);
      for (const item of recording.entrypoints) Object.assign((item.http ?? {}) as object, over);
    };
    const findings = checkHeaderAliases(observed('broken', both));
    expect(findings.map(({ severity, code }) => `${severity} ${code}`)).toEqual(found);
    for (const finding of findings) {
      // What it advises is what this Traefik knows.
      const names = finding.mend?.match(/\w+HeadersStrategy/)?.[0];
      if (isWrong(finding)) {
        expect(names).toBe(
          found[0]?.endsWith('aliases') ? 'aliasHeadersStrategy' : 'underscoreHeadersStrategy',
        );
      }
    }
  });

  it('says nothing of a door without plugin whose forwardAuth removes odd names itself', () => {
    const removes: Change = ({ rawdata }) => {
      for (const settings of Object.values(rawdata.middlewares)) {
        if (settings.forwardAuth === undefined) continue;
        Object.assign(settings.forwardAuth as object, { authResponseHeadersRegex: '[^A-Za-z0-9-]' });
      }
    };
    expect(checkHeaderAliases(observed('broken', removes))).toEqual([]);
  });
});

describe('the recorded broken set-up', () => {
  it.each([
    [checkStaticConfig, ['static.abort', 'static.docker']],
    [checkEntryPoints, ['entry-point.insecure', 'entry-point.proxy-protocol', 'entry-point.trusted-proxies']],
    [checkHeaderAliases, ['entry-point.underscores']],
    [checkPlugin, ['plugin.broken', 'plugin.instances']],
    [checkChildren, ['child.entry-points', 'child.untagged', 'child.missing', 'child.stray']],
    [checkOtherRouters, ['router.behind-guard']],
  ] as const)('%o', (check, codes) => {
    expect(wrong(check, observed('broken'))).toEqual(codes);
  });

  it("quotes Traefik's own words", () => {
    expect(checkPlugin(observed('broken')).find(({ code }) => code === 'plugin.broken')?.found).toBe(
      'postern-unknown@file is disabled: plugin: unknown plugin type: nosuch; the static configuration has no plugin nosuch',
    );
  });

  it('accepts proxies that postern.yml knows', () => {
    const seen = observed('broken', () => {}, { policy: { trusted_proxies: ['10.0.0.0/8'] } });
    expect(wrong(checkEntryPoints, seen)).toEqual(['entry-point.insecure', 'entry-point.proxy-protocol']);
  });
});
