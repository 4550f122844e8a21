import { setTimeout as sleep } from 'node:timers/promises';
import { ElasticError } from './error.ts';
import type { Fences } from './fences.ts';
import type { KnownUsers } from './known-users.ts';
import type { Mark } from './mark.ts';
import type { Outcome } from './outcome.ts';
import { Slots } from './slots.ts';
import type { Wanted } from './wanted.ts';
import type { Turn, UserWriter } from './writer.ts';

/** Users written at the same time: each costs Elasticsearch a bcrypt hash, more would only wait there. */
const MAX_WRITES = 16;
/** How often is looked for a password that another host is about to write. */
const PENDING_POLL_MS = 100;

/** What one request wants of a user, until it does not any more. */
export interface Task {
  readonly wanted: Wanted;
  readonly print: string;
  readonly isStill: () => boolean;
}

/** The user is not to be so any more. */
export class NotWanted extends Error {}

export interface AttemptsDeps {
  readonly writer: UserWriter;
  readonly fences: Fences;
  readonly known: KnownUsers;
  /** Where it asks, for the log. */
  readonly hosts: readonly string[];
}

/** Attempts at users, each the only one at its own: so many at once, and the outcome of each is remembered. */
export class Attempts {
  readonly #deps: AttemptsDeps;
  readonly #slots = new Slots(MAX_WRITES);

  constructor(deps: AttemptsDeps) {
    this.#deps = deps;
  }

  /**
   * Rejects with what went wrong, `NotWanted` among it.
   *
   * @param fence 0: the store could not say whose turn it is
   */
  async run({ wanted, print, isStill }: Task, signal: AbortSignal, fence: number): Promise<Outcome> {
    const { writer, fences, known, hosts } = this.#deps;
    const turn: Turn = {
      fence,
      forget: () => known.forget(wanted.name),
      check() {
        if (!isStill()) throw new NotWanted();
      },
    };
    const slot = await this.#slots.enter(signal);
    if (slot === undefined) {
      throw new ElasticError(
        'ERR_ELASTIC_SLOW',
        'Elasticsearch is slower than new users come',
        hosts.join(', '),
      );
    }
    // Whose turn it was may be at it still, though this host had to go alone, or the store forgot.
    const isOld = (generation: number) => generation < (fences.pending(wanted.name) ?? 0);
    let written: Mark | 'refused';
    try {
      written = await writer.write(wanted, signal, turn);
      while (written !== 'refused' && isOld(written.generation)) {
        await sleep(PENDING_POLL_MS);
        written = await writer.write(wanted, signal, turn);
      }
    } finally {
      slot.leave();
    }
    if (written === 'refused') return { kind: 'refused', print };
    const { generation, since } = written;
    const outcome: Outcome = { kind: 'ready', print, generation, turn: fence };
    // It may be older than what somebody whose turn it was has put there.
    if (fence === 0) return outcome;
    await known.keep(wanted.name, outcome, since);
    return outcome;
  }
}
