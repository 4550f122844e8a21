/**
 * The policies that are measured. Numbers are written with five digits, so that
 * the request that meets the last of ten rules is as long as that of ten
 * thousand. All rules but the last deny, or ask for the user they capture; the
 * last one bypasses: what is allowed was decided by the last rule.
 */

export const SHAPES = ['domains', 'paths', 'hard'] as const;
export type Shape = (typeof SHAPES)[number];

export const SIZES = [1, 10, 100, 1_000, 10_000] as const;

/**
 * Which rule the request meets: the last, none of them, the first; or requests
 * in turn that meet rules all over the policy, more than a guest keeps at hand.
 */
export const REQUESTS = ['last', 'none', 'first', 'turns'] as const;
export type RequestName = (typeof REQUESTS)[number];

export interface PolicyRule {
  readonly domain: string;
  /** The one expression under `resources`; rules of `domains` have none. */
  readonly expression?: string;
  readonly policy: 'bypass' | 'deny' | 'one_factor';
}

export interface Request {
  readonly domain: string;
  readonly path: string;
  /** Position from 1 of the rule that decides, 0 for the default policy. */
  readonly position: number;
}

export interface Case {
  readonly shape: Shape;
  readonly size: number;
  readonly rules: readonly PolicyRule[];
  readonly requests: Readonly<Record<RequestName, readonly Request[]>>;
  /** Whether the requests carry a credential with a grant: captures are compared with somebody's name only. */
  readonly isSignedIn: boolean;
}

const APP = 'app.example.com';
/** What no rule is numbered. */
const NOWHERE = 99_999;
/** How many requests come in turn, at most. */
const TURNS = 64;

type Kind = 'segment' | 'fold' | 'ending' | 'user';

/**
 * Kinds of the rules of `hard`, in turn. Nine, so that the last of 1, 10, 100,
 * … rules is of the same kind as the first.
 */
const KINDS: readonly Kind[] = [
  'segment', 'fold', 'ending', 'user', 'segment', 'fold', 'ending', 'user', 'fold',
]; // biome-ignore format: a list of names

function hardExpression(index: number): { expression: string; kind: Kind } {
  const number = digits(index);
  const kind = KINDS[index % KINDS.length] as Kind;
  switch (kind) {
    case 'segment':
      return { kind, expression: `^/x/[^/]+/y${number}([/?].*)?$` };
    case 'fold':
      return { kind, expression: `(?i)^/Admin${number}([/?].*)?$` };
    case 'ending':
      return { kind, expression: `\\.(php${number}|asp${number})$` };
    case 'user':
      return { kind, expression: `^/(?P<User>[^/]+)/box${number}([/?].*)?$` };
  }
}

export function makeCase(shape: Shape, size: number): Case {
  const last = size - 1;
  const rules = Array.from({ length: size }, (_, index): PolicyRule => {
    const policy = index === last ? 'bypass' : 'deny';
    if (shape === 'domains') return { domain: serviceDomain(index), policy };
    if (shape === 'paths') return { domain: APP, expression: `^/app-${digits(index)}/api([/?].*)?$`, policy };
    const { expression, kind } = hardExpression(index);
    return { domain: APP, expression, policy: kind === 'user' ? 'one_factor' : policy };
  });
  const request = (index: number, position: number): Request => {
    if (shape === 'domains') return { domain: serviceDomain(index), path: '/api/items', position };
    const path = shape === 'paths' ? `/app-${digits(index)}/api/items` : `/x/some/y${digits(index)}/items`;
    return { domain: APP, path, position };
  };
  return {
    shape,
    size,
    rules,
    requests: {
      last: [request(last, size)],
      none: [request(NOWHERE, 0)],
      first: [request(0, 1)],
      turns: turns(last).map(index => request(index, index + 1)),
    },
    isSignedIn: shape === 'hard',
  };
}

/** Evenly spread, none the last, all of the kind that the requests are written for. */
function turns(last: number): number[] {
  const lots = Math.max(1, last / KINDS.length);
  const count = Math.min(TURNS, lots);
  return Array.from({ length: count }, (_, i) => Math.floor((i * lots) / count) * KINDS.length);
}

/** `access_control` of a case. */
export function documentOf({ rules }: Case): object {
  return {
    default_policy: 'deny',
    rules: rules.map(({ domain, expression, policy }) => ({
      domain,
      policy,
      ...(expression === undefined ? {} : { resources: [expression] }),
    })),
  };
}

const serviceDomain = (index: number) => `service-${digits(index)}.example.com`;

function digits(index: number): string {
  return String(index).padStart(5, '0');
}
