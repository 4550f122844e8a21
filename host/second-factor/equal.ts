import { createHash, timingSafeEqual } from 'node:crypto';

/** In a time that tells nothing about the texts. */
export function equalTexts(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text, 'utf8').digest();
  return timingSafeEqual(digest(a), digest(b));
}
