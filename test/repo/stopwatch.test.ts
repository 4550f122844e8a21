import { expect, it } from 'vitest';
import { between, moment, passed, workedMs } from '../support/stopwatch.ts';

const START = { at: 1_000, late: 50, waited: 700 };
const after = (ms: number, late: number, waited: number) =>
  between(START, { at: START.at + ms, late: START.late + late, waited: START.waited + waited });

it.each([
  ['on a machine at rest: all of it', after(3_000, 0, 0), 3_000],
  ['without the time in which somebody waited for a processor', after(3_000, 0, 500), 2_500],
  ['but at least a third, however busy the machine is', after(3_000, 0, 3_000), 1_000],
  ['nor more, on many processors at once', after(3_000, 0, 9_000), 1_000],
  ['without the time in which this process stood still', after(3_000, 2_900, 0), 100],
  ['of which nothing is left out twice', after(3_000, 1_000, 900), 2_000],
  ['never less than nothing', after(10, 20, 20), 0],
  ['nor before it began', after(-100, 0, -90), 0],
])('measures the time of what is tested, %s', (_name, measured, expected) => {
  expect(measured).toBeCloseTo(expected);
});

it('takes what a process does itself for no pause of the machine', () => {
  const began = moment();
  const before = workedMs();
  while (workedMs() - before < 150);
  expect(between(began)).toBeGreaterThan(150 / 3 - 10);
});

it('waits for so much of it', async () => {
  const began = moment();
  await passed(began, 100);
  expect(between(began)).toBeGreaterThanOrEqual(99);
  expect(performance.now() - began.at).toBeGreaterThanOrEqual(99);
});
