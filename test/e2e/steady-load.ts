import { Agent } from 'node:http';
import { sleep } from '../support/wait.ts';
import type { AskOptions, Stack } from './stack.ts';

/** What one client asks over and over, each over a connection of its own. */
export interface Client {
  readonly name: string;
  readonly domain: string;
  readonly path: () => string;
  readonly options?: AskOptions;
}

export interface Observed {
  readonly client: string;
  readonly path: string;
  /** 0 when there was no answer. */
  readonly status: number;
  readonly began: number;
  readonly ended: number;
}

export interface SteadyLoad {
  /** Requests answered so far. */
  readonly count: number;
  /** Longest time for which this process itself did not run: what it observed then says nothing about others. */
  readonly stallMs: number;
  stop(): Promise<void>;
}

/** Between two requests of one client: steady, and leaving a busy machine room. */
const PAUSE_MS = 5;
const TICK_MS = 20;

/** Clients that ask through Traefik until they are stopped. */
export function startLoad(
  stack: Stack,
  clients: readonly Client[],
  observe: (seen: Observed) => void,
): SteadyLoad {
  let running = true;
  let count = 0;
  let stallMs = 0;
  let tick = Date.now();
  const timer = setInterval(() => {
    stallMs = Math.max(stallMs, Date.now() - tick - TICK_MS);
    tick = Date.now();
  }, TICK_MS);
  const work = async ({ name, domain, path, options }: Client): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (running) {
      const asked = path();
      const began = Date.now();
      const status = await stack.ask(domain, asked, { ...options, agent }).then(
        answer => answer.status,
        () => 0,
      );
      observe({ client: name, path: asked, status, began, ended: Date.now() });
      count++;
      await sleep(PAUSE_MS);
    }
    agent.destroy();
  };
  const done = Promise.all(clients.map(work));
  return {
    get count() {
      return count;
    },
    get stallMs() {
      return stallMs;
    },
    async stop() {
      running = false;
      await done;
      clearInterval(timer);
    },
  };
}
