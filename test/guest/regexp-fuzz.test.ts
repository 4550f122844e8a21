import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { describeWith } from '../support/component.ts';
import { buildOracle, fuzzRegexp, regexp } from '../support/regexp-wasm.ts';

/** A short form of `npm run fuzz`; the seed is printed by a failure, so that it can be run again. */
const SECONDS = 3;

const go = spawnSync('go', ['version'], { encoding: 'utf8' }).stdout;

describeWith('Go', 'Install Go 1.26 or newer.', go || undefined, 'the same answers as Go’s regexp', () => {
  const oracle = buildOracle();
  afterAll(() => rmSync(oracle, { force: true }));

  it.each([
    ['by automaton', true],
    ['by simulation', false],
  ])('%s', async (_name, automata) => {
    const seed = Date.now() & 0x7fffffff;
    const findings: string[] = [];
    regexp.automata(automata);
    const result = await fuzzRegexp({
      engine: regexp,
      seconds: SECONDS,
      seed,
      oracle,
      report: line => findings.push(`seed ${seed}: ${line}`),
    });
    regexp.automata(true);
    expect(findings.slice(0, 5)).toEqual([]);
    // Mutations, not garbage: about half of the patterns are valid.
    expect(result.valid).toBeGreaterThan(result.patterns / 3);
    expect(result.tooLarge).toBeLessThan(result.patterns / 100);
  });
});
