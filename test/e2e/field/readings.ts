/**
 * Every path that some application may make of a request target: decoded once or
 * more, with parameters cut off, backslashes taken for slashes, and so on.
 */
export function readingsOf(target: string): string[] {
  const start = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  const found = new Set([withoutQuery(start)]);
  // A set grows while it is walked; a target of these tests has a few hundred readings at most.
  for (const reading of found) {
    for (const step of STEPS) if (found.size < 2_000) found.add(step(reading));
  }
  return [...found];
}

const STEPS: readonly ((path: string) => string)[] = [
  decoded,
  path => path.replaceAll('\\', '/'),
  // RFC 3986 section 3.3 leaves parameters to applications: Java's cut them off.
  path => path.replace(/;[^/]*/g, ''),
  path => path.replace(/\0.*$/s, ''),
  path => path.replace(/[#?].*$/s, ''),
  path => path.replace(/[\t\r\n\0]/g, ''),
  path => path.replace(/\/{2,}/g, '/'),
  withoutDots,
];

function withoutQuery(target: string): string {
  return target.split('?', 1)[0] ?? '';
}

/** As lenient decoders have it: overlong UTF-8 and `%u002e` count, bad escapes stay. */
function decoded(path: string): string {
  return path
    .replace(/%c0%ae|%e0%80%ae|%u002e|\xc0\xae/gi, '.')
    .replace(/%c0%af|%e0%80%af|%u002f|%u2215|\xc0\xaf/gi, '/')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** RFC 3986 section 5.2.4. */
function withoutDots(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/').slice(1)) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  return `/${kept.join('/')}`;
}
