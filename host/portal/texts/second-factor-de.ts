import { html } from '../html.ts';
import type { SecondFactorTexts } from './second-factor.ts';

/** Soft hyphens where large letters would not fit the narrowest screen. */
export const SECOND_FACTOR_DE: SecondFactorTexts = {
  code: {
    title: 'Zweiter Schritt',
    lead: 'Öffnen Sie die Authenticator-App auf Ihrem Gerät und geben Sie den Code ein, den sie für diese Seite zeigt.',
    label: 'Code',
    hint: 'Sechs oder acht Ziffern. Jeder Code gilt einmal.',
    submit: 'Weiter',
    bad: 'Dieser Code hat nicht gepasst. Warten Sie auf den nächsten und geben Sie ihn ein.',
    tooMany: 'Es gab zu viele falsche Codes. Warten Sie zehn Minuten und versuchen Sie es dann noch einmal.',
    useRecovery: 'Einen Wiederherstellungscode verwenden',
    lost: 'Ein anderes Gerät einrichten',
    otherAccount: 'Ein anderes Konto verwenden',
  },
  recovery: {
    title: 'Wiederherstellungs\u00adcode',
    lead: 'Geben Sie einen der Wiederherstellungscodes ein, die Sie beim Einrichten aufbewahrt haben. Jeder gilt einmal.',
    label: 'Wiederherstellungscode',
    submit: 'Weiter',
    bad: 'Dieser Wiederherstellungscode hat nicht gepasst. Vielleicht wurde er schon verwendet.',
    useCode: 'Den Code eines Geräts verwenden',
  },
  prove: {
    title: 'Sind Sie es?',
    lead: 'Bevor Sie einen zweiten Faktor einrichten oder ändern, zeigen Sie, dass Sie es sind.',
    willSend: address => html`Wir schicken einen Code an <strong>${address}</strong>.`,
    send: 'Code schicken',
    sent: address => html`Ein Code ist unterwegs an <strong>${address}</strong>.`,
    label: 'Code aus der Nachricht',
    hint: duration => `Er gilt einmal und ${duration} lang.`,
    submit: 'Weiter',
    again: 'Einen neuen Code schicken',
    bad: 'Das ist nicht der Code. Sehen Sie in der neuesten Nachricht nach.',
    gone: 'Dieser Code gilt nicht mehr. Lassen Sie sich einen neuen schicken.',
    tooMany:
      'Es wurden zu viele Codes verschickt. Warten Sie eine Viertelstunde und versuchen Sie es dann noch einmal.',
    notSent:
      'Der Code konnte nicht verschickt werden. Versuchen Sie es noch einmal; wenn das nicht hilft, sagen Sie es denen, die diese Seite betreiben.',
  },
  register: {
    title: 'Ein Gerät einrichten',
    lead: 'Scannen Sie das Bild mit einer Authenticator-App und geben Sie den Code ein, den sie dann zeigt.',
    picture: 'QR-Code mit dem Schlüssel Ihres Geräts',
    open: 'In einer App auf diesem Gerät öffnen',
    secret: 'Schlüssel zum Abtippen',
    secretHint: 'Behalten Sie ihn für sich: Wer ihn hat, hat Ihren zweiten Faktor.',
    name: 'Name des Geräts',
    nameValue: 'Mein Telefon',
    label: 'Code',
    submit: 'Einrichten',
    bad: 'Dieser Code passt nicht. Prüfen Sie, ob die Uhr des Geräts stimmt, und geben Sie den nächsten ein.',
    gone: 'Dieser Schlüssel wurde vor zu langer Zeit gezeigt. Hier ist ein neuer: Entfernen Sie den alten aus der App.',
    full: 'Sie haben so viele Geräte, wie man haben kann. Entfernen Sie erst eines.',
  },
  codes: {
    title: 'Ihre Wiederherstellungs\u00adcodes',
    lead: 'Mit einem davon kommen Sie hinein, wenn Ihr Gerät nicht zur Hand ist. Drucken Sie sie aus oder bewahren Sie sie sicher auf.',
    once: 'Sie werden nur dieses eine Mal gezeigt. Jeder gilt einmal.',
    done: 'Ich habe sie aufbewahrt',
  },
  devices: {
    title: 'Zweiter Faktor',
    none: 'Noch ist kein Gerät eingerichtet.',
    since: moment => `eingerichtet am ${moment}`,
    remove: 'Entfernen',
    add: 'Ein Gerät einrichten',
    removeTitle: 'Ein Gerät entfernen',
    removeLead: device => html`Codes von <strong>${device}</strong> gelten dann nicht mehr.`,
    removeLast:
      'Es ist das letzte: Ihre Wiederherstellungscodes gehen mit ihm, und Seiten, die einen zweiten Faktor verlangen, lassen Sie nicht mehr hinein.',
    keep: 'Behalten',
    recoveryTitle: 'Wiederherstellungs\u00adcodes',
    left: count =>
      count === 0 ? 'Es ist keiner übrig.' : count === 1 ? 'Einer ist übrig.' : `${count} sind übrig.`,
    newCodes: 'Neue Wiederherstellungs\u00adcodes erzeugen',
    newCodesHint: 'Die bisherigen gelten dann nicht mehr.',
    back: 'Zurück',
    proofLead: 'Um Ihre zweiten Faktoren zu sehen und zu ändern, zeigen Sie, dass Sie es sind.',
    proofCode: 'Den Code eines Geräts eingeben',
    proofMail: 'Einen Code per E-Mail schicken lassen',
  },
  error: {
    disabled: {
      title: 'Hier gibt es keinen zweiten Faktor',
      text: 'Wer diese Seite betreibt, hat zweite Faktoren abgeschaltet.',
    },
    noNotifier: {
      title: 'Hier können keine Geräte eingerichtet werden',
      text: 'Diese Seite kann keine Codes verschicken. Sagen Sie es denen, die sie betreiben: In der Konfiguration fehlt `notifier`.',
    },
    noMail: {
      title: 'Ihr Konto hat keine E-Mail-Adresse',
      text: 'Zum Einrichten eines Geräts wird Ihnen ein Code geschickt. Bitten Sie die, die diese Seite betreiben, Ihre E-Mail-Adresse einzutragen.',
    },
    needSecond: {
      title: 'Ein zweiter Faktor ist nötig',
      text: 'Wer ein Gerät hat, braucht dessen Code oder einen Wiederherstellungscode, um hier etwas zu ändern. Melden Sie sich erst damit an.',
    },
  },
};
