import { html } from '../html.ts';
import { durationIn, momentIn, type Texts } from './texts.ts';

export const EN: Texts = {
  lang: 'en',
  dir: 'ltr',
  signIn: {
    title: 'Sign in',
    lead: 'Use the account you were given for this site.',
    goingTo: host => html`To continue to <strong>${host}</strong>.`,
    username: 'User name',
    password: 'Password',
    remember: duration => `Stay signed in on this device for ${duration}`,
    submit: 'Sign in',
    failed: 'That did not work. Check your user name and password, and try again.',
    stale: 'This page had been open for too long. Please sign in again.',
    noCookie: 'Your browser did not keep the cookie of this page. Allow cookies here, then try again.',
    ended: 'Your session has ended. Please sign in again.',
  },
  signedIn: {
    title: 'You are signed in',
    as: user => html`You are signed in as <strong>${user}</strong>.`,
    groups: 'Groups',
    factors: 'Proven with',
    one: 'password',
    two: 'password and second factor',
    until: 'Signed in until',
    secondFactors: 'Second factor',
    signOut: 'Sign out',
    noReturn: 'Open the site you want to visit; you will not be asked again.',
  },
  leave: {
    title: 'You are signed in',
    to: host => html`Taking you to <strong>${host}</strong>.`,
    go: 'Continue',
    loopTitle: 'The site sent you back',
    loop: host =>
      html`You are signed in, but <strong>${host}</strong> keeps sending you back here. If trying again does not help, tell whoever runs it.`,
    again: 'Try again',
  },
  signOut: {
    title: 'Sign out',
    ask: user => html`You are signed in as <strong>${user}</strong>.`,
    here: 'Sign out on this device',
    everywhere: 'Sign out on all devices',
    everywhereHint: 'On all devices: wherever you are signed in, you have to sign in again.',
    stay: 'Stay signed in',
    doneTitle: 'You are signed out',
    done: 'You are signed out on this device.',
    doneEverywhere: 'You are signed out on all devices.',
    back: 'Sign in again',
    nobody: 'Nobody is signed in here.',
  },
  denied: {
    title: 'No access',
    lead: (user, host) =>
      html`You are signed in as <strong>${user}</strong>, and this account may not open <strong>${host}</strong>.`,
    account: 'Account',
    site: 'Site',
    groups: 'Groups',
    noGroups: 'none',
    id: 'Reference',
    why: {
      rule: 'A rule of this site closes this page to your account.',
      default: 'No rule of this site lets you in.',
    },
    ask: 'If you need access, ask whoever runs this site and name the reference.',
    other: 'Use another account',
  },
  error: {
    badForm: {
      title: 'That form could not be read',
      text: 'Go back, reload the page and try again.',
    },
    outdated: {
      title: 'This page is out of date',
      text: 'You have signed in or out since it was opened, or it had been open for too long. Open it again.',
    },
    foreign: {
      title: 'That form came from elsewhere',
      text: 'Forms are taken only from pages of this address. Open the page here and try again.',
    },
    insecure: {
      title: 'This page needs a secure connection',
      text: 'Open it by an address that begins with https://.',
    },
    notFound: { title: 'There is no such page', text: 'The address may be mistyped or out of date.' },
    method: {
      title: 'This page cannot be asked like that',
      text: 'Open it by its address or by the forms on it.',
    },
    tooMany: { title: 'Too many attempts', text: 'Wait a moment, then try again.' },
    unavailable: {
      title: 'Sign-in is not available right now',
      text: 'Wait a moment, then try again.',
    },
    failed: {
      title: 'Something went wrong',
      text: 'It is not your fault. Try again; if that does not help, tell whoever runs this site.',
    },
    home: 'To the start page',
    mistake: title => `Error: ${title}`,
  },
  duration: durationIn('en'),
  moment: momentIn('en-GB'),
};
