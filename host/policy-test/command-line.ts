import type { Who } from '../explain/who.ts';
import type { RequestSpec } from './test-file.ts';

/** The `postern explain` that shows more of a request, for pasting into a shell. */
export function explainCommandLine(config: string, { url, method, ip }: RequestSpec, who: Who): string {
  const words = ['postern', 'explain', '--config', config, '--url', url];
  if (method !== 'GET') words.push('--method', method);
  if (ip !== '') words.push('--ip', ip);
  if (who.level > 0) {
    words.push('--user', who.user);
    // The groups of a disabled user do not matter, and naming them would forget that he is.
    if (!who.disabled) words.push('--groups', who.groups.join(','));
    words.push('--level', String(who.level));
  }
  return words.map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
