import type { Html } from '../html.ts';

export const LANGUAGES = ['en', 'de', 'ar'] as const;
export type Language = (typeof LANGUAGES)[number];

/** Everything the portal says, in one language. Names in it are markup already (`name` in `html.ts`). */
export interface Texts {
  readonly lang: Language;
  readonly dir: 'ltr' | 'rtl';

  readonly signIn: {
    readonly title: string;
    readonly lead: string;
    readonly goingTo: (host: Html) => Html;
    readonly username: string;
    readonly password: string;
    /** @param duration from `duration` */
    readonly remember: (duration: string) => string;
    readonly submit: string;
    readonly failed: string;
    readonly stale: string;
    readonly noCookie: string;
    readonly ended: string;
  };
  readonly signedIn: {
    readonly title: string;
    readonly as: (user: Html) => Html;
    readonly groups: string;
    readonly factors: string;
    readonly one: string;
    readonly two: string;
    readonly until: string;
    readonly secondFactors: string;
    readonly signOut: string;
    readonly noReturn: string;
  };
  readonly leave: {
    readonly title: string;
    readonly to: (host: Html) => Html;
    readonly go: string;
    readonly loopTitle: string;
    readonly loop: (host: Html) => Html;
    readonly again: string;
  };
  readonly signOut: {
    readonly title: string;
    readonly ask: (user: Html) => Html;
    readonly here: string;
    readonly everywhere: string;
    readonly everywhereHint: string;
    readonly stay: string;
    readonly doneTitle: string;
    readonly done: string;
    readonly doneEverywhere: string;
    readonly back: string;
    readonly nobody: string;
  };
  readonly denied: {
    readonly title: string;
    readonly lead: (user: Html, host: Html) => Html;
    readonly account: string;
    readonly site: string;
    readonly groups: string;
    readonly noGroups: string;
    readonly id: string;
    readonly why: Readonly<Record<'rule' | 'default', string>>;
    readonly ask: string;
    readonly other: string;
  };
  readonly error: {
    readonly badForm: Message;
    readonly outdated: Message;
    readonly foreign: Message;
    readonly insecure: Message;
    readonly notFound: Message;
    readonly method: Message;
    readonly tooMany: Message;
    readonly unavailable: Message;
    readonly failed: Message;
    readonly home: string;
    /** Title of a page that has to be filled in once more. */
    readonly mistake: (title: string) => string;
  };
  /** Whole seconds as people say them: `1 month`, `30 days`. */
  readonly duration: (seconds: number) => string;
  /** Milliseconds since 1970, in the reader's words and in UTC, which the host alone cannot better. */
  readonly moment: (time: number) => string;
}

export interface Message {
  readonly title: string;
  readonly text: string;
}

const UNITS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

/** The largest unit that fits wholly, or nearly so: Authelia's month has 30.4 days. */
export function durationIn(language: string): (seconds: number) => string {
  return seconds => {
    const fitting = UNITS.find(([, unit]) => seconds >= unit && (seconds % unit) / seconds < 0.05);
    const [unit, length] = fitting ?? ['second', 1];
    const format = new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' });
    return format.format(Math.floor(seconds / length));
  };
}

/** Date and time in UTC. The function takes milliseconds since 1970. */
export function momentIn(language: string): (time: number) => string {
  const format = new Intl.DateTimeFormat(language, {
    dateStyle: 'long',
    timeStyle: 'short',
    timeZone: 'UTC',
  });
  return time => `${format.format(time)} UTC`;
}
