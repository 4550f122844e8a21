import { describe, expect, it } from 'vitest';
import { cookieValue } from '../../host/http/cookies.ts';
import { RequestHeaders } from '../../host/http/request-headers.ts';

const NAME = '__Host-postern_portal';
const read = (...lines: string[]) =>
  cookieValue(new RequestHeaders(lines.flatMap(line => ['Cookie', line])), NAME);

describe('a cookie of the portal', () => {
  it.each([
    [`${NAME}=v`],
    [`a=1; ${NAME}=v; b=2`],
    [`a=1;${NAME}=v;b=2`],
    [` \t${NAME}\t=\tv \t;`],
    ['a=1', `${NAME}=v`],
    [`a="; ${NAME}=v; b="`],
  ])('is read: %j', (...lines) => {
    expect(read(...lines)).toBe('v');
  });

  it.each([
    [`${NAME}=v; ${NAME}=w`],
    [`${NAME}=v`, `${NAME}=v`],
    [`${NAME}=v; ${NAME} =`],
    [NAME],
    [`${NAME.toLowerCase()}=v`],
    [`a=${NAME}=v`],
    [`a=1, ${NAME}=v`],
    [`"${NAME}"=v`],
    [`%5f_Host-postern_portal=v`],
    ['postern_portal=v'],
  ])('is none: %j', (...lines) => {
    expect(read(...lines)).toBeUndefined();
  });

  // Planted by a sister domain: a browser does not see `__Host-` behind these, so it keeps no rule for them.
  it.each([
    '\u00a0',
    '\u0085',
    '\u000b',
    '\u000c',
    '\u00c2\u00a0',
    '\u00e2\u0080\u0080',
    '\u00ef\u00bb\u00bf',
  ])('is none behind %j, nor in front of it', blank => {
    expect(read(`${blank}${NAME}=v`)).toBeUndefined();
    expect(read(`${NAME}${blank}=v`)).toBeUndefined();
    expect(read(`${NAME}=v; ${blank}${NAME}=w`)).toBe('v');
    expect(read(`${NAME}=v${blank}`)).toBe(`v${blank}`);
  });
});
