// Runs cases in the format of test/cases/regexp/README.md through the engine.
import { Buffer } from 'node:buffer';

/** Patterns of this category may be refused where Go accepts them, if the error says so. */
const SIZE_CATEGORY = 'limits';
const TOO_LARGE = /too large/;

/** Bytes of a field that is text, base64 or a list of [text, count] to repeat and join. */
export function fieldBytes(row, name) {
  if (row[`${name}_b64`] !== undefined) return Buffer.from(row[`${name}_b64`], 'base64');
  const repeated = row[`${name}_rep`];
  const text =
    repeated !== undefined ? repeated.map(([part, count]) => part.repeat(count)).join('') : (row[name] ?? '');
  return Buffer.from(text, 'utf8');
}

/**
 * @param {object} row
 * @param {import('./regexp-engine.mjs').RegexpEngine} engine
 * @returns {string | null} what is wrong, null when the row passes
 */
export function checkRow(row, engine) {
  const refused = engine.compile(fieldBytes(row, 'pattern'));
  if (row.valid === false) {
    if (refused === null) return `accepted, want error ${JSON.stringify(row.error)}`;
    const part = Buffer.from(refused.part).toString('utf8');
    if (row.error !== undefined && refused.error !== row.error) {
      return `error ${JSON.stringify(refused.error)}, want ${JSON.stringify(row.error)}`;
    }
    if (row.error_expr !== undefined && part !== row.error_expr) {
      return `offending part ${JSON.stringify(part)}, want ${JSON.stringify(row.error_expr)}`;
    }
    return null;
  }
  if (refused !== null) {
    if (row.cat === SIZE_CATEGORY && TOO_LARGE.test(refused.error)) return null;
    return `refused: ${refused.error}: ${Buffer.from(refused.part).toString('utf8')}`;
  }
  const match = engine.isMatch(fieldBytes(row, 'input'));
  return match === row.match ? null : `match ${match}, want ${row.match}`;
}

/**
 * @param {Iterable<string>} lines JSON lines; empty ones are skipped
 * @param {import('./regexp-engine.mjs').RegexpEngine} engine
 * @returns {{ passed: number, failed: number, mismatches: string[] }} at most 50 mismatches, one line each
 */
export function runRegexpVectors(lines, engine) {
  const result = { passed: 0, failed: 0, mismatches: [] };
  for (const line of lines) {
    if (line.trim() === '') continue;
    const row = JSON.parse(line);
    const wrong = checkRow(row, engine);
    if (wrong === null) result.passed++;
    else {
      result.failed++;
      if (result.mismatches.length < 50) {
        const pattern = JSON.stringify(row.pattern ?? row.pattern_b64 ?? row.pattern_rep);
        result.mismatches.push(`${row.id} ${pattern}: ${wrong}`);
      }
    }
  }
  return result;
}
