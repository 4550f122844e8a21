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
  /** Cannot prove more than one factor. */
  readonly isService: boolean;
  /** Why the service would not take his credential from this address; undefined when it would. */
  refusal(client: string): string | undefined;
}

export const NOBODY: Who = { user: '', groups: [], level: 0, isService: false, refusal: () => undefined };

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
    return { ok: true, who: { ...NOBODY, user: policy.foldName(name), groups, level } };
  }
  const account = policy.findAccount(name);
  if (account !== undefined) {
    const { principal, isService } = account;
    if (isService && level === 2) {
      return { ok: false, message: 'is a service account, whose token is one factor and never two' };
    }
    const { username: user, groups: own } = principal;
    return { ok: true, who: { user, groups: own, level, isService, refusal: account.refusal } };
  }
  if (policy.usersFile === undefined) {
    return {
      ok: false,
      message: 'is unknown, as the configuration names no users file: say the groups, too',
    };
  }
  const near = suggest(name, policy.accountNames());
  const hint = near === undefined ? '' : `, did you mean \`${near}\`?`;
  const other = near === undefined ? ': say' : ' Else say';
  return { ok: false, message: `is no user that the configuration knows${hint}${other} the groups, too` };
}

/** @param refused whether the service would not take the credential: then it is one that is no good */
export function proofOf({ user, groups, level }: Who, refused: boolean): Proof {
  if (level === 0) return { kind: 'none' };
  if (refused) return { kind: 'failed' };
  return { kind: 'proved', principal: { username: user, displayName: '', email: '', groups }, level };
}

/** `nobody`, `john with one factor`. */
export function nameOf({ user, level, isService }: Who): string {
  if (level === 0) return 'nobody';
  return `${user} with ${isService ? 'a token' : level === 1 ? 'one factor' : 'two factors'}`;
}
