import { identityNames } from '../config/identity-presets.ts';
import type { Setup } from '../config/schema.ts';
import type { Engine, PolicyDocument } from '../policy/engine.ts';
import { deriveGuestKey, verdictTag } from '../secret/derive.ts';
import { policyId } from '../snapshot/snapshot-file.ts';
import { isWildcard, liesUnder, policyDomains } from './domains.ts';
import { observeGuestDirectory } from './guest-directory-view.ts';
import { type HostView, observeHost } from './host-view.ts';
import { get } from './http-get.ts';
import { observeKeyFile } from './key-file-view.ts';
import { forwardAuthOf, type Layout, layoutOf } from './layout.ts';
import { createMend, type Mend } from './mend.ts';
import {
  type ElasticView,
  type Failed,
  hasFailed,
  type Observation,
  type PeopleView,
} from './observation.ts';
import { observeProbe } from './probe-view.ts';
import { hostsOf } from './rule-match.ts';
import { observeTraefik } from './traefik-api.ts';
import { asText, type TraefikView } from './traefik-view.ts';

export interface ObserveOptions {
  readonly config: Setup;
  readonly engine: Engine;
  readonly traefikApi: string;
  readonly hostAddress: string;
  /** Traefik's key file as it is seen from here. */
  readonly keyFile: string | undefined;
  /** The root secret's file, when it comes from one. */
  readonly secretFile: string | undefined;
  readonly probe: string | undefined;
  readonly connect: { readonly host: string; readonly port: number } | undefined;
  readonly elastic?: ElasticView | undefined;
  readonly people?: PeopleView | undefined;
}

/** Where `postern traefik` expects the key, as Traefik sees it. */
const DEFAULT_KEY_FILE = '/etc/postern/traefik/guest.key';

/** Looks at everything; nothing is changed, and only the probe is seen by others. */
export async function observe(options: ObserveOptions): Promise<Observation> {
  const { config, engine, hostAddress } = options;
  const guestKey = deriveGuestKey(config.secret);
  const previousKey = config.previousSecret && deriveGuestKey(config.previousSecret);
  const tag = verdictTag(guestKey);
  const [traefik, host] = await Promise.all([observeTraefik(options.traefikApi), observeHost(hostAddress)]);
  const layout = hasFailed(traefik) ? undefined : layoutOf(traefik);
  const compiled = engine.compile(config.policy);
  if (compiled.ok) engine.load(compiled.image);
  const domains = policyDomains(config.policy);
  const probe =
    options.probe === undefined
      ? undefined
      : await observeProbe({
          url: options.probe,
          connect: options.connect,
          // Nobody else is told the tag.
          tag: isOurs(options.probe, domains, layout) ? tag : undefined,
          deferrals: () => deferrals(hostAddress),
          engine: compiled.ok ? engine : undefined,
        });
  return {
    traefikApi: withoutCredentials(options.traefikApi),
    traefik,
    layout,
    hostAddress,
    host,
    authHosts: await observeAuthHosts(traefik, hostAddress, host),
    directory: observeGuestDirectory(config.guest.directory, guestKey, previousKey),
    keyFile:
      options.keyFile === undefined
        ? undefined
        : observeKeyFile(options.keyFile, guestKey, previousKey, options.secretFile),
    probe,
    elastic: options.elastic,
    people: options.people,
    tag,
    previousTag: previousKey && verdictTag(previousKey),
    policy: config.policy,
    domains,
    policyId: document => idOf(document, engine),
    now: Date.now(),
    mend: mendFor(options, layout, traefik, guestKey, previousKey),
  };
}

/** Whether a URL's host is one that the policy or a guard names. */
function isOurs(url: string, domains: readonly string[], layout: Layout | undefined): boolean {
  const { hostname } = new URL(url);
  const named = domains.some(domain =>
    isWildcard(domain) ? liesUnder(hostname, domain) : hostname === domain,
  );
  return named || layout?.guards.some(({ parsed }) => hostsOf(parsed).includes(hostname)) === true;
}

function idOf(document: PolicyDocument, engine: Engine): string | undefined {
  const compiled = engine.compile(document);
  return compiled.ok ? Buffer.from(policyId(compiled.image)).toString('hex') : undefined;
}

async function observeAuthHosts(
  traefik: TraefikView | Failed,
  hostAddress: string,
  host: HostView | Failed,
): Promise<ReadonlyMap<string, HostView | Failed>> {
  const found = new Map<string, HostView | Failed>();
  if (hasFailed(traefik)) return found;
  for (const middleware of traefik.middlewares.values()) {
    const address = asText(forwardAuthOf(middleware)?.address);
    if (address === undefined || !URL.canParse(address)) continue;
    const { origin } = new URL(address);
    if (found.has(origin) || !/^https?:/.test(origin)) continue;
    found.set(origin, origin === new URL(hostAddress).origin ? host : await observeHost(origin));
  }
  return found;
}

/** How many deferrals the host has answered so far. */
async function deferrals(hostAddress: string): Promise<number | undefined> {
  const answer = await get(`${hostAddress}/metrics`).catch(() => undefined);
  if (answer?.status !== 200) return undefined;
  return answer.body
    .toString('utf8')
    .split('\n')
    .filter(line => /^postern_deferrals_total[{ ]/.test(line))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Lines in the manner of what is there: its entry points, TLS, key and host. */
function mendFor(
  { config, keyFile, hostAddress }: ObserveOptions,
  layout: Layout | undefined,
  traefik: TraefikView | Failed,
  guestKey: Uint8Array,
  previousGuestKey: Uint8Array | undefined,
): Mend {
  const like = layout?.guards[0] ?? layout?.others[0];
  const points = hasFailed(traefik) ? undefined : traefik.entryPoints;
  const plugin = layout?.plugins[0];
  const fromEnvironment =
    plugin !== undefined &&
    !Object.hasOwn(plugin.config, 'key_file') &&
    !hasFailed(traefik) &&
    (traefik.static?.plugins.get(plugin.plugin)?.envs ?? 0) > 0;
  return createMend(
    {
      guestKey,
      previousGuestKey,
      hostAddress,
      directory: config.guest.directory,
      identityHeaders: identityNames(config.policy),
      keyFile: fromEnvironment ? undefined : (keyFile ?? DEFAULT_KEY_FILE),
      ...(like === undefined || like.entryPoints.length === 0
        ? {}
        : {
            entryPoints: Object.fromEntries(
              like.entryPoints.map(name => [name, points?.get(name)?.address ?? ':443']),
            ),
            tls: like.tls,
          }),
    },
    config.file ?? 'postern.yml',
  );
}

function withoutCredentials(api: string): string {
  const url = new URL(api);
  url.username = '';
  url.password = '';
  return url.href.replace(/\/$/, '');
}
