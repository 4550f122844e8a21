import { because, type Finding } from '../finding.ts';
import type { Check, Observation, PeopleView } from '../observation.ts';

const sessions = because(
  'sessions, second factors and bans are in the database: without it nobody signs in.',
);
const messages = because('who registers a second factor is sent a code first.');
const guesses = because('without bans a password is guessed at for as long as somebody likes.');

/** What people need to sign in, beside the way there. */
export const checkPeople: Check = seen => {
  const { people } = seen;
  if (people === undefined) return [];
  return [...checkDatabase(people, seen), ...checkNotifier(people), ...checkRegulation(people)];
};

function checkDatabase({ withoutStorage, database }: PeopleView, { mend }: Observation): Finding[] {
  const findings: Finding[] = [];
  if (withoutStorage.length > 0) {
    findings.push(
      sessions.warning(
        'sessions.no-database',
        `session.cookies names a sign-in address for ${withoutStorage.join(', ')}, and there is no database: this host signs nobody in`,
        "# unless the address is another program's portal\nstorage:\n  local:\n    path: '/var/lib/postern/postern.sqlite3'",
      ),
    );
  }
  if (database?.problem !== undefined) {
    findings.push(
      sessions.error('sessions.database', database.problem, `# then\n${mend.postern('storage migrate')}`),
    );
  } else if (database !== undefined) {
    findings.push(sessions.ok('sessions.database', `the database answers (${database.kind})`));
  }
  return findings;
}

function checkNotifier({ portals, hasSecondFactor, notifier }: PeopleView): Finding[] {
  if (notifier === undefined) {
    if (portals.length === 0 || !hasSecondFactor) return [];
    return [
      messages.warning(
        'messages.none',
        'there is a portal and no notifier: nobody can register a second factor',
        "notifier:\n  smtp:\n    address: 'submission://mail.example.com:587'\n    sender: 'auth@example.com'",
      ),
    ];
  }
  const { kind, problem } = notifier;
  if (problem === undefined) return [messages.ok('messages.notifier', `messages can be sent (${kind})`)];
  const hint = problem.hint ?? 'look at the keys below `notifier`';
  return [messages.error('messages.notifier', problem.message, `# ${hint}`)];
}

function checkRegulation({ portals, regulation }: PeopleView): Finding[] {
  if (regulation !== undefined) return [guesses.ok('regulation.on', regulation)];
  if (portals.length === 0) return [];
  return [
    guesses.warning(
      'regulation.off',
      'regulation.max_retries is 0: nobody is held up who guesses passwords at the portal',
      'regulation:\n  max_retries: 3',
    ),
  ];
}
