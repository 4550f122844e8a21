/** A URI whose clean path and query are this text: what rules see is the decoded path and the raw query. */
export function uriOf(text: string): string {
  const mark = text.indexOf('?');
  const path = mark < 0 ? text : text.slice(0, mark);
  return encodeURI(path).replaceAll('#', '%23') + (mark < 0 ? '' : text.slice(mark));
}
