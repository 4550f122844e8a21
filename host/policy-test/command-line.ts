import type { Answer } from '../explain/answer.ts';
import type { RequestSpec } from './test-file.ts';

/** The `postern explain` that shows more of a request, for pasting into a shell. */
export function explainCommandLine(config: string, { url, method, ip }: RequestSpec, answer: Answer): string {
  const { who, refused } = answer;
  const words = ['postern', 'explain', '--config', config, '--url', url];
  if (method !== 'GET') words.push('--method', method);
  if (ip !== '') words.push('--ip', ip);
  if (who.level > 0) {
    words.push('--user', who.user);
    // Who is named with groups is not looked up, and then nothing refuses him.
    if (refused === undefined) words.push('--groups', who.groups.join(','));
    words.push('--level', String(who.level));
  }
  return words.map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
