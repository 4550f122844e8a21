import type { Language, Message } from './texts.ts';

/** Text, not markup: the page escapes it. */
const TEXTS: Readonly<Record<Language, { readonly title: string; readonly text: (host: string) => string }>> =
  {
    en: {
      title: 'You cannot be signed in there',
      text: host =>
        `You are signed in here, but ${host} is not connected to this page. Tell whoever runs it; the log says what is missing.`,
    },
    de: {
      title: 'Die Anmeldung dort ist nicht möglich',
      text: host =>
        `Sie sind hier angemeldet, aber ${host} ist mit dieser Seite nicht verbunden. Sagen Sie es der Verwaltung; im Protokoll steht, was fehlt.`,
    },
    ar: {
      title: 'تعذّر تسجيل الدخول هناك',
      text: host =>
        `لقد سجّلت الدخول هنا، لكن ${host} غير متصل بهذه الصفحة. أخبر المسؤول عنه؛ السجل يبيّن ما ينقص.`,
    },
  };

export function handoffTexts(language: Language, host: string): Message {
  const { title, text } = TEXTS[language];
  return { title, text: text(host) };
}
