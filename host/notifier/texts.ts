/** What messages say, by language. */
export interface MessageTexts {
  readonly code: (about: CodeMessage) => { readonly subject: string; readonly text: string };
}

export interface CodeMessage {
  /** How the account calls itself. */
  readonly name: string;
  readonly code: string;
  readonly minutes: number;
  /** Host of the portal. */
  readonly site: string;
  /** Client address of who asked; empty when it is not known. */
  readonly address: string;
}

const from = (address: string, words: string) => (address === '' ? '' : ` ${words} ${address}`);

const en: MessageTexts = {
  code: ({ name, code, minutes, site, address }) => ({
    subject: 'Your one-time code',
    text: `Hello ${name},

somebody who is signed in as you at ${site}${from(address, 'from')} wants to change the second factors of your account. If that is you, enter this code there within ${minutes === 1 ? 'one minute' : `${minutes} minutes`}:

    ${code}

Nobody will ever ask you for it. If it was not you, somebody knows your password: change it, and tell whoever looks after ${site}.`,
  }),
};

const de: MessageTexts = {
  code: ({ name, code, minutes, site, address }) => ({
    subject: 'Ihr Einmalcode',
    text: `Hallo ${name},

jemand, der bei ${site}${from(address, 'von der Adresse')} mit Ihrem Konto angemeldet ist, möchte dessen zweite Faktoren ändern. Wenn Sie das sind, geben Sie dort innerhalb von ${minutes === 1 ? 'einer Minute' : `${minutes} Minuten`} diesen Code ein:

    ${code}

Niemand wird Sie je danach fragen. Wenn Sie es nicht waren, kennt jemand Ihr Passwort: Ändern Sie es und sagen Sie denen Bescheid, die sich um ${site} kümmern.`,
  }),
};

const ar: MessageTexts = {
  code: ({ name, code, minutes, site, address }) => ({
    subject: 'رمزك لمرة واحدة',
    text: `مرحبًا ${name}،

شخص سجّل الدخول بحسابك في ${site}${from(address, 'من العنوان')} يريد تغيير وسائل التحقق الثانية لحسابك. إن كنت أنت، فأدخل هذا الرمز هناك خلال ${minutes === 1 ? 'دقيقة واحدة' : `${new Intl.NumberFormat('ar-u-nu-latn').format(minutes)} دقيقة`}:

    ${code}

لن يطلب منك أحد هذا الرمز أبدًا. إن لم تكن أنت، فهناك من يعرف كلمة مرورك: غيّرها وأخبر المسؤول عن ${site}.`,
  }),
};

const TEXTS: Readonly<Record<string, MessageTexts>> = { en, de, ar };

/** English for a language that is not there. */
export function messageTexts(language: string): MessageTexts {
  return (Object.hasOwn(TEXTS, language) ? TEXTS[language] : undefined) ?? en;
}
