import { suggest } from '../config/suggest.ts';
import type { Proof } from '../policy/engine.ts';
import type { PolicyView } from './policy-view.ts';

/** Factors proved: 0 is nobody. */
export type Level = 0 | 1 | 2;

/** Somebody who asks, as rules judge him. */
export interface Who {
  /** Empty for nobody. */
  readonly user: string;
  readonly groups: readonly string[];
  readonly level: Level;
  /** The users file disables him: his credentials are refused. */
  readonly disabled: boolean;
}

export const NOBODY: Who = { user: '', groups: [], level: 0, disabled: false };

export type FoundWho =
  | { readonly ok: true; readonly who: Who }
  | { readonly ok: false; readonly message: string };

/** @param groups those to judge by; undefined to take them from the users file */
export function findWho(
  policy: PolicyView,
  name: string,
  groups: readonly string[] | undefined,
  level: 1 | 2,
): FoundWho {
  if (groups !== undefined) {
    return { ok: true, who: { user: policy.foldName(name), groups, level, disabled: false } };
  }
  const user = policy.findUser(name);
  if (user !== undefined) {
    const { principal, disabled } = user;
    return { ok: true, who: { user: principal.username, groups: principal.groups, level, disabled } };
  }
  if (policy.usersFile === undefined) {
    return { ok: false, message: 'the configuration names no users file: say the groups, too' };
  }
  const near = suggest(name, policy.userNames());
  const hint = near === undefined ? '' : `, did you mean \`${near}\`?`;
  const other = near === undefined ? ': say' : ' Else say';
  return { ok: false, message: `is not in the users file${hint}${other} the groups, too` };
}

/** What the service would take such a request for: a disabled user's credential is no good. */
export function proofOf({ user, groups, level, disabled }: Who): Proof {
  if (level === 0) return { kind: 'none' };
  if (disabled) return { kind: 'failed' };
  return { kind: 'proved', principal: { username: user, displayName: '', email: '', groups }, level };
}

/** `nobody`, `john with one factor`. */
export function nameOf({ user, level, disabled }: Who): string {
  if (level === 0) return 'nobody';
  return `${user} with ${level === 1 ? 'one factor' : 'two factors'}${disabled ? ' (disabled)' : ''}`;
}
