/** Every value of a key of a raw query, decoded; undefined in place of one that is badly escaped. */
export function queryValues(query: string, key: string): (string | undefined)[] {
  if (query === '') return [];
  const found: (string | undefined)[] = [];
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    if (decoded(name) === key) found.push(decoded(equals < 0 ? '' : pair.slice(equals + 1)));
  }
  return found;
}

/** Names of the keys of a raw query, decoded as far as they can be. */
export function queryKeys(query: string): string[] {
  return query === '' ? [] : query.split('&').map(pair => decoded(pair.split('=', 1)[0] ?? '') ?? pair);
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
