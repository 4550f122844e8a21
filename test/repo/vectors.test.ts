import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'postern-vectors-'));
const corpus = (kind: string): string => join(root, 'test', 'cases', kind, 'corpus.jsonl.gz');

afterAll(() => rmSync(folder, { recursive: true }));

function vectors(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'vectors', '--', ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, lines: stdout.split('\n').slice(0, -1), stderr };
}

/** A file of vectors with `content` as it stands. */
function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const head = (kind: string, count: number): Record<string, unknown>[] =>
  gunzipSync(readFileSync(corpus(kind)))
    .toString('utf8')
    .split('\n')
    .slice(0, count)
    .map(line => JSON.parse(line));

const jsonl = (rows: object[]): string => rows.map(row => `${JSON.stringify(row)}\n`).join('');

describe('npm run vectors', () => {
  it.each([
    ['regexp', '3084 passed, 0 failed'],
    ['acl', '7304 passed, 0 failed'],
  ])('finds nothing wrong in the corpus of %s', (kind, count) => {
    expect(vectors(kind, corpus(kind))).toMatchObject({ status: 0, lines: [count] });
  });

  it('shows one planted mismatch of a pattern, also in a compressed file', () => {
    const planted = { id: 'planted', cat: 'acl', pattern: '^/\tadmin', input: '/', match: true };
    const path = file('planted.jsonl.gz', gzipSync(jsonl([...head('regexp', 10), planted])));
    expect(vectors('regexp', path)).toMatchObject({
      status: 1,
      lines: ['planted "^/\\tadmin": match false, want true', '10 passed, 1 failed'],
    });
  });

  it('shows one planted mismatch of a decision', () => {
    const request = {
      username: 'john',
      groups: [],
      ip: '10.0.0.1',
      method: 'GET',
      url: 'https://app.example.com/',
      expected: 'deny',
      matched_rule: 1,
      has_subjects: false,
    };
    const planted = { id: 'planted', access_control: { default_policy: 'one_factor' }, requests: [request] };
    expect(vectors('acl', file('planted.jsonl', `\n${jsonl([planted])}\n`))).toMatchObject({
      status: 1,
      lines: [
        "planted request 0: GET https://app.example.com/ as 'john': one_factor rule 0, expected deny rule 1",
        '0 passed, 1 failed',
      ],
    });
  });

  it('shows at most 50 mismatches and counts them all', () => {
    const rows = Array.from({ length: 60 }, (_, i) => ({
      id: `x${i}`,
      cat: 'acl',
      pattern: 'a',
      input: 'a',
      match: false,
    }));
    const { status, lines } = vectors('regexp', file('sixty.jsonl', jsonl(rows)));
    expect(status).toBe(1);
    expect(lines).toHaveLength(52);
    expect(lines.slice(49)).toEqual([
      'x49 "a": match true, want false',
      'and 10 more',
      '0 passed, 60 failed',
    ]);
  });

  const missing = join(folder, 'missing.jsonl');
  it.each([
    [['regexp', missing], `vectors: ${missing}: no such file\n`],
    [['regexp', folder], `vectors: ${folder}: cannot be read: EISDIR`],
    [['regexp', file('bad.jsonl', `${jsonl(head('regexp', 1))}{"id":`)], 'vectors: bad.jsonl:2: not JSON: '],
    [['regexp', file('null.jsonl', `null\n`)], 'vectors: null.jsonl:1: not an object\n'],
    [
      ['acl', file('kind.jsonl', jsonl(head('regexp', 1)))],
      'vectors: kind.jsonl:1: not a vector of kind "acl": no "access_control"\n',
    ],
    [
      ['regexp', file('match.jsonl', jsonl([{ id: 'x', pattern: 'a', input: 'a' }]))],
      'vectors: match.jsonl:1: not a vector of kind "regexp": neither "match" nor "valid": false\n',
    ],
    [['words', missing], 'vectors: no vectors of kind "words"\nusage: npm run vectors'],
    [['regexp'], 'vectors: usage: npm run vectors -- regexp|acl|authelia FILE'],
  ])('refuses %j', (args, message) => {
    const { status, lines, stderr } = vectors(...args);
    expect(stderr.slice(0, message.length)).toBe(message);
    expect(lines).toEqual([]);
    expect(status).toBe(2);
  });
});
