/**
 * Figures of peers that this bench does not start. All from one run in one
 * Traefik v3.7.9 (AMD EPYC, 2 shared cores, wrk with 16 connections, 2026-11),
 * in which Traefik without auth answered 24,300 requests per second: compare by
 * ratio only.
 */
const WHEN = '2026-11';
const PLAIN = 24_300;

export interface Quoted {
  readonly title: string;
  readonly rps: number;
  /** Traefik without auth in the same run. */
  readonly plain: number;
  readonly when: string;
}

export const QUOTED: readonly Quoted[] = [
  { title: 'Authelia 4.39.20 with its credential cache', rps: 6_200, plain: PLAIN, when: WHEN },
  { title: 'Authelia 4.39.20, then elastauth 1.2.2', rps: 4_000, plain: PLAIN, when: WHEN },
];
