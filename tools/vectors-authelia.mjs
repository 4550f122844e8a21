import { dirname, join } from 'node:path';
import { ask } from './replay/ask.mjs';
import { compare } from './replay/compare.mjs';
import { startService } from './replay/service.mjs';

/** Answers that wait for their two seconds hold places; the service has 1,024, and 64 for passwords. */
const AT_ONCE = 24;
const SHOWN = 50;

/** Replays recorded exchanges against the real program, with the configuration that lies beside them. */
export async function runAutheliaVectors(lines, path) {
  const service = await startService(join(dirname(path), 'configuration.yml'));
  const again = row => ask(service.port, row);
  const rows = lines.filter(line => line.trim() !== '').map(line => JSON.parse(line));
  const mismatches = [];
  const meant = new Map();
  let next = 0;
  const work = async () => {
    while (next < rows.length) {
      const row = rows[next++];
      const result = await again(row).then(answer => compare(row, answer, again));
      for (const name of result.meant) meant.set(name, (meant.get(name) ?? 0) + 1);
      if (result.mismatch !== '') mismatches.push(`${row.endpoint}: ${row.case}: ${result.mismatch}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    await service.stop();
  }
  return {
    passed: rows.length - mismatches.length,
    failed: mismatches.length,
    mismatches: mismatches.slice(0, SHOWN),
    notes: [...meant].map(([name, count]) => `${count} with a difference that is meant: ${name}`),
  };
}
