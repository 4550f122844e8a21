import type { UserSearch } from '../config/schema.ts';
import type { User } from './directory.ts';
import { foldAscii, foldName } from './names.ts';

/** Authelia's default: by the user name as it stands in the file. */
export const EXACT_SEARCH: UserSearch = { caseInsensitive: false, email: false };

/** Finds users by what they type. The file has no `searchProblems`. */
export class UserIndex {
  readonly #users: ReadonlyMap<string, User>;
  readonly #search: UserSearch;
  /** By folded mail address. */
  readonly #byMail = new Map<string, User>();

  constructor(users: ReadonlyMap<string, User>, search: UserSearch) {
    this.#users = users;
    this.#search = search;
    if (!search.email) return;
    for (const user of users.values()) {
      const { email } = user.principal;
      if (email !== '') this.#byMail.set(foldAscii(email), user);
    }
  }

  find(typed: string): User | undefined {
    const name = this.#search.caseInsensitive ? foldAscii(typed) : typed;
    return this.#users.get(name) ?? this.#byMail.get(foldAscii(typed));
  }
}

export interface SearchProblem {
  readonly username: string;
  /** The attribute it is about; the user as a whole without. */
  readonly key?: 'email';
  readonly message: string;
}

/** Users that could be taken for each other, or not be found, with this search; Authelia refuses these, too. */
export function* searchProblems(users: Iterable<User>, search: UserSearch): Iterable<SearchProblem> {
  const all = [...users].map(user => user.principal);
  if (search.caseInsensitive) {
    for (const { username } of all) {
      const problem = foldProblem(username);
      if (problem !== undefined) yield { username, message: problem };
    }
  }
  if (!search.email) return;
  const names = new Map(all.map(({ username }) => [foldName(username), username]));
  const mails = new Map<string, string>();
  for (const { username, email } of all) {
    if (email === '') continue;
    const folded = foldName(email);
    const twin = mails.get(folded);
    if (twin !== undefined) {
      yield {
        username,
        key: 'email',
        message: `is also the address of \`${twin}\`: with \`search.email\` each user needs another, or none`,
      };
    }
    mails.set(folded, username);
    const namesake = names.get(folded);
    if (namesake !== undefined && namesake !== username) {
      yield {
        username,
        key: 'email',
        message: `is also the name of user \`${namesake}\`: with \`search.email\` nobody may have another's name as address`,
      };
    }
  }
}

function foldProblem(username: string): string | undefined {
  for (const character of username) {
    if (character > '\x7f') {
      return 'must be ASCII: `search.case_insensitive` knows the case of A to Z only; rename the user or turn it off';
    }
  }
  const lower = foldAscii(username);
  return lower === username
    ? undefined
    : `must be in lower case with \`search.case_insensitive\`: write \`${lower}\``;
}
