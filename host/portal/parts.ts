import { type Content, type Html, html, visible } from './html.ts';

export interface FieldOptions {
  /** Also its id. */
  readonly name: string;
  readonly label: Content;
  readonly type?: 'text' | 'password' | 'email';
  readonly autocomplete: string;
  readonly value?: string;
  /** Ids of texts about it. */
  readonly describedBy?: string;
  readonly invalid?: boolean;
  readonly autofocus?: boolean;
  /** One field for a code: digits on phones, wide letters. */
  readonly code?: 'digits' | 'text';
  readonly maxLength?: number;
  readonly hint?: Content;
}

/** The digits of every keyboard that the portal has a language for, and blanks (HTML: `pattern`). */
const CODE_DIGITS = '[0-9\u0660-\u0669\u06f0-\u06f9 ]*';

/** A field with its label. */
export function field(options: FieldOptions): Html {
  const { name, label, type = 'text', autocomplete, value = '', describedBy, hint, maxLength } = options;
  const described = [describedBy, hint !== undefined && `${name}-hint`].filter(Boolean).join(' ');
  return html`<div class="item"><label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" value="${visible(value)}" autocomplete="${autocomplete}"${[
    html` autocapitalize="none" autocorrect="off" spellcheck="false" required`,
    options.code === 'digits' && html` inputmode="numeric" pattern="${CODE_DIGITS}"`,
    options.code !== undefined && html` class="code" dir="ltr"`,
    maxLength !== undefined && html` maxlength="${maxLength}"`,
    described !== '' && html` aria-describedby="${described}"`,
    options.invalid === true && html` aria-invalid="true"`,
    options.autofocus === true && html` autofocus`,
  ]}>
${hint !== undefined && html`<p class="hint" id="${name}-hint">${hint}</p>`}</div>`;
}

/** A box with its label. */
export function checkbox(name: string, label: Content, checked = false): Html {
  return html`<div class="check"><input type="checkbox" id="${name}" name="${name}" value="on"${checked && html` checked`}><label for="${name}">${label}</label></div>`;
}

/** What a reader is told at once: `bad` after a mistake, `good` after something was done. */
export function notice(kind: 'bad' | 'good' | 'note', id: string, body: Content): Html {
  return html`<div class="notice${kind !== 'note' && ` ${kind}`}" id="${id}" role="${kind === 'bad' ? 'alert' : 'status'}"><p>${body}</p></div>`;
}

/** The one main button of a form. */
export function primaryButton(label: Content): Html {
  return html`<button class="primary" type="submit">${label}</button>`;
}

export function hidden(name: string, value: string | undefined): Html | undefined {
  return value === undefined ? undefined : html`<input type="hidden" name="${name}" value="${value}">`;
}

/** Terms and what they are, as a list for readers of any kind. */
export function facts(rows: readonly (readonly [term: Content, value: Content])[]): Html {
  return html`<dl>
${rows.map(([term, value]) => html`<dt>${term}</dt> <dd>${value}</dd>\n`)}</dl>`;
}
