import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { Received } from '../../support/backend.ts';
import type { RawAnswer } from '../../support/raw-http.ts';
import { removeTempDirectories } from '../../support/temp.ts';
import { basicCredential, sendTls } from '../../support/tls-client.ts';
import { ANN, APP, ROOT, startWorld, type World } from '../../support/world.ts';
import { type Door, describeDoors, type RunningDoor } from './doors.ts';
import { askHttp2, type Http2Headers } from './http2.ts';

/** No user, group, path or value of ours holds it. */
export const FORGED = 'f0rged';
export const AS_ANN = `Authorization: ${basicCredential(ANN.as)}`;
export const AS_ROOT = `Authorization: ${basicCredential(ROOT.as)}`;
export const IDENTITY = ['Remote-User', 'Remote-Groups', 'Remote-Name', 'Remote-Email'] as const;

/** Tells one request from the others at the application. */
const MARK = 'x-try';
/** Requests under way at a time. A wrong password is answered after two seconds, and others need not wait for it. */
const TOGETHER = 32;

/** What came of one request. */
export interface Outcome {
  readonly answer: RawAnswer;
  /** What the application was asked, undefined when it was not. */
  readonly received: Received | undefined;
}

export interface Field {
  readonly door: Door;
  readonly world: World;
  /**
   * Sends exact bytes to the proxy; many may be asked for at once.
   *
   * @param line method and target
   * @param lines further headers
   */
  ask(line: string, lines?: readonly string[], how?: How): Promise<Outcome>;
  /** The same in HTTP/2. */
  askHttp2(headers: Http2Headers): Promise<{ status: number; received: Received | undefined }>;
}

export interface How {
  /** Default `app.example.com`; null for none. */
  readonly host?: string | null;
  /** Where the proxy believes what its peer says about the client. */
  readonly trusting?: boolean;
}

/** The same tests behind each proxy, in front of one host and one application. */
export function describeField(
  title: string,
  config: Readonly<Record<string, unknown>>,
  body: (field: Field) => void,
): void {
  let world: World | undefined;

  beforeAll(async () => {
    world = await startWorld(config);
  }, 60_000);

  afterAll(async () => {
    await world?.stop();
    removeTempDirectories();
  });

  describeDoors(title, door => {
    let running: RunningDoor | undefined;
    let tries = 0;
    const known = new Set<Received>();
    const limited = limit(TOGETHER);

    const field: Field = {
      door,
      get world() {
        if (world === undefined) throw new Error('the host has not been started');
        return world;
      },
      ask(line, lines = [], { host = APP, trusting = false } = {}) {
        const named = host === null ? [] : [`Host: ${host}`];
        return marked(async mark => {
          const head = [`${line} HTTP/1.1`, ...named, `${MARK}: ${mark}`, ...lines, 'Connection: close'];
          return sendTls(portOf(trusting), APP, `${head.join('\r\n')}\r\n\r\n`);
        });
      },
      async askHttp2(headers) {
        const { answer, received } = await marked(mark =>
          askHttp2(portOf(false), { ...headers, [MARK]: mark }),
        );
        return { status: answer, received };
      },
    };

    function portOf(trusting: boolean): number {
      const port = trusting ? running?.trustingPort : running?.port;
      if (port === undefined) throw new Error('this proxy has no such port');
      return port;
    }

    function marked<T>(
      send: (mark: string) => Promise<T>,
    ): Promise<{ answer: T; received: Received | undefined }> {
      return limited(async () => {
        const mark = `<${++tries}>`;
        const answer = await send(mark);
        const found = field.world.backend.received.filter(({ headers }) =>
          headers.some(([name, value]) => name.toLowerCase() === MARK && value.includes(mark)),
        );
        for (const received of found) known.add(received);
        return { answer, received: found[0] };
      });
    }

    afterEach(() => {
      // What the application was asked without the mark would have been missed.
      const { backend } = field.world;
      const missed = backend.received.filter(received => !known.has(received));
      backend.clear();
      known.clear();
      expect(missed).toEqual([]);
    });

    beforeAll(async () => {
      running = await door.start(field.world);
      // A guest decides about her without the host from now on.
      const { answer } = await field.ask('GET /', [AS_ANN]);
      if (answer.status !== 200) throw new Error(`${door.name}: ${answer.status} ${answer.body}`);
    }, 60_000);

    afterAll(async () => {
      await running?.stop();
    });

    body(field);
  });
}

/** Every value that some application reads as header `name`: CGI and its relatives make `_` of what is no letter. */
export function valuesOf({ headers }: Received, name: string): string[] {
  const wanted = alike(name);
  return headers.filter(([other]) => alike(other) === wanted).map(([, value]) => value);
}

function alike(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-');
}

/** Asks about each of the variants, together. */
export async function forEach<T>(variants: Iterable<T>, body: (variant: T) => Promise<void>): Promise<void> {
  await Promise.all([...variants].map(body));
}

/** Runs what it is given, so many at a time. */
function limit(most: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async task => {
    if (running >= most) await new Promise<void>(resolve => waiting.push(resolve));
    else running++;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
