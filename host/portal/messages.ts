import type { Html } from './html.ts';
import { html } from './html.ts';
import type { Message, Texts } from './texts/texts.ts';
import type { OwnPage } from './visit.ts';

/** A page that says one thing, and leads back. */
export function messagePage(
  message: Message,
  status: number,
  texts: Texts,
  home: string,
  label = texts.error.home,
): OwnPage {
  const body: Html = html`<p class="lead">${message.text}</p>
<p class="actions"><a class="button" href="${home}">${label}</a></p>`;
  return { status, title: message.title, body };
}
