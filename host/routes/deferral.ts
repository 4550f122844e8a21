import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  CLOCK_SKEW_MS,
  LABEL_REQUEST,
  REQUEST_FIELDS,
  REQUEST_MAC_LENGTH,
  REQUEST_MAX_AGE_MS,
} from '../../assembly/contract.ts';
import type { Clock } from '../clock.ts';
import type { Target } from '../policy/engine.ts';
import { deriveKey } from '../secret/derive.ts';

/** Base64url of the longest fields `contract.ts` allows is 11.5 KiB. */
const MAX_LENGTH = 12_288;
const POLICY_ID_LENGTH = 32;

/** Why a `Postern-Request` does not count; a label of the deferral metric. */
export type DeferralProblem = 'repeated' | 'malformed' | 'mac' | 'expired' | 'future' | 'policy';

export const DEFERRAL_TEXT: Record<DeferralProblem, string> = {
  repeated: 'deferral refused: more than one Postern-Request',
  malformed: 'deferral refused: Postern-Request is malformed',
  mac: "deferral refused: Postern-Request is not signed by this host's guest key; give Traefik the output of `postern secret guest`",
  expired: 'deferral refused: Postern-Request is too old; compare the clocks of Traefik and host',
  future: 'deferral refused: Postern-Request is from the future; compare the clocks of Traefik and host',
  policy:
    "deferral refused: the plugin's inline policy and postern.yml differ; make them equal, or remove access_control from the plugin's configuration so that it reads the host's",
};

export type Deferral =
  | { readonly ok: true; readonly target: Target }
  | { readonly ok: false; readonly reason: DeferralProblem };

export interface DeferralOptions {
  /** Of the secret in force and, if there is one, the previous. */
  readonly guestKeys: readonly Uint8Array[];
  /** SHA-256 of the host's own compiled policy as it is now: an inline policy must be that one. */
  readonly policyId: () => Uint8Array;
  readonly clock: Clock;
}

/** Reads what the guest says about the request it deferred (`Postern-Request`, `contract.ts`). */
export class DeferralReader {
  readonly #keys: readonly Uint8Array[];
  readonly #policyId: () => Uint8Array;
  readonly #clock: Clock;

  constructor({ guestKeys, policyId, clock }: DeferralOptions) {
    this.#keys = guestKeys.map(key => deriveKey(key, LABEL_REQUEST));
    this.#policyId = policyId;
    this.#clock = clock;
  }

  /**
   * @param values every value of the header; at least one
   * @param arrived when the request came, milliseconds since 1970
   */
  read(values: readonly string[], arrived = this.#clock.now()): Deferral {
    const [value] = values;
    if (value === undefined || values.length !== 1) return refused('repeated');
    const bytes = decodeBase64Url(value);
    if (bytes === undefined || bytes.length <= REQUEST_MAC_LENGTH) return refused('malformed');
    const body = bytes.subarray(0, -REQUEST_MAC_LENGTH);
    const mac = bytes.subarray(-REQUEST_MAC_LENGTH);
    // Whoever cannot make a MAC is told nothing about the rest.
    const known = this.#keys.some(key =>
      timingSafeEqual(createHmac('sha256', key).update(body).digest(), mac),
    );
    if (!known) return refused('mac');
    const fields = takeApart(body);
    if (fields === undefined) return refused('malformed');
    const age = arrived - fields.time;
    if (age > REQUEST_MAX_AGE_MS) return refused('expired');
    if (age < -CLOCK_SKEW_MS) return refused('future');
    if (fields.policyId.length > 0 && !fields.policyId.equals(this.#policyId())) return refused('policy');
    return { ok: true, target: fields.target };
  }
}

interface Fields {
  readonly time: number;
  readonly target: Target;
  /** Empty when the guest's policy is a snapshot. */
  readonly policyId: Buffer;
}

function takeApart(body: Buffer): Fields | undefined {
  if (body.length < 8) return undefined;
  const fields: Buffer[] = [];
  let at = 8;
  for (let i = 0; i < REQUEST_FIELDS; i++) {
    if (at + 4 > body.length) return undefined;
    const end = at + 4 + body.readUInt32LE(at);
    if (end > body.length) return undefined;
    fields.push(body.subarray(at + 4, end));
    at = end;
  }
  const policyId = fields.pop();
  if (at !== body.length || policyId === undefined) return undefined;
  if (policyId.length !== 0 && policyId.length !== POLICY_ID_LENGTH) return undefined;
  const [method = '', scheme = '', host = '', uri = '', client = ''] = fields.map(f => f.toString('latin1'));
  return { time: Number(body.readBigUInt64LE(0)), target: { method, scheme, host, uri, client }, policyId };
}

/** RFC 4648 section 5 without padding; only the one spelling of its bytes. */
function decodeBase64Url(text: string): Buffer | undefined {
  if (text === '' || text.length > MAX_LENGTH) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function refused(reason: DeferralProblem): Deferral {
  return { ok: false, reason };
}
