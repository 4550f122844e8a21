import { html } from '../html.ts';
import { durationIn, momentIn, type Texts } from './texts.ts';

export const DE: Texts = {
  lang: 'de',
  dir: 'ltr',
  signIn: {
    title: 'Anmelden',
    lead: 'Mit dem Konto, das Sie für diese Seite bekommen haben.',
    goingTo: host => html`Danach geht es weiter zu <strong>${host}</strong>.`,
    username: 'Benutzername',
    password: 'Passwort',
    remember: duration => `Auf diesem Gerät angemeldet bleiben (${duration})`,
    submit: 'Anmelden',
    failed: 'Das hat nicht geklappt. Prüfen Sie Benutzername und Passwort und versuchen Sie es noch einmal.',
    stale: 'Diese Seite war zu lange offen. Bitte melden Sie sich noch einmal an.',
    noCookie:
      'Ihr Browser hat das Cookie dieser Seite nicht behalten. Erlauben Sie hier Cookies und versuchen Sie es noch einmal.',
    ended: 'Ihre Sitzung ist zu Ende. Bitte melden Sie sich noch einmal an.',
  },
  signedIn: {
    title: 'Sie sind angemeldet',
    as: user => html`Sie sind angemeldet als <strong>${user}</strong>.`,
    groups: 'Gruppen',
    factors: 'Nachgewiesen mit',
    one: 'Passwort',
    two: 'Passwort und zweitem Faktor',
    until: 'Angemeldet bis',
    secondFactors: 'Zweiter Faktor',
    signOut: 'Abmelden',
    noReturn: 'Öffnen Sie die Seite, die Sie besuchen wollen; Sie werden nicht noch einmal gefragt.',
  },
  leave: {
    title: 'Sie sind angemeldet',
    to: host => html`Es geht weiter zu <strong>${host}</strong>.`,
    go: 'Weiter',
    loopTitle: 'Die Seite hat Sie zurückgeschickt',
    loop: host =>
      html`Sie sind angemeldet, aber <strong>${host}</strong> schickt Sie immer wieder hierher. Wenn ein neuer Versuch nicht hilft, sagen Sie es denen, die die Seite betreiben.`,
    again: 'Noch einmal versuchen',
  },
  signOut: {
    title: 'Abmelden',
    ask: user => html`Sie sind angemeldet als <strong>${user}</strong>.`,
    here: 'Auf diesem Gerät abmelden',
    everywhere: 'Auf allen Geräten abmelden',
    everywhereHint: 'Auf allen Geräten: Wo immer Sie angemeldet sind, müssen Sie sich neu anmelden.',
    stay: 'Angemeldet bleiben',
    doneTitle: 'Sie sind abgemeldet',
    done: 'Sie sind auf diesem Gerät abgemeldet.',
    doneEverywhere: 'Sie sind auf allen Geräten abgemeldet.',
    back: 'Wieder anmelden',
    nobody: 'Hier ist niemand angemeldet.',
  },
  denied: {
    title: 'Kein Zugang',
    lead: (user, host) =>
      html`Sie sind angemeldet als <strong>${user}</strong>, und dieses Konto darf <strong>${host}</strong> nicht öffnen.`,
    account: 'Konto',
    site: 'Seite',
    groups: 'Gruppen',
    noGroups: 'keine',
    id: 'Kennzeichen',
    why: {
      rule: 'Eine Regel dieser Seite sperrt diesen Teil von ihr für Ihr Konto.',
      default: 'Keine Regel dieser Seite lässt Sie ein.',
    },
    ask: 'Wenn Sie Zugang brauchen, fragen Sie die Betreiber dieser Seite und nennen Sie das Kennzeichen.',
    other: 'Ein anderes Konto benutzen',
  },
  error: {
    badForm: {
      title: 'Das Formular war nicht lesbar',
      text: 'Gehen Sie zurück, laden Sie die Seite neu und versuchen Sie es noch einmal.',
    },
    outdated: {
      title: 'Diese Seite ist veraltet',
      text: 'Sie haben sich seitdem an- oder abgemeldet, oder sie war zu lange offen. Öffnen Sie sie noch einmal.',
    },
    foreign: {
      title: 'Das Formular kam von anderswo',
      text: 'Formulare werden nur von Seiten dieser Adresse angenommen. Öffnen Sie die Seite hier und versuchen Sie es noch einmal.',
    },
    insecure: {
      title: 'Diese Seite braucht eine sichere Verbindung',
      text: 'Öffnen Sie sie unter einer Adresse, die mit https:// beginnt.',
    },
    notFound: {
      title: 'Diese Seite gibt es nicht',
      text: 'Vielleicht ist die Adresse vertippt oder veraltet.',
    },
    method: {
      title: 'So lässt sich diese Seite nicht aufrufen',
      text: 'Öffnen Sie sie über ihre Adresse oder ihre Formulare.',
    },
    tooMany: {
      title: 'Zu viele Versuche',
      text: 'Warten Sie einen Augenblick und versuchen Sie es dann noch einmal.',
    },
    unavailable: {
      title: 'Die Anmeldung geht gerade nicht',
      text: 'Warten Sie einen Augenblick und versuchen Sie es dann noch einmal.',
    },
    failed: {
      title: 'Da ist etwas schiefgegangen',
      text: 'Es liegt nicht an Ihnen. Versuchen Sie es noch einmal; wenn das nicht hilft, sagen Sie es den Betreibern.',
    },
    home: 'Zur Startseite',
    mistake: title => `Fehler: ${title}`,
  },
  duration: durationIn('de'),
  moment: momentIn('de'),
};
