import { HEADER_EMAIL, HEADER_GROUPS, HEADER_NAME, HEADER_USER } from '../../assembly/contract.ts';
import { isMapping } from './mapping.ts';
import { type Read, shown } from './values.ts';

/** Names of headers and their templates, and under `separator` what stands between groups. */
export type IdentityTemplates = Readonly<Record<string, string>>;

const REMOTE: IdentityTemplates = {
  [HEADER_USER]: '{username}',
  [HEADER_GROUPS]: '{groups}',
  [HEADER_NAME]: '{name}',
  [HEADER_EMAIL]: '{email}',
};

/** The headers of the services that we stand in for. authentik's are those of both its generations. */
export const IDENTITY_PRESETS = {
  authelia: REMOTE,
  authentik: {
    'X-authentik-username': '{username}',
    'X-authentik-groups': '{groups}',
    'X-authentik-email': '{email}',
    'X-authentik-name': '{name}',
    'X-authentik-uid': '{username}',
    'X-Auth-Username': '{username}',
    'X-Auth-Groups': '{groups}',
    'X-Forwarded-Email': '{email}',
    'X-Forwarded-Preferred-Username': '{username}',
    'X-Forwarded-User': '{username}',
    // What authentik sends besides, which services believe: never sent, and no client's copy passed on.
    'X-authentik-entitlements': '',
    'X-authentik-jwt': '',
    'X-authentik-meta-jwks': '',
    'X-authentik-meta-outpost': '',
    'X-authentik-meta-provider': '',
    'X-authentik-meta-app': '',
    'X-authentik-meta-version': '',
    separator: '|',
  },
  'oauth2-proxy': {
    'X-Auth-Request-User': '{username}',
    'X-Auth-Request-Groups': '{groups}',
    'X-Auth-Request-Email': '{email}',
    'X-Auth-Request-Preferred-Username': '{username}',
  },
  /** What elastauth reads of whoever stands in front of it. */
  elastauth: REMOTE,
} as const satisfies Record<string, IdentityTemplates>;

export type IdentityPreset = keyof typeof IDENTITY_PRESETS;

/** `identity_headers`: a preset, or names and templates, whose meaning the engine knows. */
export function identityHeaders(raw: unknown): Read<IdentityTemplates> {
  if (typeof raw === 'string' && Object.hasOwn(IDENTITY_PRESETS, raw)) {
    return { ok: true, value: IDENTITY_PRESETS[raw as IdentityPreset] };
  }
  if (isMapping(raw) && Object.keys(raw).length > 0) {
    const odd = Object.entries(raw).find(([, value]) => typeof value !== 'string' || value === '');
    if (odd === undefined) return { ok: true, value: raw as IdentityTemplates };
    return {
      ok: false,
      message: `under \`${odd[0]}\`: must be a text such as '{username}', got ${shown(odd[1])}`,
    };
  }
  const names = Object.keys(IDENTITY_PRESETS).map(name => `\`${name}\``);
  return {
    ok: false,
    message: `must be ${names.slice(0, -1).join(', ')} or ${names.at(-1)}, or names of headers with templates such as \`X-User-ID: '{username}'\`, got ${shown(raw)}`,
  };
}

interface IdentitySettings {
  readonly identity_headers?: IdentityTemplates;
  readonly domains?: unknown;
}

/** Names of all headers that a policy sends, as configured; those of Authelia, which every guest removes, first. */
export function identityNames(policy: IdentitySettings): string[] {
  const names = [REMOTE, ...configured(policy)].flatMap(templates =>
    Object.keys(templates).filter(name => name !== 'separator'),
  );
  const byName = new Map<string, string>();
  for (const name of names) if (!byName.has(name.toLowerCase())) byName.set(name.toLowerCase(), name);
  return [...byName.values()];
}

/** Whether a policy says anything about identity headers. */
export function hasIdentity(policy: IdentitySettings): boolean {
  return configured(policy).length > 0;
}

function configured({ identity_headers, domains }: IdentitySettings): IdentityTemplates[] {
  const entries = Array.isArray(domains) ? (domains as readonly unknown[]) : [];
  const own = entries.flatMap(entry => (isMapping(entry) ? [entry.identity_headers] : []));
  return [identity_headers, ...own].filter(templates => isMapping(templates)) as IdentityTemplates[];
}
