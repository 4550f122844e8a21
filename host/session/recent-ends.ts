/** Users whose last end is remembered; beyond that everybody's sessions that are being read are read again. */
const MAX_USERS = 10_000;

/** Whose sessions ended while others were being read. */
export class RecentEnds {
  #revision = 0;
  /** The revision when sessions of a user ended last, and when everybody's did. */
  readonly #ofUsers = new Map<string, number>();
  #ofAll = 0;

  /** To be read before a session is. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether a session that was read at that revision has to be read again. */
  since(username: string, revision: number): boolean {
    return this.#ofAll > revision || (this.#ofUsers.get(username) ?? 0) > revision;
  }

  /** @param usernames undefined for everybody */
  note(usernames: readonly string[] | undefined): void {
    this.#revision++;
    for (const name of usernames ?? []) this.#ofUsers.set(name, this.#revision);
    if (usernames !== undefined && this.#ofUsers.size <= MAX_USERS) return;
    this.#ofUsers.clear();
    this.#ofAll = this.#revision;
  }
}
