import { readFileSync } from 'node:fs';

/**
 * Time in which the machine let its processes work. What is promised in seconds
 * is promised by Postern, not by a machine with other things to do: a test that
 * measures takes a `moment` before and one after, and judges what lies `between`
 * them. On a machine at rest that is the time on the wall.
 */
export interface Moment {
  /** Milliseconds by a clock that is never set. */
  readonly at: number;
  /** Milliseconds by which the event loop of this process has run late so far. */
  readonly late: number;
  /** Milliseconds so far in which somebody on this machine waited for a processor, or the machine itself did. */
  readonly waited: number;
}

const TICK_MS = 20;
/** Timers are as late as that without any reason. */
const USUAL_MS = 5;
/** With somebody waiting all the time, what is measured takes up to so many times as long. More is not forgiven. */
const SLOWEST = 3;
/** proc(5), `stat`: in ticks of 10 ms, for all processors together. */
const STEAL_TICK_MS = 10;

let late = 0;
let due = performance.now() + TICK_MS;
let worked = workedMs();

/** Milliseconds for which this process has used a processor: what a calculation costs, however often it was interrupted. */
export function workedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function lateNow(): number {
  // What it worked meanwhile is nobody else's fault.
  const by = performance.now() - due - (workedMs() - worked);
  return late + (by > USUAL_MS ? by : 0);
}

function tick(): void {
  late = lateNow();
  worked = workedMs();
  due = performance.now() + TICK_MS;
  setTimeout(tick, TICK_MS).unref();
}
tick();

/** A number in a file of Linux; 0 where there is no such file, or the kernel does not count it. */
function numberIn(file: string, pattern: RegExp): number {
  try {
    return Number(pattern.exec(readFileSync(file, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

export function moment(): Moment {
  const pressureMs = numberIn('/proc/pressure/cpu', /^some .*total=(\d+)/) / 1_000;
  const stolenMs = numberIn('/proc/stat', /^cpu +(?:\d+ +){7}(\d+)/) * STEAL_TICK_MS;
  return { at: performance.now(), late: lateNow(), waited: pressureMs + stolenMs };
}

/** Milliseconds from one moment to another, without those that the machine took. */
export function between(from: Moment, to: Moment = moment()): number {
  const elapsed = to.at - from.at;
  const slowed = Math.min(to.waited - from.waited, elapsed * (1 - 1 / SLOWEST));
  return Math.max(0, elapsed - Math.max(slowed, to.late - from.late));
}

/** Waits until so many milliseconds, of which the machine took none, have passed since. */
export async function passed(from: Moment, ms: number): Promise<void> {
  for (let left = ms - between(from); left > 0; left = ms - between(from)) {
    await new Promise(resolve => setTimeout(resolve, Math.ceil(left)));
  }
}
