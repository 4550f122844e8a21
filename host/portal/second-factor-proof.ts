import type { Reply } from '../http/reply.ts';
import { NotifierError } from '../notifier/notifier.ts';
import { html, name } from './html.ts';
import { field, notice, primaryButton } from './parts.ts';
import {
  type FactorVisit,
  mailboxOf,
  maskedAddress,
  type SecondFactorDeps,
  siteOf,
} from './second-factor-access.ts';
import { secondFactorTexts } from './texts/second-factor.ts';

const PURPOSE = 'second-factor';
const MAX_CODE = 40;
const PATH = '/second-factor/register';

type Problem = 'bad' | 'gone' | 'tooMany' | 'notSent';
const STATUS: Readonly<Record<Problem, number>> = { bad: 401, gone: 401, tooMany: 429, notSent: 503 };

/** Where nobody has proved yet who they are: have a code sent, or enter the one that was sent. */
export async function proofPage(at: FactorVisit, deps: SecondFactorDeps, problem?: Problem): Promise<Reply> {
  const { visit, live, who } = at;
  const texts = secondFactorTexts(visit.texts.lang);
  const { prove: words } = texts;
  if (deps.codes === undefined) return visit.message(403, texts.error.noNotifier);
  const mailbox = mailboxOf(live);
  if (mailbox === undefined) return visit.message(403, texts.error.noMail);
  const address = name(maskedAddress(mailbox));
  const isSent = await deps.codes.isSent(who, PURPOSE);
  const told = problem !== undefined && notice('bad', 'problem', words[problem]);
  if (!isSent) {
    return visit.page({
      status: problem === undefined ? 200 : STATUS[problem],
      title: words.title,
      isMistake: problem !== undefined,
      body: html`<p class="lead">${words.lead}</p>
${told}
<p>${words.willSend(address)}</p>
${visit.form('send-code', PATH, primaryButton(words.send))}
<p class="actions"><a href="${visit.url('/second-factor/devices')}">${texts.devices.back}</a></p>`,
    });
  }
  return visit.page({
    status: problem === undefined ? 200 : STATUS[problem],
    title: words.title,
    isMistake: problem !== undefined,
    body: html`<p class="lead">${words.sent(address)}</p>
${told}
${visit.form('prove', PATH, [
  field({
    name: 'code',
    label: words.label,
    autocomplete: 'one-time-code',
    code: 'text',
    maxLength: MAX_CODE,
    autofocus: true,
    hint: words.hint(visit.texts.duration(deps.settings.codeSeconds)),
    ...(problem === undefined ? {} : { describedBy: 'problem', invalid: problem === 'bad' }),
  }),
  primaryButton(words.submit),
])}
${visit.form('send-code', PATH, html`<button type="submit">${words.again}</button>`)}`,
  });
}

/** Sends a code by mail and shows where to type it; what keeps it from being sent is told there. */
export async function sendCode(at: FactorVisit, deps: SecondFactorDeps): Promise<Reply> {
  const { visit, live, who } = at;
  const mailbox = mailboxOf(live);
  if (deps.codes === undefined || mailbox === undefined) return proofPage(at, deps);
  try {
    const sent = await deps.codes.send(who, PURPOSE, {
      to: mailbox,
      name: mailbox.name,
      language: visit.texts.lang,
      site: siteOf(visit),
      address: visit.client,
    });
    if (sent === 'too-many') return proofPage(at, deps, 'tooMany');
  } catch (error) {
    if (!(error instanceof NotifierError)) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    deps.log.error('a code could not be sent', { user: who.username, error: error.message, ...hint });
    return proofPage(at, deps, 'notSent');
  }
  deps.log.info('a one-time code was sent', { user: who.username, client: visit.client || '-' });
  return visit.go(PATH);
}

/** Takes the code that was typed; a wrong one is logged and asked for again. */
export async function prove(at: FactorVisit, code: string, deps: SecondFactorDeps): Promise<Reply> {
  const { visit, who } = at;
  const outcome = (await deps.codes?.check(who, PURPOSE, code)) ?? 'gone';
  if (outcome !== 'good') {
    deps.log.info('authentication failed', {
      client: visit.client || '-',
      user: who.username,
      reason: 'wrong one-time code',
    });
    return proofPage(at, deps, outcome);
  }
  await deps.proofs.give(who);
  return visit.go(PATH);
}
