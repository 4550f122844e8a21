import { didYouMean } from '../config/suggest.ts';
import { shown } from '../config/values.ts';
import { groupNameProblem, userNameProblem } from '../users/names.ts';
import type { Reader } from './reader.ts';
import type { AskerSpec } from './test-file.ts';

/** The word for whoever has not signed in. */
export const ANONYMOUS = 'anonymous';

const SUBJECT_KEYS = ['user', 'groups', 'level'] as const;
const ASKER_KEYS = ['subject', ...SUBJECT_KEYS] as const;

/** `subjects` by name. */
export type Subjects = ReadonlyMap<string, AskerSpec>;

export function readSubjects(value: unknown, reader: Reader): Subjects {
  const subjects = new Map<string, AskerSpec>();
  if (value === undefined || value === null) return subjects;
  if (typeof value !== 'object' || Array.isArray(value)) {
    reader.report('shape', 'subjects', `must be a mapping of names, got ${shown(value)}`);
    return subjects;
  }
  for (const [name, entry] of Object.entries(value)) {
    const path = `subjects.${name}`;
    if (name === ANONYMOUS) {
      reader.report('value', path, '`anonymous` is whoever has not signed in: choose another name');
    }
    const subject = readSubject(entry, path, SUBJECT_KEYS, name, reader);
    if (subject !== undefined) subjects.set(name, subject);
  }
  return subjects;
}

/**
 * `as`: `anonymous`, the name of a subject or of a user in the users file, a
 * mapping, or a list of them. A mapping may change a subject's level.
 */
export function readAskers(value: unknown, path: string, subjects: Subjects, reader: Reader): AskerSpec[] {
  return reader.list(value, path).flatMap(item => {
    if (typeof item.value !== 'string') return readMapping(item.value, item.path, subjects, reader) ?? [];
    if (item.value === ANONYMOUS) return [{ user: '', groups: [], level: 1, path: item.path }];
    const subject = subjects.get(item.value);
    if (subject !== undefined) return [{ ...subject, path: item.path }];
    // Perhaps a user of the users file, which is read with the policy.
    return readSubject({ user: item.value }, item.path, SUBJECT_KEYS, '', reader) ?? [];
  });
}

function readMapping(
  value: unknown,
  path: string,
  subjects: Subjects,
  reader: Reader,
): AskerSpec | undefined {
  const { subject: name, ...own } = reader.mapping(value, path, ASKER_KEYS);
  if (name === undefined) return readSubject(own, path, ASKER_KEYS, '', reader);
  const subject = subjects.get(String(name));
  if (subject === undefined) {
    const guess = didYouMean(String(name), subjects.keys());
    reader.report('value', `${path}.subject`, `no such subject below \`subjects\`${guess}`);
    return undefined;
  }
  if (own.user !== undefined || own.groups !== undefined) {
    reader.report(
      'value',
      path,
      'only `level` may stand beside `subject`: user and groups are those of the subject',
    );
  }
  return {
    ...subject,
    level: own.level === undefined ? subject.level : readLevel(own.level, path, reader),
    path,
  };
}

/** @param fallback the user's name when none is written */
function readSubject(
  value: unknown,
  path: string,
  keys: readonly string[],
  fallback: string,
  reader: Reader,
): AskerSpec | undefined {
  const { user, groups, level } = reader.mapping(value ?? {}, path, keys);
  const name = user === undefined || user === null ? fallback : reader.text(user, `${path}.user`);
  if (name === undefined) return undefined;
  const problem = name === '' ? 'must have a `user` (or be `anonymous`)' : userNameProblem(name);
  if (problem !== undefined) {
    reader.report('value', user === undefined ? path : `${path}.user`, problem);
    return undefined;
  }
  return {
    user: name,
    groups:
      groups === undefined || groups === null ? undefined : readGroups(groups, `${path}.groups`, reader),
    level: level === undefined || level === null ? 1 : readLevel(level, path, reader),
    path,
  };
}

function readGroups(value: unknown, path: string, reader: Reader): string[] {
  // Somebody may be in no group.
  if (Array.isArray(value) && value.length === 0) return [];
  return reader.texts(value, path).map(item => {
    const problem = groupNameProblem(item.text);
    if (problem !== undefined) reader.report('value', item.path, problem);
    return item.text;
  });
}

function readLevel(value: unknown, path: string, reader: Reader): 1 | 2 {
  if (value === 1 || value === 2) return value;
  reader.report(
    'value',
    `${path}.level`,
    `must be 1 (one factor) or 2 (two factors), got ${shown(value)}; nobody is \`anonymous\``,
  );
  return 1;
}
