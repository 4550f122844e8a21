/** What messages say, by language. */
export interface MessageTexts {
  readonly code: (about: CodeMessage) => Text;
  readonly changed: (about: ChangeMessage) => Text;
}

interface Text {
  readonly subject: string;
  readonly text: string;
}

export interface ChangeMessage {
  readonly name: string;
  readonly what: 'registered' | 'removed' | 'recovery-codes';
  readonly site: string;
  readonly address: string;
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
  changed: ({ name, what, site, address }) => ({
    subject: 'Your second factors were changed',
    text: `Hello ${name},

${
  {
    registered: 'a device was registered as a second factor of your account',
    removed: 'a device was removed from the second factors of your account',
    'recovery-codes': 'new recovery codes were made for your account; those of before work no more',
  }[what]
}, at ${site}${from(address, 'from')}.

If it was not you, somebody knows your password and reads your mail: change both passwords, and tell whoever looks after ${site}.`,
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
  changed: ({ name, what, site, address }) => ({
    subject: 'Ihre zweiten Faktoren wurden geändert',
    text: `Hallo ${name},

${
  {
    registered: 'für Ihr Konto wurde ein Gerät als zweiter Faktor eingerichtet',
    removed: 'ein Gerät wurde aus den zweiten Faktoren Ihres Kontos entfernt',
    'recovery-codes':
      'für Ihr Konto wurden neue Wiederherstellungscodes erzeugt; die bisherigen gelten nicht mehr',
  }[what]
}, bei ${site}${from(address, 'von der Adresse')}.

Wenn Sie es nicht waren, kennt jemand Ihr Passwort und liest Ihre E-Mails: Ändern Sie beide Passwörter und sagen Sie denen Bescheid, die sich um ${site} kümmern.`,
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
  changed: ({ name, what, site, address }) => ({
    subject: 'تغيّرت وسائل التحقق الثانية لحسابك',
    text: `مرحبًا ${name}،

${
  {
    registered: 'سُجّل جهاز كوسيلة تحقق ثانية لحسابك',
    removed: 'أُزيل جهاز من وسائل التحقق الثانية لحسابك',
    'recovery-codes': 'أُنشئت رموز استرداد جديدة لحسابك ولم تعد السابقة صالحة',
  }[what]
}، في ${site}${from(address, 'من العنوان')}.

إن لم تكن أنت، فهناك من يعرف كلمة مرورك ويقرأ بريدك: غيّر كلمتي المرور وأخبر المسؤول عن ${site}.`,
  }),
};

const TEXTS: Readonly<Record<string, MessageTexts>> = { en, de, ar };

/** English for a language that is not there. */
export function messageTexts(language: string): MessageTexts {
  return (Object.hasOwn(TEXTS, language) ? TEXTS[language] : undefined) ?? en;
}
