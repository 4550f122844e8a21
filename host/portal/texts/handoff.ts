import type { Language, Message } from './texts.ts';

interface HandoffTexts {
  /** The portal: the application does not lead people to us. */
  readonly unconnected: (host: string) => Message;
  /** The application's own address: a code was not taken. */
  readonly refused: (host: string) => Message;
}

/** Text, not markup: the page escapes it. */
export const HANDOFF_TEXTS: Readonly<Record<Language, HandoffTexts>> = {
  en: {
    unconnected: host => ({
      title: 'You cannot be signed in there',
      text: `You are signed in here, but ${host} is not connected to this page. Tell whoever runs it; the log says what is missing.`,
    }),
    refused: host => ({
      title: 'This sign-in could not be finished',
      text: `Its link is too old or was used before, or your browser does not keep cookies here. Open ${host} again.`,
    }),
  },
  de: {
    unconnected: host => ({
      title: 'Die Anmeldung dort ist nicht möglich',
      text: `Sie sind hier angemeldet, aber ${host} ist mit dieser Seite nicht verbunden. Sagen Sie es der Verwaltung; im Protokoll steht, was fehlt.`,
    }),
    refused: host => ({
      title: 'Diese Anmeldung kam nicht zu Ende',
      text: `Der Link ist zu alt oder wurde schon benutzt, oder Ihr Browser behält hier keine Cookies. Öffnen Sie ${host} noch einmal.`,
    }),
  },
  ar: {
    unconnected: host => ({
      title: 'تعذّر تسجيل الدخول هناك',
      text: `لقد سجّلت الدخول هنا، لكن ${host} غير متصل بهذه الصفحة. أخبر المسؤول عنه؛ السجل يبيّن ما ينقص.`,
    }),
    refused: host => ({
      title: 'تعذّر إكمال تسجيل الدخول',
      text: `الرابط قديم جدًا أو سبق استخدامه، أو أن متصفحك لا يحتفظ بملفات تعريف الارتباط هنا. افتح ${host} مرة أخرى.`,
    }),
  },
};
