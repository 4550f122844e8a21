import { expect } from 'vitest';
import type { Received } from '../support/backend.ts';
import { rawRequest, sendRaw } from '../support/raw-http.ts';
import { basic, type Stack, type User } from './stack.ts';

/**
 * The three ways through Traefik, so that a test can be run on each: decided in
 * the guest by a grant, deferred to the host (each time: this user's groups do
 * not fit a record of the grant table), and let in by a bypass rule.
 */
export interface Way {
  readonly name: 'hit' | 'deferral' | 'bypass';
  readonly domain: string;
  /** `user:password`; undefined where nobody is asked. */
  readonly as: string | undefined;
  readonly user: string;
}

const ANN = 'ann:password of ann';
const CROWD = 'crowd:password of crowd';

export const WAYS: readonly Way[] = [
  { name: 'hit', domain: 'app.test', as: ANN, user: 'ann' },
  { name: 'deferral', domain: 'app.test', as: CROWD, user: 'crowd' },
  { name: 'bypass', domain: 'pub.test', as: undefined, user: '' },
];

export const WAY_USERS: Readonly<Record<string, User>> = {
  ann: { password: 'password of ann', groups: ['staff'], displayname: 'Ann' },
  crowd: {
    password: 'password of crowd',
    groups: Array.from({ length: 40 }, (_, i) => `group-${i}-of-a-name-that-takes-up-room`),
  },
};

export const WAY_RULES = [
  { domain: 'app.test', policy: 'one_factor' },
  { domain: 'pub.test', policy: 'bypass' },
];

/** `Authorization: …` in a list to spread into a raw request. */
export function authorizationLine(way: Way): string[] {
  return way.as === undefined ? [] : [`Authorization: ${basic(way.as)}`];
}

/** Lets the host write the grant that `hit` stands for. */
export async function warmUp(stack: Stack): Promise<void> {
  for (const { domain, as } of WAYS) {
    const answer = await stack.ask(domain, '/', as === undefined ? {} : { as });
    if (answer.status !== 200) throw new Error(`${domain}: ${answer.status} ${answer.text}`);
  }
}

/** Runs `body` and answers how often the host was asked meanwhile. */
export async function deferrals(stack: Stack, body: () => Promise<unknown>): Promise<number> {
  const before = await stack.metric('postern_deferrals_total');
  await body();
  return (await stack.metric('postern_deferrals_total')) - before;
}

/** Sends `lines` and answers what the backend received; the way must be the one it is called. */
export async function pass(stack: Stack, way: Way, lines: readonly string[]): Promise<Received> {
  stack.backend.clear();
  const bytes = rawRequest(['GET /x HTTP/1.1', `Host: ${way.domain}`, ...authorizationLine(way), ...lines]);
  const asked = await deferrals(stack, async () => {
    expect(await sendRaw(stack.traefik.port, bytes)).toMatchObject({ status: 200 });
  });
  expect(asked).toBe(way.name === 'deferral' ? 1 : 0);
  const [received] = stack.backend.received;
  if (received === undefined) throw new Error('the backend was not asked');
  return received;
}
