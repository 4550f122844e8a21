import type { Reply } from '../http/reply.ts';
import type { Verified } from '../second-factor/second-factors.ts';
import { html } from './html.ts';
import { field, notice, primaryButton } from './parts.ts';
import { type FactorVisit, factorRoute, raised, type SecondFactorDeps } from './second-factor-access.ts';
import { secondFactorTexts } from './texts/second-factor.ts';
import type { PortalRoute } from './visit.ts';

/** Longer than any code with blanks in it. */
const MAX_CODE = 20;
const MAX_RECOVERY = 40;

type Kind = 'code' | 'recovery';

/** `/second-factor`: the code of a device. */
export function createCodePage(deps: SecondFactorDeps): PortalRoute {
  return factorRoute(deps, '/second-factor', at => askOrRegister(at, 'code'), {
    'second-factor': (at, form) => verify(at, form?.get('code') ?? '', 'code', deps),
  });
}

/** `/second-factor/recovery`: a recovery code in its place. */
export function createRecoveryPage(deps: SecondFactorDeps): PortalRoute {
  return factorRoute(deps, '/second-factor/recovery', at => askOrRegister(at, 'recovery'), {
    recovery: (at, form) => verify(at, form?.get('code') ?? '', 'recovery', deps),
  });
}

async function askOrRegister(at: FactorVisit, kind: Kind): Promise<Reply> {
  const { visit, live, factors, who } = at;
  if (live.session.level >= 2) return visit.go('/continue');
  const devices = await factors.devices(who.username);
  return devices.length === 0 ? visit.go('/second-factor/register') : ask(at, kind);
}

async function verify(at: FactorVisit, code: string, kind: Kind, deps: SecondFactorDeps): Promise<Reply> {
  const { visit, live, factors, who } = at;
  // Sent twice: the first one has done it.
  if (live.session.level >= 2) return visit.go('/continue');
  const { username } = who;
  const verified = await (kind === 'code'
    ? factors.verifyCode(username, code)
    : factors.verifyRecoveryCode(username, code));
  const client = visit.client || '-';
  if (verified !== 'good') {
    const reason = verified === 'bad' ? `wrong ${NAMES[kind]}` : `too many wrong codes`;
    deps.log.info('authentication failed', { client, user: username, reason });
    return ask(at, kind, verified);
  }
  const cookie = await raised(at, deps);
  if (cookie === undefined) return visit.go('/');
  deps.log.info('second factor shown', { client, user: username, kind: NAMES[kind] });
  return visit.go('/continue', [['Set-Cookie', cookie]]);
}

const NAMES = { code: 'time-based code', recovery: 'recovery code' } as const;

function ask({ visit }: FactorVisit, kind: Kind, verified?: Exclude<Verified, 'good'>): Reply {
  const texts = secondFactorTexts(visit.texts.lang);
  const words = texts[kind];
  const problem = verified === 'bad' ? words.bad : texts.code.tooMany;
  const status = verified === undefined ? 200 : verified === 'bad' ? 401 : 429;
  const isCode = kind === 'code';
  const other = isCode
    ? { path: '/second-factor/recovery', text: texts.code.useRecovery }
    : { path: '/second-factor', text: texts.recovery.useCode };
  return visit.page({
    status,
    title: words.title,
    isMistake: verified !== undefined,
    body: html`<p class="lead">${words.lead}</p>
${verified !== undefined && notice('bad', 'problem', problem)}
${visit.form(isCode ? 'second-factor' : 'recovery', isCode ? '/second-factor' : '/second-factor/recovery', [
  field({
    name: 'code',
    label: words.label,
    autocomplete: isCode ? 'one-time-code' : 'off',
    code: isCode ? 'digits' : 'text',
    maxLength: isCode ? MAX_CODE : MAX_RECOVERY,
    autofocus: true,
    ...(isCode ? { hint: texts.code.hint } : {}),
    ...(verified === undefined ? {} : { describedBy: 'problem', invalid: true }),
  }),
  primaryButton(words.submit),
])}
<p class="actions"><a href="${visit.url(other.path)}">${other.text}</a>
<a href="${visit.url('/second-factor/register')}">${texts.code.lost}</a>
<a href="${visit.url('/logout')}">${texts.code.otherAccount}</a></p>`,
  });
}
