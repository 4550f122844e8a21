import { printable } from '../log/printable.ts';
import type { SessionDetails } from './sessions.ts';

/** What a browser says of itself is as long as it likes. */
const MAX_AGENT = 200;

/** As JSON; not sealed yet. */
export function encodeDetails({ address, agent }: SessionDetails): string {
  return JSON.stringify({ address, agent: printable(agent).slice(0, MAX_AGENT) });
}

/** What `details` of a session hold. */
export function decodeDetails(text: string): SessionDetails {
  try {
    const { address, agent } = JSON.parse(text) as Partial<SessionDetails>;
    return { address: String(address ?? ''), agent: String(agent ?? '') };
  } catch {
    return { address: '', agent: '' };
  }
}
