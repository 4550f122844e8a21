import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type Bar, barChart } from './support/bar-chart.ts';
import { QUOTED } from './support/quoted.ts';
import { print, type Results } from './support/report.ts';
import { ratio, summary } from './support/statistics.ts';
import { CASES, type Case, TITLES } from './support/traefik-cases.ts';

/** Table and chart of the README from the results of the other suites; measures nothing. */

const RESULTS = 'bench/results';
const CHART = `${RESULTS}/comparison.svg`;
const BEGIN = '<!-- comparison -->';
const END = '<!-- /comparison -->';

interface TraefikRounds {
  readonly rps: Readonly<Record<Case, readonly number[]>>;
  readonly rss_per_inflight_kib: Readonly<Record<'plain' | 'noop' | 'hit', readonly number[]>>;
}

export async function run(): Promise<void> {
  const traefik = read('traefik');
  const guest = read('guest');
  if (traefik === undefined) throw new Error('there are no results yet: npm run bench -- traefik');
  const { rps, rss_per_inflight_kib: memory } = traefik.rounds as TraefikRounds;
  writeFileSync(CHART, barChart(title(traefik), bars(rps)));
  const section = [
    BEGIN,
    `![Requests per second behind each kind of door](${CHART})`,
    '',
    ...speedTable(rps),
    '',
    `${conditions(traefik)} A request in flight takes ${middle(memory.hit)} KiB of Traefik's memory, ${middle(memory.noop)} KiB behind a no-op plugin, ${middle(memory.plain)} KiB without any.${guest === undefined ? '' : guestSentence(guest)} Make these figures anew with \`npm run bench -- traefik\`, \`guest\` and \`chart\`.`,
    END,
  ].join('\n');
  print(`${section}\n`);
  const readme = readFileSync('README.md', 'utf8');
  const from = readme.indexOf(BEGIN);
  const to = readme.indexOf(END);
  if (from < 0 || to < from) throw new Error(`README.md has no place for the comparison: ${BEGIN} … ${END}`);
  writeFileSync('README.md', readme.slice(0, from) + section + readme.slice(to + END.length));
}

function read(suite: string): Results | undefined {
  const path = `${RESULTS}/${suite}.json`;
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Results) : undefined;
}

const middle = (values: readonly number[]): string => summary(values).median.toFixed(0);
const thousands = (value: number): string => Math.round(value).toLocaleString('en-GB');
const percent = (value: number): string => `${(value * 100).toFixed(0)} %`;

/** In the order of speed; what is quoted stands at what it made of its own machine's no-auth figure. */
function bars(rps: TraefikRounds['rps']): Bar[] {
  const plain = summary(rps.plain).median;
  const measured = CASES.map(name => ({ ...summary(rps[name]), label: TITLES[name], ours: isOurs(name) }));
  const quoted = QUOTED.map(({ title, rps: figure, plain: base }) => {
    const value = (figure / base) * plain;
    return { median: value, min: value, max: value, label: `${title} *`, ours: false };
  });
  return [...measured, ...quoted].sort((a, b) => b.median - a.median);
}

function isOurs(name: Case): boolean {
  return name === 'hit' || name === 'hit_from_file' || name === 'forward_host';
}

function speedTable(rps: TraefikRounds['rps']): string[] {
  const rows = CASES.map(name => {
    const { median, spread } = summary(rps[name]);
    const title = isOurs(name) ? `**${TITLES[name]}**` : TITLES[name];
    return `| ${title} | ${thousands(median)} ± ${spread.toFixed(1)} % | ${percent(ratio(rps[name], rps.plain))} | ${percent(ratio(rps[name], rps.native))} |`;
  });
  const quoted = QUOTED.map(
    ({ title, rps: figure, plain, when }) =>
      `| ${title} * | ${thousands(figure)} | ${percent(figure / plain)} | quoted, ${when} |`,
  );
  return [
    '| door | requests/s | of no auth | of native |',
    '| --- | ---: | ---: | ---: |',
    ...rows,
    ...quoted,
  ];
}

function title({ versions }: Results): string {
  return `Requests per second through Traefik ${versions.traefik}`;
}

function conditions({ date, machine, versions, rounds }: Results): string {
  const count = (rounds as TraefikRounds).rps.plain.length;
  return `Medians of ${count} interleaved rounds, ${date}: Traefik ${versions.traefik}, ${versions.load} with 16 connections, everything on ${machine.cores} cores (${machine.cpu}). *Native* is the same layered routers with Traefik's own \`headers\` middleware setting the same headers. * Not run here: another machine's figures, at their share of its own no-auth figure in the chart.`;
}

function guestSentence({ summary: figures }: Results): string {
  const number = (name: string) => Number(figures[name]);
  const microseconds = (name: string) => (number(name) / 1_000).toFixed(1);
  return ` Inside the plugin's runtime a hit takes ${microseconds('hit_ns')} us, one read from the table ${microseconds('hit_from_file_ns')} us, a no-op guest ${microseconds('noop_ns')} us; a new instance is ready in ${number('instantiate_us')} us.`;
}
