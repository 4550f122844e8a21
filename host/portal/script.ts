import { createHash } from 'node:crypto';

/**
 * The portal's one script, for what no server is told: what stands behind `#` in
 * the address of the page that was asked for. Browsers keep it over redirections;
 * over a form, a link and the page that leads on they do so with this alone. It
 * goes from the browser's address into those of the page and nowhere else, behind
 * all that says where they lead. Without it everything works but that. Once the
 * page is there it leads on, as `Refresh` would: what then turns out to be a
 * download leaves a page that is whole. It is written as of 2015: a browser that
 * cannot read it would stay, since `<noscript>` is for those that run none.
 */
export const SCRIPT = `'use strict';
{
  const { hash } = location;
  const { onward } = document.currentScript.dataset;
  if (hash !== '') {
    for (const form of document.forms) form.action += hash;
    for (const link of document.links) if (link.protocol === 'https:') link.hash = link.hash || hash;
  }
  if (onward !== undefined) {
    const url = new URL(onward);
    url.hash = url.hash || hash;
    addEventListener('load', () => location.replace(url));
  }
}
`;

const hash = createHash('sha256').update(SCRIPT).digest('hex').slice(0, 16);

/** Below the portal's address, named as the stylesheet is. */
export const SCRIPT_PATH = `/static/portal-${hash}.js`;
