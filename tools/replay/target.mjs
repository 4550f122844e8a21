/** What a recorded request asks about: `{ host, uri }`, `uri` empty where it is not told; with a way to say it otherwise. */
export function targetOf(row) {
  const header = name => row.request_headers.find(([other]) => other.toLowerCase() === name)?.[1];
  const withHeader = (name, value) => ({
    ...row,
    request_headers: row.request_headers.map(([other, old]) => [
      other,
      other.toLowerCase() === name ? value : old,
    ]),
  });
  const forwardedFor = header('x-forwarded-for') ?? '';
  const withClient = value => withHeader('x-forwarded-for', value);
  const url = header('x-original-url');
  if (url !== undefined) {
    const [, scheme, host, uri] = /^([a-z]*:\/\/)([^/?#]*)(.*)$/s.exec(url) ?? ['', '', '', url];
    const withHost = other => withHeader('x-original-url', scheme + other + uri);
    return { host, uri, forwardedFor, withClient, withHost };
  }
  const repeated = /^\S+ \/api\/authz\/ext-authz\/?(\S*) /.exec(row.request_line);
  if (repeated !== null) {
    const withHost = other => withHeader('host', other);
    return { host: header('host') ?? '', uri: repeated[1], forwardedFor, withClient, withHost };
  }
  return {
    host: header('x-forwarded-host') ?? '',
    uri: header('x-forwarded-uri') ?? '',
    forwardedFor,
    withClient,
    withHost: other => withHeader('x-forwarded-host', other),
  };
}
