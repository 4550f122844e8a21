import type { Clock } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import type { ElasticClient } from './client.ts';
import { ownerOf } from './mark.ts';
import type { Outcome } from './outcome.ts';
import type { ElasticPasswords } from './password.ts';
import { printOf } from './wanted.ts';

/** A host that hung takes what it was sent when it goes on; mostly soon, and hardly after a minute. */
const LOOKS_MS: readonly number[] = [2_000, 10_000, 60_000];
const FIND_MS = 4_000;
/** How many users are looked at again at the same time; they are so after a fault only. */
const MAX_USERS = 1_000;

export interface SecondLooksDeps {
  readonly client: Pick<ElasticClient, 'find'>;
  readonly passwords: ElasticPasswords;
  readonly previous?: ElasticPasswords | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** What hosts remember of the user. */
  readonly known: (name: string) => Promise<Outcome | undefined>;
  /** Forgets it, and takes back what guests hold, on all hosts. */
  readonly takeBack: (name: string, username: string) => Promise<void>;
}

/**
 * A write that was given up may be done all the same, later than one that came
 * after it: then the user has roles in Elasticsearch that it must not have any
 * more. So the user is looked at again, and if it is not as all believe it to be,
 * the next request provisions it anew.
 */
export class SecondLooks {
  readonly #deps: SecondLooksDeps;
  readonly #cancels = new Map<string, readonly (() => void)[]>();

  constructor(deps: SecondLooksDeps) {
    this.#deps = deps;
  }

  plan(name: string, username: string): void {
    this.#cancel(name);
    if (this.#cancels.size >= MAX_USERS) return;
    const cancels = LOOKS_MS.map((ms, i) =>
      this.#deps.clock.after(ms, () => {
        if (i === LOOKS_MS.length - 1) this.#cancels.delete(name);
        // Elasticsearch fails: the next look is one more chance, and so is the next request.
        this.#look(name, username).catch(() => {});
      }),
    );
    this.#cancels.set(name, cancels);
  }

  close(): void {
    for (const name of [...this.#cancels.keys()]) this.#cancel(name);
  }

  async #look(name: string, username: string): Promise<void> {
    const { client, passwords, previous, known, takeBack, log } = this.#deps;
    const stored = await client.find(name, AbortSignal.timeout(FIND_MS));
    const believed = await known(name);
    if (believed?.kind !== 'ready') return;
    const owner = stored === undefined ? undefined : ownerOf(stored, passwords, previous);
    const isAsBelieved =
      stored !== undefined &&
      owner?.kind === 'ours' &&
      owner.mark.generation === believed.generation &&
      printOf(stored, owner.mark, passwords) === believed.print;
    if (isAsBelieved) return;
    log.warn('a write that Elasticsearch never answered came late: the user is provisioned anew', {
      user: username,
    });
    await takeBack(name, username);
  }

  #cancel(name: string): void {
    for (const cancel of this.#cancels.get(name) ?? []) cancel();
    this.#cancels.delete(name);
  }
}
