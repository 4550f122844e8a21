// npm run soak -- [--seconds N]
// The long forms of tests that have a short form in `npm test`: fuzzing, a
// million hostile cookies, a thousand killed hosts, a million grants, a thousand
// reloads, a million anonymous visitors. Ends with 1 when one of them failed.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const usage = `usage: npm run soak -- [--seconds N]
Fuzzes for N seconds (default 1800, shared among the kinds), tries a million hostile cookies, kills a
host a thousand times while it writes, writes a million grants over ten restarts, reloads the
configuration a thousand times under load in a real Traefik, and asks the host a million times without
credentials. Exit code 1: something failed.
Example: npm run soak -- --seconds 600`;

function options() {
  try {
    const types = { seconds: { type: 'string', default: '1800' }, help: { type: 'boolean', short: 'h' } };
    return parseArgs({ options: types }).values;
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    process.exit(2);
  }
}

const { seconds, help } = options();
if (help === true) {
  console.log(usage);
  process.exit(0);
}
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const runs = [
  ['build', ['tools/build.mjs', '--if-stale'], {}],
  ['fuzz', ['tools/fuzz.mjs', '--seconds', seconds], {}],
  [
    'hostile cookies',
    ['tools/fuzz.mjs', '--only', 'cookies', '--inputs', '1000000', '--seconds', '86400'],
    {},
  ],
  ['killed hosts', [vitest, 'run', 'test/guest/killed-host.test.ts'], { POSTERN_KILLS: '1000' }],
  ['grants', [vitest, 'run', 'test/guest/endurance.test.ts'], { POSTERN_GRANT_WRITES: '1000000' }],
  ['reloads', [vitest, 'run', 'test/e2e/reload.test.ts'], { POSTERN_RELOADS: '1000' }],
  ['anonymous visitors', [vitest, 'run', 'test/host/anonymous.test.ts'], { POSTERN_ANONYMOUS: '1000000' }],
];
for (const [name, args, env] of runs) {
  console.log(`soak: ${name}`);
  const run = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (run.status !== 0) process.exitCode = 1;
}
