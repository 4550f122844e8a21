import type { Reply, ReplyHeaders } from '../http/reply.ts';
import type { Device } from '../second-factor/second-factors.ts';
import { html, name } from './html.ts';
import { hidden, primaryButton } from './parts.ts';
import {
  type FactorVisit,
  factorRoute,
  missingFor,
  type SecondFactorDeps,
  tellOwner,
} from './second-factor-access.ts';
import { secondFactorTexts } from './texts/second-factor.ts';
import type { PortalRoute, Visit } from './visit.ts';

const PATH = '/second-factor/devices';

/** `/second-factor/devices`: what there is, remove one, new recovery codes. */
export function createDevicesPage(deps: SecondFactorDeps): PortalRoute {
  const ifAllowed = async (at: FactorVisit, then: () => Promise<Reply>): Promise<Reply> =>
    (await missingFor('change', at, deps)) === undefined ? then() : askProof(at);
  return factorRoute(deps, PATH, at => ifAllowed(at, () => show(at)), {
    'remove-device': (at, form) => ifAllowed(at, () => remove(at, form?.get('device') ?? '', deps)),
    'new-recovery-codes': at => ifAllowed(at, () => makeCodes(at, deps)),
  });
}

/** Shown once: nobody can ask for this page again. */
export function recoveryCodesPage(
  visit: Visit,
  codes: readonly string[],
  next: string,
  headers: ReplyHeaders = [],
): Reply {
  const { codes: words } = secondFactorTexts(visit.texts.lang);
  return visit.page({
    title: words.title,
    wide: true,
    headers,
    body: html`<p class="lead">${words.lead}</p>
<ul class="codes">${codes.map(code => html`<li><code>${code}</code></li>`)}</ul>
<p class="quiet">${words.once}</p>
<p><a class="button primary" href="${visit.url(next)}">${words.done}</a></p>`,
  });
}

async function askProof({ visit, factors, who }: FactorVisit): Promise<Reply> {
  const devices = await factors.devices(who.username);
  // Nothing to see, and nothing to lose.
  if (devices.length === 0) return visit.go('/second-factor/register');
  const { devices: words } = secondFactorTexts(visit.texts.lang);
  return visit.page({
    title: words.title,
    body: html`<p class="lead">${words.proofLead}</p>
<p><a class="button primary" href="${visit.url('/second-factor')}">${words.proofCode}</a></p>
<p class="actions"><a href="${visit.url('/second-factor/register')}">${words.proofMail}</a>
<a href="${visit.url('/')}">${words.back}</a></p>`,
  });
}

async function show({ visit, factors, who }: FactorVisit): Promise<Reply> {
  const devices = await factors.devices(who.username);
  const wanted = /(?:^|&)remove=([\w-]+)(?:&|$)/.exec(visit.request.query)?.[1];
  const chosen = devices.find(({ id }) => id === wanted);
  if (chosen !== undefined) return askRemove(visit, chosen, devices.length === 1);
  const left = await factors.recoveryCodesLeft(who.username);
  const { devices: words } = secondFactorTexts(visit.texts.lang);
  const item = ({ id, name: device, createdAt }: Device) =>
    html`<li><span>${name(device)} <span class="quiet small">${words.since(visit.texts.moment(createdAt))}</span></span><a href="${visit.url(`${PATH}?remove=${id}`)}" aria-label="${words.remove}: ${device}">${words.remove}</a></li>`;
  const recovery = html`<h2>${words.recoveryTitle}</h2>
<p>${words.left(left)}</p>
${visit.form('new-recovery-codes', PATH, [
  html`<button type="submit" aria-describedby="new-codes-hint">${words.newCodes}</button>`,
  html`<p class="hint" id="new-codes-hint">${words.newCodesHint}</p>`,
])}`;
  return visit.page({
    title: words.title,
    wide: true,
    body: html`${devices.length === 0 ? html`<p class="lead">${words.none}</p>` : html`<ul class="list">${devices.map(item)}</ul>`}
<p><a class="button" href="${visit.url('/second-factor/register')}">${words.add}</a></p>
${devices.length > 0 && recovery}
<p class="actions"><a href="${visit.url('/')}">${words.back}</a></p>`,
  });
}

function askRemove(visit: Visit, device: Device, isLast: boolean): Reply {
  const { devices: words } = secondFactorTexts(visit.texts.lang);
  return visit.page({
    title: words.removeTitle,
    body: html`<p class="lead">${words.removeLead(name(device.name))}</p>
${isLast && html`<p>${words.removeLast}</p>`}
${visit.form('remove-device', PATH, [hidden('device', device.id), primaryButton(words.remove)])}
<p class="actions"><a href="${visit.url(PATH)}">${words.keep}</a></p>`,
  });
}

async function remove(at: FactorVisit, id: string, deps: SecondFactorDeps): Promise<Reply> {
  const { visit, factors, who } = at;
  if (await factors.removeDevice(who.username, id)) {
    deps.log.info('a second factor was removed', { user: who.username, client: visit.client || '-' });
    tellOwner(at, 'removed', deps);
  }
  return visit.go(PATH);
}

async function makeCodes(at: FactorVisit, deps: SecondFactorDeps): Promise<Reply> {
  const { visit, factors, who } = at;
  // They stand in for a device, and nobody has any without one.
  if ((await factors.devices(who.username)).length === 0) return visit.go(PATH);
  const codes = await factors.newRecoveryCodes(who.username);
  deps.log.info('new recovery codes were made', { user: who.username, client: visit.client || '-' });
  tellOwner(at, 'recovery-codes', deps);
  return recoveryCodesPage(visit, codes, PATH);
}
