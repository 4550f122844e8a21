import type { LoadedPolicy } from '../config/load-policy.ts';
import { ConfigError } from '../config/problem.ts';
import { fileProblem, readTextFile } from '../config/read-file.ts';
import type { Content } from '../config/watched-file.ts';
import type { Engine, Principal } from '../policy/engine.ts';
import { readTokens } from '../tokens/registry.ts';
import { type ServiceAccount, stateOf } from '../tokens/token.ts';
import { parseUsers } from '../users/parse-users.ts';
import { UserIndex } from '../users/search.ts';

/** Somebody with a name: a user, or a service account, whose token is one factor. */
export interface FoundAccount {
  readonly principal: Principal;
  readonly isService: boolean;
  /** Why his credential would not be taken from this address; undefined when it would. */
  refusal(client: string): string | undefined;
}

/** Users and service accounts of a configuration. */
export interface Accounts {
  find(name: string): FoundAccount | undefined;
  readonly names: readonly string[];
}

export interface AccountOptions {
  readonly engine: Pick<Engine, 'compileNetworks' | 'inNetworks'>;
  readonly readFile: (file: string) => Uint8Array;
}

/** Reads both files; throws `ConfigError` when one cannot be used. */
export function openAccounts(policy: LoadedPolicy, options: AccountOptions): Accounts {
  const users = readUsers(policy, options);
  const services = readServices(policy, options);
  return {
    find: name => users.find(name) ?? services.find(name),
    names: [...users.names, ...services.names],
  };
}

const NONE: Accounts = { find: () => undefined, names: [] };

function readUsers({ usersFile, usersSearch }: LoadedPolicy, { readFile }: AccountOptions): Accounts {
  if (usersFile === undefined) return NONE;
  const text = readTextFile(usersFile, readFile);
  if (!text.ok) throw new ConfigError([text.problem]);
  const { users, problems } = parseUsers(usersFile, text.text, usersSearch);
  if (problems.length > 0) throw new ConfigError(problems);
  const index = new UserIndex(users, usersSearch);
  return {
    find: name => {
      const user = index.find(name);
      if (user === undefined) return undefined;
      const refusal = () => (user.disabled ? 'the user is disabled' : undefined);
      return { principal: user.principal, isService: false, refusal };
    },
    names: [...users.keys()],
  };
}

function readServices({ tokensFile }: LoadedPolicy, { engine, readFile }: AccountOptions): Accounts {
  if (tokensFile === undefined) return NONE;
  const { accounts, problems } = readTokens(tokensFile, contentOf(tokensFile, readFile), engine);
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    find: name => {
      const account = accounts.get(name);
      if (account === undefined) return undefined;
      const refusal = (client: string) => tokenRefusal(account, client, engine);
      return { principal: account.principal, isService: true, refusal };
    },
    names: [...accounts.keys()],
  };
}

function tokenRefusal(
  account: ServiceAccount,
  client: string,
  engine: AccountOptions['engine'],
): string | undefined {
  const state = stateOf(account, Date.now());
  if (state !== 'active') return `the token is ${state}`;
  const { networks, networkNames } = account;
  if (networks === undefined || engine.inNetworks(networks, client)) return undefined;
  return `the token is good from ${networkNames.join(', ')} only`;
}

function contentOf(file: string, readFile: (file: string) => Uint8Array): Content {
  try {
    return { ok: true, bytes: readFile(file) };
  } catch (error) {
    return { ok: false, problem: fileProblem(file, error) };
  }
}
