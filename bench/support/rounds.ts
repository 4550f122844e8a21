import { request } from 'node:http';
import type { Traefik } from '../../test/support/traefik.ts';
import { type Load, requestHeaders, type Target } from './load.ts';
import { progress } from './report.ts';
import { rounded } from './statistics.ts';
import type { Stage } from './traefik-stage.ts';

/** Figures of each round, by case. */
export type Rounds<Name extends string> = Record<Name, number[]>;

export interface Speed<Name extends string> {
  readonly rps: Rounds<Name>;
  /** 99th percentile in milliseconds. */
  readonly p99: Rounds<Name>;
  /** Microseconds of processor time that Traefik alone spends on a request: what else runs disturbs it less. */
  readonly cpu: Rounds<Name>;
}

export interface SpeedOptions<Name extends string> {
  /** What is measured, in this order, by its title. */
  readonly titles: Readonly<Record<Name, string>>;
  target(name: Name): Target;
  readonly traefik: Traefik;
  readonly stage: Pick<Stage, 'deferrals'>;
  readonly load: Load;
  readonly rounds: number;
  readonly seconds: number;
}

/**
 * Interleaved rounds: each case once a round, in turn, so that all see the
 * same noise. Every grant is known beforehand; a hit that is deferred all the
 * same fails the suite.
 */
export async function measureSpeed<Name extends string>(options: SpeedOptions<Name>): Promise<Speed<Name>> {
  const { titles, target, traefik, stage, load, rounds, seconds } = options;
  const names = Object.keys(titles) as Name[];
  const empty = (): Rounds<Name> => Object.fromEntries(names.map(name => [name, []])) as never;
  const speed = { rps: empty(), p99: empty(), cpu: empty() };
  for (const name of names) await askOnce(target(name));
  const deferred = await stage.deferrals();
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      progress(`round ${round + 1} of ${rounds}: ${titles[name]}`);
      const cpuBefore = traefik.child.cpuTimeMs();
      const figures = await load.run(target(name), seconds).catch((error: Error) => {
        throw new Error(`${titles[name]}: ${error.message}; Traefik's log:\n${traefik.log.slice(-2_000)}`);
      });
      speed.cpu[name].push(rounded(((traefik.child.cpuTimeMs() - cpuBefore) * 1_000) / figures.requests, 1));
      speed.rps[name].push(rounded(figures.rps));
      speed.p99[name].push(rounded(figures.p99, 2));
    }
  }
  const late = (await stage.deferrals()) - deferred;
  if (late > 0) throw new Error(`${late} hits were deferred to the host: the figures are not what they say`);
  return speed;
}

/** One request with each credential, answered 200: the host verifies it and writes the grant. Answers the bodies. */
export async function askOnce(target: Target): Promise<string[]> {
  const { port, path } = target;
  const bodies: string[] = [];
  for (const headers of requestHeaders(target)) {
    const { status, body } = await new Promise<{ status: number; body: string }>((resolve, reject) => {
      const address = { host: '127.0.0.1', port, path, headers, timeout: 10_000 };
      const sent = request(address, incoming => {
        let text = '';
        incoming.setEncoding('utf8').on('data', part => {
          text += part;
        });
        incoming.once('error', reject);
        incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, body: text }));
      });
      sent.once('timeout', () => sent.destroy(new Error(`${headers.Host}: no answer in 10 s`)));
      sent.once('error', reject).end();
    });
    if (status !== 200) throw new Error(`${headers.Host}: ${status} in place of 200`);
    bodies.push(body);
  }
  return bodies;
}
