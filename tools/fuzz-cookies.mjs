// Hostile cookies against the guest as a whole: half of them mutations of a good
// one, the others made up, stolen from elsewhere, or nonsense. Nobody may get in
// by one, and nothing of a session may reach a backend. The directory is a good
// one; what a damaged one does is fuzz-guest's question.
import { Buffer } from 'node:buffer';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { goodSession, judgeOutcome } from './fuzz/guest-oracle.mjs';
import { COOKIE, COOKIE_OF_TWO, makeCookies, sessionIn } from './fuzz/guest-sessions.mjs';
import { createWorld, POLICY_WITH_SESSIONS } from './fuzz/guest-world.mjs';
import { mutateText, randomBytes } from './fuzz/mutate.mjs';
import { randomFrom } from './fuzz-regexp.mjs';

/** Cookies tried with one secret. */
const WORLD_COOKIES = 20_000;
const BASE_TIME = 1_760_000_000_000;
const SHARED_MEMORY = '/dev/shm';
const HOSTS = ['app.test', 'app.test', 'two.test', 'admin.test', 'public.test', 'alice.users.test', 'test'];
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Documented in fuzz-cookies.d.mts. */
export function fuzzCookies({ host, wasm, engineFile, seconds = Infinity, inputs = Infinity, seed, report }) {
  const result = { cookies: 0, mutants: 0, good: 0, findings: 0, outcomes: {} };
  const compiled = host.loadEngine(engineFile).compile(POLICY_WITH_SESSIONS);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  const base = mkdtempSync(join(process.platform === 'linux' ? SHARED_MEMORY : tmpdir(), 'postern-fuzz-'));
  const stop = performance.now() + seconds * 1_000;
  const isOver = () => performance.now() >= stop || result.cookies >= inputs;
  try {
    for (let world = seed; !isOver(); world++) {
      const run = { host, wasm, image: compiled.image, directory: join(base, 'guest'), seed: world };
      runWorld(run, result, report, isOver);
    }
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
  return result;
}

function runWorld({ host, wasm, image, directory, seed }, result, report, isOver) {
  const random = randomFrom(Math.imul(seed, 0x9e3779b1));
  const world = createWorld({ host, image, random, directory, now: BASE_TIME });
  const pool = host.createGuestPool({
    wasm,
    config: { directory: '/guest' },
    env: { POSTERN_GUEST_KEY: world.guestText },
    mounts: { '/guest': directory },
    log: () => {},
    now: () => world.now,
  });
  for (let i = 0; i < WORLD_COOKIES && !isOver(); i++) {
    const domain = random.pick(HOSTS);
    const isMutant = i % 2 === 0;
    const lines = isMutant ? mutant(random, world, domain) : madeUp(random, world);
    // Not hostile at all: what was changed is another cookie, or nothing.
    const session = goodSession(world, lines, domain);
    const request = {
      method: 'GET',
      uri: '/api/',
      headers: [['Host', domain], ['X-Forwarded-Proto', 'https'], ...lines.map(value => ['Cookie', value])],
      sourceAddress: '203.0.113.9:4711',
    };
    if (session === undefined) {
      result.cookies++;
      if (isMutant) result.mutants++;
    } else {
      result.good++;
    }
    const guest = pool.acquire();
    const outcome = guest.handle(request);
    if (outcome.next) guest.release({ headers: [] });
    else guest.release();
    const came = cameOf(outcome);
    const name = came.startsWith('allow:') ? `allow ${came === 'allow:' ? 'nobody' : 'somebody'}` : came;
    if (session === undefined) result.outcomes[name] = (result.outcomes[name] ?? 0) + 1;
    const wrong = judgeOutcome(world, request, outcome, '') ?? judge(lines, domain, session, came);
    if (wrong === undefined) continue;
    result.findings++;
    report(`seed ${seed}, cookie ${i}: ${wrong}\n  ${JSON.stringify(request).slice(0, 2_000)}`);
  }
  pool.close();
}

/** `allow:NAME`, `defer`, a status, or `trap`. */
function cameOf(outcome) {
  if (outcome.trap !== undefined) return 'trap';
  if (!outcome.next) return String(outcome.response.status);
  const value = name => outcome.headers.find(([other]) => other === name)?.[1] ?? '';
  const [verdict] = value('Postern-Verdict').split('-');
  return verdict === 'allow' ? `allow:${value('Remote-User')}` : verdict;
}

function judge(lines, domain, session, came) {
  if (came === '431') return lines.join('').length > 16_384 - 64 ? undefined : '431 without need';
  if (session === undefined) {
    if (came !== 'allow:' && came.startsWith('allow')) return `let in as ${came}`;
    // Some token may be one that the host knows; then it is asked, and else nobody.
    const asked = sessionIn(lines, domain) !== undefined;
    return asked === (came === 'defer') ? undefined : `${came}, ${asked ? '' : 'no '}session shown`;
  }
  if (session.odd || (session.refresh ?? 0) > 0 || domain !== 'app.test') return undefined;
  return came === `allow:${session.user}` ? undefined : `${came}, a good session of ${session.user}`;
}

/** A good header, changed a little. */
function mutant(random, world, domain) {
  const of = domain === 'two.test' ? 'two.test' : 'test';
  const alive = world.sessions.filter(session => session.domain === of && session.level > 0 && !session.odd);
  const { token } = random.pick(alive);
  const name = of === 'two.test' ? COOKIE_OF_TWO : COOKIE;
  const pair = `${name}=${token}`;
  switch (random.below(8)) {
    case 0: {
      const bytes = Buffer.from(pair, 'latin1');
      bytes[random.below(bytes.length)] ^= 1 << random.below(8);
      return [bytes.toString('latin1')];
    }
    case 1: {
      const at = random.below(token.length);
      return [`${name}=${token.slice(0, at)}${random.pick(DIGITS)}${token.slice(at + 1)}`];
    }
    case 2:
      return [pair.slice(0, random.below(pair.length))];
    case 3:
      return [`a=1; ${pair}; b=2`, random.pick(['', `${name}=`, pair, `${name}="${token}"`, `${name} =x`])];
    case 4:
      return [random.pick([`${name}="${token}"`, `${name}=${token}=`, `${name} = ${token}`, `${pair},a=1`])];
    case 5:
      return [mutateText(random, `a=1; ${pair}; b=2`)];
    case 6:
      return [`${of === 'test' ? COOKIE_OF_TWO : COOKIE}=${token}; c=3`];
    default:
      return [mutateText(random, pair)];
  }
}

/** Made up, of somebody else's domain, kind or time, and nonsense. */
function madeUp(random, world) {
  const fresh = () => randomBytes(random, 48).toString('base64url');
  const name = () => random.pick([COOKIE, COOKIE_OF_TWO]);
  const dead = world.sessions.filter(session => session.level <= 0 || session.domain === '' || session.kind);
  switch (random.below(8)) {
    case 0:
    case 1:
      return [`${name()}=${fresh()}`];
    case 2:
      return [`${name()}=${random.pick(dead).token}`];
    case 3:
      return [`${name()}=${randomBytes(random, random.below(120)).toString('latin1')}`];
    case 4:
      return Array.from({ length: random.below(40) }, () => `${name()}=${fresh()}`);
    case 5:
      return [`${`${name()}x=${fresh()}; `.repeat(random.below(200))}${name()}=${fresh()}`];
    case 6:
      return [randomBytes(random, random.below(400)).toString('latin1')];
    default:
      return makeCookies(random, world.sessions, text => mutateText(random, text));
  }
}

/** One line for the terminal. */
export function describeCookieRun({ cookies, mutants, good, findings, outcomes }) {
  const shares = Object.entries(outcomes)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${((100 * count) / cookies).toFixed(1)}%`);
  return `cookies: ${cookies} hostile ones, ${mutants} of them mutations of a good one, and ${good} that are good, ${findings} findings (${shares.join(', ')})`;
}
