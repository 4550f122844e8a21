import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

/** WCAG 2.2 AA, and what is not in it but good. */
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

interface Finding {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

interface Results {
  readonly violations: readonly Finding[];
  readonly incomplete: readonly Finding[];
  readonly passes: readonly Finding[];
}

let source: string | undefined;

/**
 * What axe finds on the page that is open, and colours that it could not judge.
 * It comes by the browser's debugging protocol: the page's policy stays in force.
 */
export async function axe(page: Page): Promise<string[]> {
  source ??= readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  // Once for each page: it is large, and a page may be looked at several times.
  if (!(await page.evaluate('"axe" in window'))) await page.evaluate(source);
  const options = {
    runOnly: { type: 'tag', values: TAGS },
    resultTypes: ['violations', 'incomplete'],
    // It would fetch stylesheets of other hosts once more, which our policies do not allow scripts.
    preload: false,
  };
  const results = (await page.evaluate(`axe.run(document, ${JSON.stringify(options)})`)) as Results;
  if (results.passes.length === 0) throw new Error('axe has looked at nothing');
  const unsure = results.incomplete.filter(({ id }) => id === 'color-contrast');
  return [...results.violations, ...unsure].flatMap(({ id, help, nodes }) =>
    nodes.map(
      ({ html, failureSummary = '' }) => `${id}: ${help}: ${html} ${failureSummary.replace(/\s+/g, ' ')}`,
    ),
  );
}
