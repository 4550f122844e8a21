import { describe, expect, it } from 'vitest';
import { elasticName, MAX_ELASTIC_NAME } from '../../host/elastic/user-name.ts';

/** Enough for all pairs of pieces and most threes, within a second or so. */
const NAMES = 1_000_000;
/** What is written otherwise, what that is written as, and what stands beside it. */
const PIECES = [
  ...['a', 'A', '2', '5', 'E', 'F', 'C3', 'B6', ' ', '  ', '.', '..', '%', '%2', '%25', '%2E', '%5F', '%20'],
  ...[':', '/', ',', '\\', '~', '!', '"', '?', '#', '+', '*', '_', '_password', '_privileges', 'password'],
  ...[
    '_has_privileges',
    'é',
    'e\u0301',
    'ß',
    'ẞ',
    'K',
    '\u212a',
    'ſ',
    '漢',
    '😀',
    '\u{10ffff}',
    '\ufffd',
    '\ufeff',
  ],
  ...[
    '\u00a0',
    '\u200b',
    '\u3000',
    '\ufe00',
    '\ud83d',
    '\ude00',
    '\u0000',
    '\n',
    '\u007f',
    '\u0085',
    '\u2028',
  ],
];

/** The same numbers at each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('names of users in Elasticsearch', () => {
  it(`of ${NAMES.toLocaleString('en')} random ones each that is held can be read back, and none is a path of its own`, () => {
    const next = numbers(7);
    const wrong: string[] = [];
    let held = 0;
    for (let i = 0; i < NAMES && wrong.length < 10; i++) {
      let username = '';
      for (let pieces = 1 + next(5); pieces > 0; pieces--) username += PIECES[next(PIECES.length)] ?? '';
      const named = elasticName(username);
      if (named.ok) held++;
      const isRight = named.ok ? isGood(named.name, username) && (i % 64 > 0 || isPath(named.name)) : true;
      if (named.ok !== isHeld(username) || !isRight)
        wrong.push(`${JSON.stringify(username)}: ${JSON.stringify(named)}`);
    }
    expect(wrong).toEqual([]);
    expect(held).toBeGreaterThan(NAMES / 3);
  });

  it.each<[string, number]>([
    [`${'é'.repeat(84)}abc`, 507],
    [`${'é'.repeat(84)}abcd`, 508],
    [`${':'.repeat(126)}${'a'.repeat(129)}`, 507],
    [`${':'.repeat(127)}${'a'.repeat(127)}`, 508],
  ])('%s takes %i characters there', (username, length) => {
    const named = elasticName(username);
    expect(named.ok ? named.name.length : named.message).toBe(
      length <= MAX_ELASTIC_NAME
        ? length
        : `the user name takes ${length} characters in Elasticsearch, which holds at most ${MAX_ELASTIC_NAME}`,
    );
  });
});

/** Of names as short as these: all but control characters and halves of pairs. */
function isHeld(username: string): boolean {
  return !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(username);
}

/** Elasticsearch's own rule, and that no two names can share one. */
function isGood(name: string, username: string): boolean {
  return (
    /^[\x21-\x7e]([\x20-\x7e]{0,505}[\x21-\x7e])?$/.test(name) &&
    !/[:,/]/.test(name) &&
    !/^(\.{1,2}|_password|_privileges|_has_privileges)$/.test(name) &&
    decodeURIComponent(name) === username
  );
}

/** A URL makes the same of the name as the client writes it there: no other path. */
function isPath(name: string): boolean {
  const path = `/_security/user/${encodeURIComponent(name)}`;
  return new URL(`http://es${path}`).pathname === path;
}
