import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createSecret } from '../../host/secret/secret.ts';
import { startChild } from '../support/child.ts';
import { freePort } from '../support/net.ts';
import { BUNDLE } from '../support/run-cli.ts';
import { guestDirectory, removeTempDirectories } from '../support/temp.ts';
import { waitUntil } from '../support/wait.ts';

/** A file that is always full. */
const FULL = '/dev/full';
const DIGEST = '$argon2id$v=19$m=65536,t=3,p=2$BpLnfgDsc2WD8F2q$o/vzA4myCqZZ36bUGsDY//8mKUYNZZaR0t4MFFSs+iM';

afterAll(removeTempDirectories);

function start(command: string, cwd: string, env: Record<string, string> = {}) {
  return startChild('sh', ['-c', `exec "${process.execPath}" "${BUNDLE}" ${command}`], { cwd, env });
}

describe('output on a full disk', () => {
  if (!existsSync(FULL)) {
    process.stderr.write(`SKIPPED: there is no ${FULL} here: run these tests on Linux\n`);
    it.skip(`needs ${FULL}`, () => {});
    return;
  }
  const home = guestDirectory();

  it.each(['schema', '--help', 'completion bash', 'secret'])('postern %s fails in one line', async args => {
    const child = start(`${args} > ${FULL}`, home);
    expect(await child.exit).toBe(1);
    expect(child.stderr).toBe(
      'error: cannot write standard output: ENOSPC: no space left on device, write\n',
    );
  });

  it('a message that cannot be written changes no exit code', async () => {
    const child = start(`hash extra 2> ${FULL}`, home);
    expect([await child.exit, child.output]).toEqual([2, '']);
  });

  it('the service answers on without its log', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    writeFileSync(join(home, 'users.yml'), `users: { john: { displayname: John, password: '${DIGEST}' } }\n`);
    writeFileSync(
      join(home, 'postern.yml'),
      `server: { address: 'tcp://${address}' }
guest: { directory: ./guest }
log: { level: debug }
authentication_backend: { file: { path: users.yml } }
access_control: { default_policy: one_factor }
`,
    );
    const child = start(`serve 2> ${FULL}`, home, { POSTERN_SECRET: createSecret() });
    // What it logs at its start is lost already.
    await child.waitFor(/listening on/);
    const health = async () => (await fetch(`http://${address}/health`)).ok;
    await waitUntil('an answer', health);
    child.signal('SIGHUP');
    await waitUntil('another answer', health);
    expect([child.exited, await child.stop(), child.stderr]).toEqual([false, 0, '']);
  });
});
