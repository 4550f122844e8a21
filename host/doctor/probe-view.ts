import { randomBytes } from 'node:crypto';
import { HEADER_VERDICT, VERDICT_ALLOW_PREFIX, VERDICT_DEFER_PREFIX } from '../../assembly/contract.ts';
import type { Decision, Engine, Proof, Target } from '../policy/engine.ts';
import { reason } from './host-view.ts';
import { type Got, get } from './http-get.ts';
import type { Failed } from './observation.ts';

/** What real requests through Traefik's entry point are answered. */
export interface ProbeView {
  readonly url: string;
  /** Without a credential. */
  readonly anonymous: ProbeAnswer;
  /** With a random credential that nobody has. */
  readonly unknown: ProbeAnswer;
  /** Without a credential and with verdicts of the client's own. */
  readonly forged: readonly ProbeAnswer[];
  /** Whether the host was asked about the anonymous request; undefined when that cannot be told. */
  readonly askedHost: boolean | undefined;
}

export interface ProbeAnswer {
  readonly status: number;
  /** The answer is Traefik's own 404. */
  readonly unrouted: boolean;
  readonly challenges: boolean;
  /** By the policy; undefined without engine or policy. */
  readonly expected: Decision['verdict'] | undefined;
}

export interface ProbeDeps {
  readonly url: string;
  readonly connect: { readonly host: string; readonly port: number } | undefined;
  /** Undefined when the URL is not known to be guarded: then only a bare word is tried. */
  readonly tag: string | undefined;
  /** Number of deferrals that the host has answered; undefined when it does not say. */
  readonly deferrals: () => Promise<number | undefined>;
  /** With the policy loaded. */
  readonly engine: Pick<Engine, 'decide'> | undefined;
}

/** Repeated, since on a busy machine others are deferred at the same time. */
const ANONYMOUS_PROBES = 3;

/** Asks as nobody, as somebody unknown and with forged verdicts; never throws. */
export async function observeProbe(deps: ProbeDeps): Promise<ProbeView | Failed> {
  const { url, connect, tag } = deps;
  const ask = (headers: Record<string, string> = {}) => get(url, { headers, connect });
  try {
    let before = await deps.deferrals();
    let askedHost: boolean | undefined = before !== undefined;
    let anonymous: ProbeAnswer | undefined;
    for (let i = 0; i < ANONYMOUS_PROBES; i++) {
      const got = await ask();
      anonymous = answer(got, deps, { kind: 'none' });
      const after = await deps.deferrals();
      if (before === undefined || after === undefined) askedHost = undefined;
      else askedHost &&= after > before;
      before = after;
    }
    if (anonymous === undefined) throw new TypeError('no probe');
    const credential = randomBytes(24).toString('base64url');
    const basic = Buffer.from(`postern-doctor-${credential.slice(0, 8)}:${credential}`).toString('base64');
    const unknown = answer(await ask({ Authorization: `Basic ${basic}` }), deps, { kind: 'failed' });
    const forged: ProbeAnswer[] = [];
    const tagged = tag === undefined ? [] : [VERDICT_ALLOW_PREFIX + tag, VERDICT_DEFER_PREFIX + tag];
    for (const value of ['allow', ...tagged]) {
      forged.push(answer(await ask({ [HEADER_VERDICT]: value }), deps, { kind: 'none' }));
    }
    return { url, anonymous, unknown, forged, askedHost };
  } catch (error) {
    return { failed: reason(error) };
  }
}

function answer(got: Got, { url, engine }: ProbeDeps, proof: Proof): ProbeAnswer {
  const target = new URL(url);
  const asked: Target = {
    method: 'GET',
    scheme: target.protocol.slice(0, -1),
    host: target.host,
    uri: target.pathname + target.search,
    client: got.localAddress,
  };
  return {
    status: got.status,
    unrouted: got.status === 404 && got.body.toString('latin1') === '404 page not found\n',
    challenges: got.headers['www-authenticate'] !== undefined,
    expected: engine?.decide(asked, proof).verdict,
  };
}
