import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../support/net.ts';
import { type Postern, startPostern } from '../support/postern.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { waitUntil } from '../support/wait.ts';

/**
 * Visitors who show nothing leave nothing: no session, no entry of a cache, no
 * line of a log for each. `npm run soak` asks a million times.
 */
const REQUESTS = Number(process.env.POSTERN_ANONYMOUS ?? 20_000);
const CONNECTIONS = 16;
/** Of the requests: until then the heap grows to its size and code is compiled. */
const WARM_UP = 0.3;
/** What a garbage-collected heap goes up and down by. A hundred bytes a request are 95 MiB in a million. */
const ROOM_MIB = 64;
/** State page, table, policy, and the one of each before, which stays for 5 s. */
const MAX_FILES = 8;

const CONFIG = (port: number) => `server:
  address: 'tcp://127.0.0.1:${port}'
authentication_backend: { file: { path: users.yml } }
session:
  cookies:
    - domain: example.com
      authelia_url: 'https://auth.example.com'
access_control:
  default_policy: deny
  rules:
    - { domain: 'public.example.com', policy: bypass }
    - { domain: 'paths.example.com', policy: bypass, resources: ['^/open([/?].*)?$'] }
    - { domain: '{user}.users.example.com', policy: one_factor }
    - { domain: '*.example.com', policy: one_factor }
`;

let service: Postern | undefined;
afterEach(async () => {
  await service?.stop();
  service = undefined;
});
afterAll(removeTempDirectories);

/** The n-th request: no two alike in what a careless service would remember. */
function asking(n: number): { path: string; headers: Record<string, string> } {
  const host =
    ['public.example.com', `h${n}.example.com`, 'paths.example.com', `h${n}.elsewhere.org`][
      Math.floor(n / 10) % 4
    ] ?? '';
  const address = `203.0.${(n >> 8) & 255}.${n & 255}`;
  const uri = `/p${n}?q=${n}`;
  const more: Record<string, string>[] = [
    {},
    { Accept: 'text/html', 'User-Agent': `visitor/${n}` },
    { Cookie: `authelia_session=${n.toString(36).padStart(32, 'A')}` },
    { 'X-Requested-With': 'XMLHttpRequest', Accept: 'application/json' },
    // Credentials that cost nothing to refuse.
    { Authorization: `Basic ${n}` },
    { Authorization: `Digest username="u${n}"` },
    { 'Proxy-Authorization': `Basic ${n}` },
    { 'Postern-Request': `x${n}` },
  ];
  const own = { 'X-Forwarded-For': address, ...more[Math.floor(n / 40) % 8] };
  const forwarded = {
    'X-Forwarded-Method': n % 7 === 0 ? 'POST' : 'GET',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': host,
    'X-Forwarded-Uri': uri,
  };
  const original = { 'X-Original-Method': 'GET', 'X-Original-URL': `https://${host}${uri}` };
  const kinds = [
    { path: '/api/authz/forward-auth', headers: { ...own, ...forwarded } },
    { path: '/api/authz/auth-request', headers: { ...own, ...original } },
    { path: '/api/verify?rd=https://auth.example.com/', headers: { ...own, ...forwarded } },
    { path: `/api/authz/ext-authz/${uri}`, headers: { ...own, Host: host, 'X-Forwarded-Proto': 'https' } },
    { path: '/outpost.goauthentik.io/auth/nginx', headers: { ...own, ...original } },
    { path: '/oauth2/auth', headers: { ...own, ...forwarded } },
    { path: `/akprox/start?rd=https://${host}${uri}`, headers: own },
    // The wrong address, and nothing told.
    { path: `/health?${n}`, headers: { ...own, ...forwarded } },
    { path: `/nothing/${n}`, headers: {} },
    { path: '/api/verify', headers: own },
  ];
  return kinds[n % kinds.length] ?? { path: '/', headers: {} };
}

function ask(port: number, agent: Agent, n: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, agent, ...asking(n) }, answer => {
      const cookie = answer.headers['set-cookie'];
      if (cookie !== undefined) reject(new Error(`a cookie for nobody: ${cookie}`));
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end();
  });
}

const rssMib = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;

/** Number and bytes of the files in a directory and below. */
function filesIn(directory: string): { count: number; bytes: number } {
  let count = 0;
  let bytes = 0;
  for (const entry of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    // A page is renamed into its place while we look.
    const found = statSync(join(directory, entry), { throwIfNoEntry: false });
    if (found?.isFile() !== true) continue;
    count++;
    bytes += found.size;
  }
  return { count, bytes };
}

describe('anonymous visitors', () => {
  it.skipIf(!existsSync('/proc/self/status'))(
    'leave neither memory nor files',
    async () => {
      const port = await freePort();
      service = await startPostern({
        'postern.yml': CONFIG(port),
        'users.yml':
          "users: { alice: { displayname: Alice, password: '$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$WWGvyaMsG/w8Q7QmA7h2Tg' } }\n",
      });
      const { child, home, guestDirectory } = service;
      const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
      const statuses = new Map<number, number>();
      const memory: number[] = [];
      const samples = 100;
      let next = 0;
      const work = async () => {
        while (next < REQUESTS) {
          const n = next++;
          if (n % Math.ceil(REQUESTS / samples) === 0) memory.push(rssMib(child.pid));
          const status = await ask(port, agent, n);
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
      };
      const before = filesIn(home);
      try {
        await Promise.all(Array.from({ length: CONNECTIONS }, work));
      } finally {
        agent.destroy();
      }

      const warm = Math.floor(memory.length * WARM_UP);
      const usual = Math.max(...memory.slice(0, warm));
      const end = Math.max(...memory.slice(-Math.ceil(samples / 10)));
      process.stderr.write(
        `${REQUESTS} anonymous requests: ${memory[0]?.toFixed(0)} MiB, ${usual.toFixed(0)} MiB warm, ${end.toFixed(0)} MiB at the end\n`,
      );
      expect(memory.length).toBeGreaterThan(samples / 2);
      expect(end).toBeLessThan(usual + ROOM_MIB);

      // What is there for a while after a change is gone.
      await waitUntil('only the usual files', () => filesIn(home).count <= before.count + 1);
      expect(filesIn(guestDirectory).count).toBeLessThanOrEqual(MAX_FILES);
      expect(filesIn(home).bytes).toBeLessThan(before.bytes + 4_096);
      // A line for each kind of refusal and minute, not for each request.
      expect(child.stderr.split('\n').length).toBeLessThan(100);
      expect(child.stderr.split('\n').filter(line => line.includes('"level":"error"'))).toEqual([]);

      // They were judged, not turned away at the door.
      const total = [...statuses.values()].reduce((sum, count) => sum + count, 0);
      expect(total).toBe(REQUESTS);
      expect([...statuses.keys()].filter(status => status >= 500)).toEqual([]);
      for (const status of [200, 202, 302, 303, 400, 401, 403, 404]) {
        expect([status, (statuses.get(status) ?? 0) > 0]).toEqual([status, true]);
      }
    },
    1_800_000,
  );
});
