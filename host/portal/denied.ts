import { queryEscape } from '../http/go-url.ts';
import type { Logger } from '../log/logger.ts';
import type { DeniedPage } from '../routes/denial.ts';
import { html, name } from './html.ts';
import { page } from './page.ts';
import { facts } from './parts.ts';
import { listed } from './sign-in.ts';
import { chooseTexts } from './texts/choose.ts';

export interface DeniedPageDeps {
  readonly random: (bytes: number) => Uint8Array;
  /** One that drops nothing: the page names its line. */
  readonly log: Logger;
}

/** 40 bits: nobody meets two lines of one reference. */
const ID_BYTES = 5;
/** Crockford's base 32: nothing in it is mistaken for something else when it is read aloud. */
const ID_LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Who you are, which site, why, and a reference that stands in the log as well. Shown at the site's own address. */
export function createDeniedPage({ random, log }: DeniedPageDeps): DeniedPage {
  return ({ request, cookie, principal, host, url, client, position }) => {
    const texts = chooseTexts(request.headers);
    const { denied: words } = texts;
    const portal = new URL(cookie.signInUrl);
    const id = reference(random(ID_BYTES));
    log.info('access denied', {
      id,
      user: principal.username,
      host: host.slice(host.lastIndexOf('@') + 1),
      path: pathOf(url),
      client,
      rule: position,
    });
    const base = portal.pathname.replace(/\/+$/, '');
    const logout = `${portal.origin}${base}/logout?rd=${queryEscape(url)}`;
    return page({
      status: 403,
      texts,
      from: portal.origin,
      base,
      brand: cookie.domain,
      title: words.title,
      body: html`<p class="lead">${words.lead(name(principal.displayName || principal.username), name(host))}</p>
<p>${position === 0 ? words.why.default : words.why.rule}</p>
${facts([
  [words.account, name(principal.username)],
  [words.groups, principal.groups.length === 0 ? words.noGroups : listed(principal.groups)],
  [words.site, name(host)],
  [words.id, html`<code>${id}</code>`],
])}
<p class="quiet">${words.ask}</p>
<p class="actions"><a class="button" href="${logout}">${words.other}</a></p>`,
    });
  };
}

/** Applications put tokens into queries. */
function pathOf(url: string): string {
  return URL.canParse(url) ? new URL(url).pathname : '';
}

function reference(bytes: Uint8Array): string {
  let value = 0n;
  for (const byte of bytes) value = value * 256n + BigInt(byte);
  let out = '';
  for (let i = 0; i < (bytes.length * 8) / 5; i++) {
    out = (ID_LETTERS[Number(value % 32n)] ?? '') + out;
    value /= 32n;
  }
  return out;
}
