/** Horizontal bars as plain SVG, readable on light and dark pages alike. */
export interface Bar {
  readonly label: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly ours: boolean;
}

const WIDTH = 760;
const LEFT = 290;
const RIGHT = 90;
const TOP = 44;
const ROW = 28;
const BAR = 16;

export function barChart(title: string, bars: readonly Bar[]): string {
  const longest = Math.max(...bars.map(bar => bar.max));
  const scale = (value: number) => ((WIDTH - LEFT - RIGHT) * value) / longest;
  const rows = bars.map((bar, i) => row(bar, TOP + i * ROW, scale));
  const height = TOP + bars.length * ROW + 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">
<style>
text { font: 13px system-ui, sans-serif; fill: #57606a }
.title { font-weight: 600; font-size: 15px }
.label { text-anchor: end }
.bar { fill: #8c959f }
.ours { fill: #1a7f37 }
.range { stroke: #57606a; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #b1bac4 }
.bar { fill: #6e7681 }
.ours { fill: #3fb950 }
.range { stroke: #b1bac4 }
}
</style>
<text class="title" x="12" y="24">${escaped(title)}</text>
${rows.join('\n')}
</svg>
`;
}

function row({ label, median, min, max, ours }: Bar, y: number, scale: (value: number) => number): string {
  const middle = y + ROW / 2;
  const text = middle + 4.5;
  const at = (value: number) => (LEFT + scale(value)).toFixed(1);
  const range = max > min ? `<path class="range" d="M${at(min)} ${middle}H${at(max)}"/>` : '';
  return [
    `<text class="label" x="${LEFT - 10}" y="${text}">${escaped(label)}</text>`,
    `<rect class="bar${ours ? ' ours' : ''}" x="${LEFT}" y="${y + (ROW - BAR) / 2}" width="${Math.max(scale(median), 1).toFixed(1)}" height="${BAR}" rx="2"/>`,
    range,
    `<text x="${(LEFT + scale(max) + 8).toFixed(1)}" y="${text}">${Math.round(median).toLocaleString('en-GB')}</text>`,
  ].join('');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
