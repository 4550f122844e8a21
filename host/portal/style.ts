import { createHash } from 'node:crypto';

/**
 * The portal's one stylesheet. Logical properties only, so that it reads the
 * same from right to left; every pair of colours has a contrast of 4.5 to 1,
 * borders of fields and the focus ring 3 to 1 (WCAG 2.2 AA); what is clicked is
 * at least 24 px high, what is typed into and pressed 44.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #eef1f5; --card: #ffffff; --text: #1a2029; --quiet: #545e6b; --line: #d9dee5; --field: #7a8492;
  --accent: #1d5bbf; --accent-strong: #174a9c; --on-accent: #ffffff;
  --bad: #9f1820; --bad-back: #fdecec; --good: #14603a; --good-back: #e7f6ed; --note-back: #eef4fd;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1217; --card: #181e26; --text: #e8ebef; --quiet: #a7b0bb; --line: #2d3641; --field: #7f8a98;
    --accent: #8db7ff; --accent-strong: #b3cfff; --on-accent: #0a1b36;
    --bad: #ffb4ab; --bad-back: #3c1719; --good: #8fdcb0; --good-back: #11301f; --note-back: #1b2a40;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { font: 100%/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans Arabic", sans-serif; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; min-block-size: 100vh; min-block-size: 100svh; display: grid; place-items: center; padding: clamp(.75rem, 4vw, 2rem); background: var(--page); color: var(--text); }
main { inline-size: 100%; max-inline-size: 26rem; padding: clamp(1.25rem, 6vw, 2.25rem); background: var(--card); border: 1px solid var(--line); border-radius: 1rem; box-shadow: 0 1px 2px rgb(0 0 0 / .05), 0 12px 32px rgb(0 0 0 / .07); overflow-wrap: anywhere; }
main.wide { max-inline-size: 34rem; }
.brand { display: flex; align-items: center; gap: .625rem; margin-block-end: 1.5rem; color: var(--quiet); font-size: .9375rem; font-weight: 600; }
.brand svg { inline-size: 2.25rem; block-size: 2.25rem; flex: none; color: var(--accent); }
h1 { margin: 0 0 .375rem; font-size: 1.5rem; line-height: 1.25; font-weight: 650; letter-spacing: -.01em; }
h2 { margin: 1.75rem 0 .5rem; font-size: 1.0625rem; line-height: 1.35; }
p { margin: 0 0 1rem; }
main > :last-child { margin-block-end: 0; }
.quiet, .lead { color: var(--quiet); }
.lead { margin-block-end: 1.5rem; }
.small { font-size: .875rem; }
form { margin: 0; }
form + form, .actions { margin-block-start: .75rem; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem 1.25rem; align-items: center; }
.item { margin-block-end: 1.125rem; }
label { display: block; margin-block-end: .375rem; font-weight: 550; }
.hint { margin: .375rem 0 0; color: var(--quiet); font-size: .875rem; }
input:not([type=checkbox], [type=radio], [type=hidden]), select { display: block; inline-size: 100%; min-block-size: 2.75rem; padding: .5rem .75rem; font: inherit; color: var(--text); background: var(--card); border: 1px solid var(--field); border-radius: .5rem; }
input[aria-invalid=true] { border-color: var(--bad); }
input.code { font: 1.375rem/1.3 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; letter-spacing: .12em; text-align: start; direction: ltr; }
.check { display: flex; align-items: center; gap: .625rem; min-block-size: 2.75rem; margin-block-end: .625rem; }
.check input { inline-size: 1.25rem; block-size: 1.25rem; margin: 0; flex: none; accent-color: var(--accent); }
.check label { margin: 0; padding-block: .25rem; font-weight: 400; }
button, .button { display: inline-flex; align-items: center; justify-content: center; min-block-size: 2.75rem; padding: .5rem 1.125rem; font: inherit; font-weight: 600; text-align: center; text-decoration: none; color: var(--text); background: transparent; border: 1px solid var(--field); border-radius: .5rem; cursor: pointer; transition: background-color .12s, border-color .12s; }
button:hover, .button:hover { border-color: var(--text); }
button.primary, .button.primary { inline-size: 100%; color: var(--on-accent); background: var(--accent); border-color: var(--accent); }
button.primary:hover, .button.primary:hover { background: var(--accent-strong); border-color: var(--accent-strong); }
a { display: inline-block; min-block-size: 1.5rem; color: var(--accent); text-underline-offset: .2em; }
a.button { color: var(--text); }
a.button.primary { color: var(--on-accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.notice { margin: 0 0 1.25rem; padding: .75rem 1rem; border-radius: .5rem; background: var(--note-back); border-inline-start: 4px solid var(--accent); }
.notice.bad { color: var(--bad); background: var(--bad-back); border-color: var(--bad); }
.notice.good { color: var(--good); background: var(--good-back); border-color: var(--good); }
.notice > :last-child { margin-block-end: 0; }
dl { display: grid; grid-template-columns: minmax(5rem, auto) 1fr; gap: .375rem 1rem; margin: 0 0 1.25rem; }
dt { color: var(--quiet); }
dd { margin: 0; }
code, .codes { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; direction: ltr; unicode-bidi: isolate; }
.codes { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .375rem 1rem; margin: 0 0 1.25rem; padding: 0; list-style: none; }
.list { margin: 0 0 1.25rem; padding: 0; list-style: none; }
.list > li { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: .5rem 1rem; padding-block: .625rem; border-block-end: 1px solid var(--line); }
.qr { display: block; inline-size: 12.5rem; max-inline-size: 100%; block-size: auto; margin: 0 auto 1.25rem; background: #ffffff; border-radius: .5rem; }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; animation: none !important; scroll-behavior: auto !important; } }
@media (forced-colors: active) { main, .notice { border: 1px solid; } }
@media (max-width: 22rem) { dl { grid-template-columns: 1fr; gap: 0 1rem; } dd { margin-block-end: .5rem; } }
`;

const hash = createHash('sha256').update(STYLE).digest('hex').slice(0, 16);

/** Below the portal's address; another text has another name, so that it may be kept for ever. */
export const STYLE_PATH = `/static/portal-${hash}.css`;
