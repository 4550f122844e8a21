import type { RequestHeaders } from '../../http/request-headers.ts';
import { AR } from './ar.ts';
import { DE } from './de.ts';
import { EN } from './en.ts';
import { LANGUAGES, type Language, type Texts } from './texts.ts';

export const TEXTS: Readonly<Record<Language, Texts>> = { en: EN, de: DE, ar: AR };

/** Longer lists are written by nobody's browser; what stands behind is not read. */
const MAX_RANGES = 32;

/**
 * The language the client likes best among ours (RFC 9110 section 12.5.4):
 * highest weight first, order among equals; `de-AT` is `de`. English where
 * nothing fits.
 */
export function chooseTexts(headers: RequestHeaders): Texts {
  const ranges = headers.values('accept-language').join(',').split(',', MAX_RANGES);
  let best: { readonly language: Language; readonly weight: number } | undefined;
  for (const range of ranges) {
    const [tag = '', ...parameters] = range.trim().split(';');
    const language = ours(tag);
    const weight = weightOf(parameters);
    if (language !== undefined && weight > (best?.weight ?? 0)) best = { language, weight };
  }
  return TEXTS[best?.language ?? 'en'];
}

function ours(tag: string): Language | undefined {
  const primary = tag.trim().toLowerCase().split('-', 1)[0];
  return LANGUAGES.find(language => language === primary);
}

/** `q=0.8`; 1 without one, 0 for one that is none. */
function weightOf(parameters: readonly string[]): number {
  const q = parameters.map(text => text.trim()).find(text => /^q=/i.test(text));
  if (q === undefined) return 1;
  return /^q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i.test(q) ? Number(q.slice(2)) : 0;
}
