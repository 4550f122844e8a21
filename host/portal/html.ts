import { UNSAFE } from '../log/printable.ts';

/** Markup that is safe to put into a page. Only `html` makes it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a template may hold: texts are escaped, `undefined` and `false` are nothing. */
export type Content = Html | string | number | undefined | false | readonly Content[];

/**
 * A template that escapes: `html\`<p title="${text}">${text}</p>\``. Attributes
 * must be quoted. There is no way to put text into a page unescaped.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  let out = strings[0] ?? '';
  for (const [i, value] of values.entries()) out += markup(value) + (strings[i + 1] ?? '');
  return new Html(out);
}

/**
 * A name that others chose (a user, a group, a host), as text of its own
 * direction: neither Arabic around it nor an override within it moves other words.
 */
export function name(text: string): Html {
  return html`<bdi>${visible(text)}</bdi>`;
}

function markup(value: Content): string {
  if (value instanceof Html) return value.text;
  if (value === undefined || value === false) return '';
  if (typeof value === 'object') return value.map(markup).join('');
  return escapeHtml(String(value));
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** For text and for quoted attributes. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, character => ESCAPES[character] ?? '');
}

/** Characters that would hide, reverse or break what stands there become a mark that shows. */
export function visible(text: string): string {
  return text.replace(UNSAFE, '\ufffd');
}
