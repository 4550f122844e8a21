import type { Problem } from '../config/problem.ts';
import { readTextFile } from '../config/read-file.ts';
import type { UserSearch } from '../config/schema.ts';
import { parseUsers } from './parse-users.ts';

/** Everything that is wrong with a users file, also that it is not there. */
export function checkUsersFile(file: string, search: UserSearch): readonly Problem[] {
  const text = readTextFile(file);
  return text.ok ? parseUsers(file, text.text, search).problems : [text.problem];
}
