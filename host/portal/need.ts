import type { Engine, Principal } from '../policy/engine.ts';
import type { OpenedReturn } from './return-address.ts';

/** A page as `ReturnAddresses` gives it. */
export type Wanted = Pick<OpenedReturn, 'url' | 'method'>;

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
   * Whoever sent a form to a page returns to it by GET, and then sends the form
   * again: both must be open by then.
   *
   * @param client address in canonical text, empty when it is not known
   */
  isEnough({ url, method }: Wanted, { principal, level }: Proved, client: string): boolean {
    if (level !== 1) return true;
    const { protocol, host, pathname, search } = new URL(url);
    const target = { scheme: protocol.slice(0, -1), host, uri: pathname + search, client };
    const proof = { kind: 'proved', principal, level: 1 } as const;
    return [...new Set(['GET', method])].every(
      asked => this.#engine.decide({ ...target, method: asked }, proof).verdict !== 'challenge',
    );
  }
}
