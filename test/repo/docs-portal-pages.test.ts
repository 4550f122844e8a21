import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { THEMES } from '../e2e/browser/screenshots.ts';
import { STOPS } from '../e2e/browser/tour.ts';
import { describeBrowser } from '../support/browser.ts';
import { startChild } from '../support/child.ts';
import { describeTraefik } from '../support/traefik.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs/portal-pages.md'), 'utf8');
/** A repository keeps every version of a picture for ever. */
const MAX_BYTES = 60 * 1024;
const MAX_PIXELS = 700;

const names = STOPS.flatMap(name => THEMES.map(theme => `portal-${name}-${theme}.png`));

/** Width and height of a PNG (its first chunk). */
function size(path: string): [number, number] {
  const bytes = readFileSync(path);
  expect(bytes.subarray(1, 4).toString('latin1')).toBe('PNG');
  return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
}

describe('docs/portal-pages.md', () => {
  it.each(names)('shows %s, which is small', name => {
    const path = join(root, 'docs/images', name);
    expect(existsSync(path)).toBe(true);
    expect(page).toContain(`images/${name}`);
    expect(statSync(path).size).toBeLessThan(MAX_BYTES);
    expect(size(path)[0]).toBeLessThan(MAX_PIXELS);
  });

  it('has no picture that is not shown', () => {
    const there = readdirSync(join(root, 'docs/images')).filter(name => name.startsWith('portal-'));
    expect(there.sort()).toEqual([...names].sort());
  });
});

describeTraefik('npm run screenshots', () => {
  describeBrowser('in Chromium', () => {
    it('takes every picture', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'postern-screenshots-'));
      try {
        const tool = join(root, 'tools/screenshots.mjs');
        const env = Object.fromEntries(
          ['POSTERN_CHROMIUM_BIN', 'POSTERN_TRAEFIK_BIN', 'TRAEFIK_BIN'].flatMap(name => {
            const value = process.env[name];
            return value === undefined ? [] : [[name, value]];
          }),
        );
        const child = startChild(process.execPath, [tool, '--out', folder], { cwd: root, env });
        expect([await child.exit, child.stderr]).toEqual([0, '']);
        expect(readdirSync(folder).sort()).toEqual([...names].sort());
        for (const name of names) {
          const [now, kept] = [join(folder, name), join(root, 'docs/images', name)].map(size);
          // Fonts differ from machine to machine; a page that has changed much is another picture.
          expect([name, now?.[0]]).toEqual([name, kept?.[0]]);
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  });
});
