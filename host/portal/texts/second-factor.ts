import type { Html } from '../html.ts';
import { SECOND_FACTOR_AR } from './second-factor-ar.ts';
import { SECOND_FACTOR_DE } from './second-factor-de.ts';
import { SECOND_FACTOR_EN } from './second-factor-en.ts';
import type { Language, Message } from './texts.ts';

/** What the pages about second factors say, in one language. */
export interface SecondFactorTexts {
  readonly code: {
    readonly title: string;
    readonly lead: string;
    readonly label: string;
    readonly hint: string;
    readonly submit: string;
    readonly bad: string;
    readonly tooMany: string;
    readonly useRecovery: string;
    readonly lost: string;
    readonly otherAccount: string;
  };
  readonly recovery: {
    readonly title: string;
    readonly lead: string;
    readonly label: string;
    readonly submit: string;
    readonly bad: string;
    readonly useCode: string;
  };
  readonly prove: {
    readonly title: string;
    readonly lead: string;
    /** @param address with its middle left out */
    readonly willSend: (address: Html) => Html;
    readonly send: string;
    readonly sent: (address: Html) => Html;
    readonly label: string;
    readonly hint: (duration: string) => string;
    readonly submit: string;
    readonly again: string;
    readonly bad: string;
    readonly gone: string;
    readonly tooMany: string;
    readonly notSent: string;
  };
  readonly register: {
    readonly title: string;
    readonly lead: string;
    readonly picture: string;
    readonly open: string;
    readonly secret: string;
    readonly secretHint: string;
    readonly name: string;
    readonly nameValue: string;
    readonly label: string;
    readonly submit: string;
    readonly bad: string;
    readonly gone: string;
    readonly full: string;
  };
  readonly codes: {
    readonly title: string;
    readonly lead: string;
    readonly once: string;
    readonly done: string;
  };
  readonly devices: {
    readonly title: string;
    readonly none: string;
    readonly since: (moment: string) => string;
    readonly remove: string;
    readonly add: string;
    readonly removeTitle: string;
    readonly removeLead: (device: Html) => Html;
    readonly removeLast: string;
    readonly keep: string;
    readonly recoveryTitle: string;
    readonly left: (count: number) => string;
    readonly newCodes: string;
    readonly newCodesHint: string;
    readonly back: string;
    readonly proofLead: string;
    readonly proofCode: string;
    readonly proofMail: string;
  };
  readonly error: {
    readonly disabled: Message;
    readonly noNotifier: Message;
    readonly noMail: Message;
    readonly needSecond: Message;
  };
}

const TEXTS: Readonly<Record<Language, SecondFactorTexts>> = {
  en: SECOND_FACTOR_EN,
  de: SECOND_FACTOR_DE,
  ar: SECOND_FACTOR_AR,
};

export function secondFactorTexts(language: Language): SecondFactorTexts {
  return TEXTS[language];
}
