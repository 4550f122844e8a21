import { readFileSync } from 'node:fs';
import { request } from 'node:https';

/** The text at an address. @param ca file of the authority of a server of ours, which `fetch` takes none of */
export function get(url: string, ca?: string): Promise<string> {
  if (ca === undefined) return fetch(url).then(answer => answer.text());
  return new Promise((resolve, reject) => {
    request(url, { ca: readFileSync(ca) }, answer => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve(text));
    })
      .once('error', reject)
      .end();
  });
}
