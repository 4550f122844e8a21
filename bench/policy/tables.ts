import { table } from '../support/report.ts';
import { ratio, rounded, summary } from '../support/statistics.ts';
import type { Prepared } from './prepare.ts';
import type { Shape } from './shapes.ts';

/** Figures of one case, one of each round. Without `last` nothing was decided. */
export interface Measured extends Prepared {
  /** The guest left the decision to the host. */
  readonly deferred: boolean;
  readonly figures: Readonly<Record<string, readonly number[]>>;
  /** Pages of the largest instance, undefined when there was none. */
  readonly pages: number | undefined;
}

const figures = (item: Measured | undefined, name: string): readonly number[] => item?.figures[name] ?? [];

/** A size that was left out. */
const UNMEASURED = 'not measured';

/** What stands where a figure would. */
function absence(item: Measured): string {
  return item.files === undefined ? 'refused' : item.deferred ? 'deferred' : '';
}

function cell(item: Measured, name: string, digits = 0, unit = 1): string {
  const values = figures(item, name);
  if (values.length === 0) return absence(item);
  return (summary(values).median / unit).toFixed(digits);
}

function spread(values: readonly number[]): string {
  return values.length === 0 ? '' : `±${summary(values).spread.toFixed(0)} %`;
}

export function decisionTable(list: readonly Measured[]): string {
  const of = (shape: Shape, size: number) =>
    list.find(item => item.case.shape === shape && item.case.size === size);
  return table(
    [
      'ns a request',
      'rules',
      'last',
      '',
      'none',
      'first',
      'in turn',
      'Go',
      '',
      'Node',
      '',
      'last/ten',
      'Go/last',
    ],
    list.map(item => {
      const last = figures(item, 'last');
      const ten = figures(of(item.case.shape, 10), 'last');
      const quotient = (a: readonly number[], b: readonly number[]) =>
        a.length === 0 || b.length === 0 ? '' : ratio(a, b).toFixed(2);
      return [
        item.case.shape,
        String(item.case.size),
        cell(item, 'last'),
        spread(last),
        cell(item, 'none'),
        cell(item, 'first'),
        cell(item, 'turns'),
        cell(item, 'go'),
        spread(figures(item, 'go')),
        cell(item, 'node'),
        spread(figures(item, 'node')),
        quotient(last, ten),
        quotient(figures(item, 'go'), last),
      ];
    }),
  );
}

export function sizeTable(list: readonly Measured[]): string {
  return table(
    ['policy', 'rules', 'compile ms', '', 'snapshot bytes', 'instance us', 'and first decision', '', 'pages'],
    list.map(item => [
      item.case.shape,
      String(item.case.size),
      item.compileMs.length === 0 ? absence(item) : summary(item.compileMs).median.toFixed(1),
      spread(item.compileMs),
      String(item.files?.snapshotBytes ?? absence(item)),
      cell(item, 'instance', 0, 1_000),
      cell(item, 'start', 0, 1_000),
      spread(figures(item, 'start')),
      String(item.pages ?? absence(item)),
    ]),
  );
}

/** What was wanted, and what came out. */
export function wantedTable(list: readonly Measured[]): string {
  const of = (shape: Shape, size: number) =>
    list.find(item => item.case.shape === shape && item.case.size === size);
  const times = (over: readonly [Shape, number, string], under: readonly [Shape, number, string]) => {
    const items = [of(over[0], over[1]), of(under[0], under[1])] as const;
    const [a, b] = [figures(items[0], over[2]), figures(items[1], under[2])];
    if (a.length > 0 && b.length > 0) return ratio(a, b);
    return items.map(item => item && absence(item)).find(Boolean) || UNMEASURED;
  };
  const largest = list.filter(item => item.case.size === 10_000);
  const starts = largest.map(item =>
    figures(item, 'start').length > 0 ? summary(figures(item, 'start')).median / 1e6 : absence(item),
  );
  const pages = list.flatMap(item => item.pages ?? []);
  const row = (title: string, have: number | string, unit: string, atMost?: number, atLeast?: number) => {
    if (typeof have === 'string') return [title, have, have === UNMEASURED ? '' : 'NOT MET'];
    const met = have <= (atMost ?? Infinity) && have >= (atLeast ?? -Infinity);
    return [title, `${rounded(have, 2)}${unit}`, met ? 'met' : 'NOT MET'];
  };
  const start: number | string =
    starts.find((each): each is string => typeof each === 'string') ??
    (starts.length === 0 ? UNMEASURED : Math.max(...(starts as number[])));
  return table(
    ['wanted', 'have', ''],
    [
      row(
        'domains: 10,000 rules at most 2 times ten',
        times(['domains', 10_000, 'last'], ['domains', 10, 'last']),
        ' times',
        2,
      ),
      row(
        'paths: 1,000 rules at most 2 times ten',
        times(['paths', 1_000, 'last'], ['paths', 10, 'last']),
        ' times',
        2,
      ),
      row(
        'paths: 1,000 rules at least 5 times faster than Go',
        times(['paths', 1_000, 'go'], ['paths', 1_000, 'last']),
        ' times',
        undefined,
        5,
      ),
      row(
        'hard: 1,000 rules no slower than Go',
        times(['hard', 1_000, 'go'], ['hard', 1_000, 'last']),
        ' times as fast',
        undefined,
        1,
      ),
      row('instance and first decision, 10,000 rules: at most 1 ms', start, ' ms', 1),
      row('memory: always 2 pages', pages.length === 0 ? UNMEASURED : Math.max(...pages), ' at most', 2),
    ],
  );
}

/** One entry of the line that `--json` prints; null where nothing could be measured. */
export function entryOf(item: Measured) {
  const median = (name: string, unit = 1) => {
    const values = figures(item, name);
    return values.length === 0 ? null : rounded(summary(values).median / unit);
  };
  return {
    shape: item.case.shape,
    rules: item.case.size,
    decide_ns: median('last'),
    go_ns: median('go'),
    node_ns: median('node'),
    compile_ms: item.compileMs.length === 0 ? null : rounded(summary(item.compileMs).median, 1),
    snapshot_bytes: item.files?.snapshotBytes ?? null,
    instantiate_us: median('start', 1_000),
    pages: item.pages ?? null,
  };
}
