import type { PolicyDocument, Principal } from '../../host/policy/engine.ts';

/** The policy that is measured: the rules of the service-account guide, behind fifty of other services. */

export const DOMAIN = 'myapp.example.com';
export const PUBLIC_DOMAIN = 'status.example.com';
/** What a monitor pushes: meets the guide's regular expression. */
export const PATH = '/api/push/alive?status=up&msg=OK&ping=12';

const SERVICES = [
  'wiki', 'mail', 'files', 'photos', 'music', 'books', 'media', 'recipes', 'budget', 'tasks', 'notes', 'paste',
  'vault', 'forge', 'build', 'charts', 'logs', 'queue', 'store', 'cloud', 'print', 'radio', 'maps', 'chat',
]; // biome-ignore format: a list of names

/** Two rules for each of 24 services, one more for a network and one that bypasses: fifty. */
function otherRules(): object[] {
  const rules = SERVICES.flatMap(name => [
    {
      domain: [`${name}.example.com`],
      policy: 'one_factor',
      resources: [`^/api/v[0-9]+/${name}([/?].*)?$`],
      methods: ['GET', 'HEAD', 'POST'],
      subject: [[`group:${name}`, 'group:service']],
    },
    {
      domain: [`${name}.example.com`, `${name}.internal.example.com`],
      policy: 'two_factor',
      subject: [`group:${name}`],
    },
  ]);
  return [
    ...rules,
    { domain: ['router.example.com'], policy: 'one_factor', networks: ['10.0.0.0/8', '192.168.0.0/16'] },
    { domain: [PUBLIC_DOMAIN], policy: 'bypass' },
  ];
}

/** Rules of the guide's `configuration.yaml`, with the `resources` it recommends. */
const GUIDE_RULES = [
  {
    domain: [DOMAIN],
    policy: 'one_factor',
    resources: ['^/api/push([/?].*)?$'],
    subject: [['group:myapp', 'group:service']],
  },
  { domain: [DOMAIN], policy: 'two_factor', subject: ['group:myapp'] },
];

/** Domains in `more` are guarded like the guide's own. */
export function accessControl(more: readonly string[] = []): NonNullable<PolicyDocument['access_control']> {
  const domain = [DOMAIN, ...more];
  return {
    default_policy: 'deny',
    rules: [...otherRules(), ...GUIDE_RULES.map(rule => ({ ...rule, domain }))],
  };
}

export const RULE_COUNT = otherRules().length + GUIDE_RULES.length;

/** As many service accounts as are asked for; the first is the guide's. */
export function principals(count: number): Principal[] {
  return Array.from({ length: count }, (_, i) => {
    const username = i === 0 ? 'my-service-account' : `service-account-${i}`;
    return {
      username,
      displayName: i === 0 ? 'My Service Account' : `Service Account ${i}`,
      email: `${username}@example.com`,
      groups: ['myapp', 'service'],
    };
  });
}

/** 64 characters, as the guide recommends. */
export function passwordOf(username: string): string {
  return `${username}-`.padEnd(64, 'Zx7Qm2Vt9Lp4').slice(0, 64);
}

export function authorizationOf(username: string): string {
  return `Basic ${Buffer.from(`${username}:${passwordOf(username)}`, 'utf8').toString('base64')}`;
}

/** What a browser sends by HTTP/2, and Traefik's entry point adds. */
export const BROWSER_HEADERS: Readonly<Record<string, string>> = {
  'User-Agent':
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  'Accept-Language': 'en-GB,en;q=0.9,de;q=0.8',
  'Cache-Control': 'no-cache',
  Cookie: 'session=b1946ac92492d2347c6235b4d2611184; theme=dark',
  Referer: 'https://myapp.example.com/dashboard',
  'Sec-Ch-Ua': '"Chromium";v="142", "Not_A Brand";v="99"',
  'Sec-Ch-Ua-Mobile': '?0',
  'Sec-Ch-Ua-Platform': '"Linux"',
  'Sec-Fetch-Dest': 'empty',
  'Sec-Fetch-Mode': 'cors',
  'Sec-Fetch-Site': 'same-origin',
};

/** What a program sends: curl, a monitor, a service account's client. */
export const PROGRAM_HEADERS: Readonly<Record<string, string>> = {
  'User-Agent': 'Uptime-Kuma/2.0.2',
  Accept: 'text/html,application/json',
  'Accept-Encoding': 'gzip',
};

export const PROXY_HEADERS: Readonly<Record<string, string>> = {
  'X-Forwarded-Host': DOMAIN,
  'X-Forwarded-Port': '443',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Server': 'proxy',
  'X-Real-Ip': '192.0.2.10',
};
