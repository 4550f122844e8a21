import type { Engine, Principal } from '../policy/engine.ts';

/** What somebody has proved so far. */
export interface Proved {
  readonly principal: Principal;
  readonly level: number;
}

/**
 * Whether a session is enough for a page, or the page would ask for a second
 * factor: the engine says so, as it will say when the page is asked for. A page
 * that is forbidden is as good as one that is open: it says itself what is wrong.
 */
export class Need {
  readonly #engine: Pick<Engine, 'decide'>;

  constructor(engine: Pick<Engine, 'decide'>) {
    this.#engine = engine;
  }

  /**
   * @param url absolute, as `ReturnAddresses` gives it
   * @param client address in canonical text, empty when it is not known
   */
  isEnough(url: string, { principal, level }: Proved, client: string): boolean {
    if (level !== 1) return true;
    const { protocol, host, pathname, search } = new URL(url);
    const target = {
      method: 'GET',
      scheme: protocol.slice(0, -1),
      host,
      uri: pathname + search,
      client,
    };
    return this.#engine.decide(target, { kind: 'proved', principal, level: 1 }).verdict !== 'challenge';
  }
}
