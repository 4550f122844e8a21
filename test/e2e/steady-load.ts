import { Agent } from 'node:http';
import { type Moment, moment } from '../support/stopwatch.ts';
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
  readonly began: Moment;
  readonly ended: Moment;
}

export interface SteadyLoad {
  /** Requests answered so far. */
  readonly count: number;
  stop(): Promise<void>;
}

/** Between two requests of one client: steady, and leaving a busy machine room. */
const PAUSE_MS = 5;

/** Clients that ask through Traefik until they are stopped. */
export function startLoad(
  stack: Stack,
  clients: readonly Client[],
  observe: (seen: Observed) => void,
): SteadyLoad {
  let running = true;
  let count = 0;
  const work = async ({ name, domain, path, options }: Client): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (running) {
      const asked = path();
      const began = moment();
      const status = await stack.ask(domain, asked, { ...options, agent }).then(
        answer => answer.status,
        () => 0,
      );
      observe({ client: name, path: asked, status, began, ended: moment() });
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
    async stop() {
      running = false;
      await done;
    },
  };
}
