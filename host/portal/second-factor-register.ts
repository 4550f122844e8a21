import type { Form } from '../http/form.ts';
import type { Reply } from '../http/reply.ts';
import type { Registration } from '../second-factor/second-factors.ts';
import { html } from './html.ts';
import { field, notice, primaryButton } from './parts.ts';
import {
  type FactorVisit,
  factorRoute,
  missingFor,
  raised,
  type SecondFactorDeps,
  tellOwner,
} from './second-factor-access.ts';
import { recoveryCodesPage } from './second-factor-devices.ts';
import { proofPage, prove, sendCode } from './second-factor-proof.ts';
import { secondFactorTexts } from './texts/second-factor.ts';
import type { PortalRoute } from './visit.ts';

const PATH = '/second-factor/register';
const MAX_CODE = 20;
const MAX_NAME = 50;

/** `/second-factor/register`: prove who you are, scan, enter a code, keep the recovery codes. */
export function createRegisterPage(deps: SecondFactorDeps): PortalRoute {
  const ifProved = async (at: FactorVisit, then: () => Promise<Reply>): Promise<Reply> => {
    const missing = await missingFor('register', at, deps);
    if (missing === 'proof') return proofPage(at, deps);
    return missing === undefined ? then() : needSecond(at);
  };
  const ifUnproved = async (at: FactorVisit, then: () => Promise<Reply>): Promise<Reply> => {
    const missing = await missingFor('register', at, deps);
    return missing === 'proof' ? then() : at.visit.go(PATH);
  };
  return factorRoute(deps, PATH, at => ifProved(at, () => registerPage(at)), {
    'send-code': at => ifUnproved(at, () => sendCode(at, deps)),
    prove: (at, form) => ifUnproved(at, () => prove(at, form?.get('code') ?? '', deps)),
    register: (at, form) => ifProved(at, () => register(at, form, deps)),
  });
}

function needSecond({ visit }: FactorVisit): Reply {
  const texts = secondFactorTexts(visit.texts.lang);
  const { title, text } = texts.error.needSecond;
  return visit.page({
    status: 403,
    title,
    body: html`<p class="lead">${text}</p>
<p class="actions"><a class="button" href="${visit.url('/second-factor')}">${texts.devices.proofCode}</a></p>`,
  });
}

type Problem = 'bad' | 'gone' | 'full';

async function registerPage(at: FactorVisit, problem?: Problem): Promise<Reply> {
  const { visit, factors, who } = at;
  const registration = (await factors.pendingRegistration(who)) ?? (await factors.beginRegistration(who));
  const texts = secondFactorTexts(visit.texts.lang);
  const { register: words } = texts;
  return visit.page({
    status: problem === undefined ? 200 : problem === 'full' ? 409 : 401,
    title: words.title,
    isMistake: problem !== undefined,
    wide: true,
    body: html`<p class="lead">${words.lead}</p>
${problem !== undefined && notice('bad', 'problem', words[problem])}
${picture(registration, words.picture)}
<p><a href="${registration.uri}">${words.open}</a></p>
<p>${words.secret}: <code>${grouped(registration.secret)}</code><br><span class="quiet small">${words.secretHint}</span></p>
${visit.form('register', PATH, [
  field({
    name: 'code',
    label: words.label,
    autocomplete: 'one-time-code',
    code: 'digits',
    maxLength: MAX_CODE,
    autofocus: problem !== undefined,
    ...(problem === undefined ? {} : { describedBy: 'problem', invalid: true }),
  }),
  field({
    name: 'name',
    label: words.name,
    autocomplete: 'off',
    value: words.nameValue,
    maxLength: MAX_NAME,
  }),
  primaryButton(words.submit),
])}
<p class="actions"><a href="${visit.url('/second-factor/devices')}">${texts.devices.back}</a></p>`,
  });
}

function picture({ qr: { size, path } }: Registration, label: string) {
  return html`<svg class="qr" viewBox="0 0 ${size} ${size}" width="200" height="200" shape-rendering="crispEdges" role="img" aria-label="${label}"><path fill="#fff" d="M0 0h${size}v${size}h-${size}z"/><path fill="#000" d="${path}"/></svg>`;
}

/** In fours, as people type it; blanks do not count. */
function grouped(secret: string): string {
  return secret.match(/.{1,4}/g)?.join(' ') ?? '';
}

async function register(at: FactorVisit, form: Form | undefined, deps: SecondFactorDeps): Promise<Reply> {
  const { visit, live, factors, who } = at;
  const finished = await factors.finishRegistration(who, {
    code: form?.get('code') ?? '',
    name: form?.get('name') ?? '',
  });
  if (finished.state !== 'good') return registerPage(at, finished.state);
  deps.log.info('a second factor was registered', { user: who.username, client: visit.client || '-' });
  tellOwner(at, 'registered', deps);
  const cookie = live.session.level >= 2 ? undefined : await raised(at, deps);
  const headers = cookie === undefined ? [] : [['Set-Cookie', cookie] as const];
  const { recoveryCodes } = finished;
  if (recoveryCodes !== undefined) return recoveryCodesPage(visit, recoveryCodes, '/continue', headers);
  return visit.go(visit.returnTo === undefined ? '/second-factor/devices' : '/continue', headers);
}
