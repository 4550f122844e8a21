import type { Problem } from '../config/problem.ts';
import { readTextFile } from '../config/read-file.ts';
import { parseUsers } from './parse-users.ts';

/** Everything that is wrong with a users file, also that it is not there. */
export function checkUsersFile(file: string): readonly Problem[] {
  const text = readTextFile(file);
  return text.ok ? parseUsers(file, text.text).problems : [text.problem];
}
