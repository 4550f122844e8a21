import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const text = readFileSync(join(docs, 'security.md'), 'utf8');
const ADVISORY = /CVE-\d{4}-\d+|GHSA(?:-[0-9a-z]{4}){3}/g;
/** Rows of the first table, without its head. */
const rows = text
  .slice(0, text.indexOf('## Signing in'))
  .split('\n')
  .filter(line => line.startsWith('| '))
  .slice(2);

describe('docs/security.md', () => {
  it('lists what broke the field', () => {
    for (const id of [
      'CVE-2025-64484',
      'CVE-2026-39858',
      'CVE-2024-45410',
      'CVE-2025-66490',
      'CVE-2026-25748',
    ].concat(
      [
        'CVE-2021-32637',
        'CVE-2024-47070',
        'CVE-2026-48794',
        'CVE-2025-54576',
        'CVE-2026-40575',
        'CVE-2026-71326',
      ],
      ['CVE-2026-32595', 'GHSA-7r4p-vjf4-gxv4'],
    )) {
      expect(text).toContain(id);
    }
  });

  it.each(rows)('%s', row => {
    const advisories = row.match(ADVISORY) ?? [];
    const tests = [...row.matchAll(/\]\((\.\.\/test\/[^)]+)\)/g)];
    expect(advisories.length).toBeGreaterThan(0);
    expect(tests.length).toBeGreaterThan(0);
    const files = tests.map(([, path = '']) => join(docs, path));
    for (const file of files) expect(existsSync(file), file).toBe(true);
    const all = files.map(file => readFileSync(file, 'utf8')).join('\n');
    for (const advisory of advisories) expect(all).toContain(advisory);
  });

  const signingIn = text
    .slice(text.indexOf('## Signing in'), text.indexOf('## What stays yours'))
    .split('\n')
    .filter(line => line.startsWith('| '))
    .slice(2);
  it.each(signingIn)('%s', row => {
    const tests = [...row.matchAll(/\]\((\.\.\/test\/[^)]+)\)/g)];
    expect(tests.length).toBeGreaterThan(0);
    for (const [, path = ''] of tests) expect(existsSync(join(docs, path)), path).toBe(true);
  });
});
