// npm run vectors -- regexp|acl FILE: runs vectors (.jsonl or .jsonl.gz) through
// dist/embed.wasm, built first when it is older than its sources. Formats:
// test/cases/regexp/README.md and test/cases/acl/README.md.
// npm run vectors -- authelia FILE: replays recorded exchanges against the
// service, with configuration.yml and users beside the file. Prints at most 50
// mismatches and, alone on the last line, `N passed, N failed`. Exit code 0
// without failures, 1 with some, 2 when the file cannot be judged.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const USAGE = 'usage: npm run vectors -- regexp|acl|authelia FILE   (FILE: .jsonl or .jsonl.gz)';
const inTree = path => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** What each kind of vector needs before it can be judged; answers what is missing. */
const KINDS = {
  regexp: {
    missing(row) {
      if (!['pattern', 'pattern_b64', 'pattern_rep'].some(name => row[name] !== undefined))
        return 'no "pattern"';
      return row.valid === false || typeof row.match === 'boolean'
        ? ''
        : 'neither "match" nor "valid": false';
    },
    async run(lines) {
      const { loadRegexpEngine } = await import('./regexp-engine.mjs');
      const { runRegexpVectors } = await import('./vectors-regexp.mjs');
      return runRegexpVectors(lines, loadRegexpEngine(inTree('dist/embed.wasm')));
    },
  },
  acl: {
    missing(row) {
      if (row.access_control === undefined) return 'no "access_control"';
      return Array.isArray(row.requests) ? '' : 'no list "requests"';
    },
    async run(lines) {
      const { loadPolicyEngine } = await import('./policy-engine.mjs');
      const { runAclVectors } = await import('./vectors-acl.mjs');
      return runAclVectors(lines, loadPolicyEngine(inTree('dist/embed.wasm')));
    },
  },
  authelia: {
    missing(row) {
      if (typeof row.request_line !== 'string') return 'no "request_line"';
      return Array.isArray(row.request_headers) && Array.isArray(row.headers) ? '' : 'no lists of headers';
    },
    async run(lines, path) {
      const { runAutheliaVectors } = await import('./vectors-authelia.mjs');
      return runAutheliaVectors(lines, path);
    },
  },
};

function giveUp(message) {
  process.stderr.write(`vectors: ${message}\n`);
  process.exit(2);
}

function readText(path) {
  try {
    const bytes = readFileSync(path);
    // gzip's magic number (RFC 1952 section 2.3.1), whatever the name says
    return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (error) {
    return giveUp(
      error.code === 'ENOENT' ? `${path}: no such file` : `${path}: cannot be read: ${error.message}`,
    );
  }
}

/** The lines of the file, each checked to be a vector of the kind. */
function readVectors(path, kind) {
  const lines = readText(path).split('\n');
  lines.forEach((line, index) => {
    if (line.trim() === '') return;
    const where = `${basename(path)}:${index + 1}`;
    let row;
    try {
      row = JSON.parse(line);
    } catch (error) {
      giveUp(`${where}: not JSON: ${error.message}`);
    }
    if (typeof row !== 'object' || row === null) giveUp(`${where}: not an object`);
    const missing = KINDS[kind].missing(row);
    if (missing !== '') giveUp(`${where}: not a vector of kind "${kind}": ${missing}`);
  });
  return lines;
}

const [kind, path, ...rest] = process.argv.slice(2);
if (kind === undefined || path === undefined || rest.length > 0) giveUp(USAGE);
if (!Object.hasOwn(KINDS, kind)) giveUp(`no vectors of kind "${kind}"\n${USAGE}`);

const lines = readVectors(path, kind);
const build = spawnSync(process.execPath, [inTree('tools/build.mjs'), '--if-stale'], {
  stdio: ['ignore', 2, 2],
});
if (build.status !== 0) giveUp('dist/embed.wasm does not build');

const { passed, failed, mismatches, notes = [] } = await KINDS[kind].run(lines, path);
// Control characters of a pattern or a path stay visible and on their line.
const plain = text => text.replace(/\p{Cc}/gu, char => JSON.stringify(char).slice(1, -1));
for (const mismatch of mismatches) process.stdout.write(`${plain(mismatch)}\n`);
for (const note of notes) process.stdout.write(`${note}\n`);
if (failed > mismatches.length) process.stdout.write(`and ${failed - mismatches.length} more\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
