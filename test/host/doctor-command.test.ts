import { describe, expect, it } from 'vitest';
import type { Io } from '../../host/cli/io.ts';
import { run } from '../../host/cli/program.ts';
import { because } from '../../host/doctor/finding.ts';
import { jsonReport, textReport } from '../../host/doctor/report.ts';
import { formatSecret } from '../../host/secret/secret.ts';
import { SECRET } from '../support/test-app.ts';

async function doctor(args: readonly string[], terminal = false, env: Record<string, string> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = {
    env: { POSTERN_SECRET: formatSecret(SECRET), ...env },
    stdin: { isTTY: false, setRawMode() {}, async *[Symbol.asyncIterator]() {} },
    stdout: { isTTY: terminal, write: text => void out.push(text) },
    stderr: { isTTY: false, write: text => void err.push(text) },
    signal: new AbortController().signal,
  };
  const code = await run(['doctor', ...args], io);
  return { code, out: out.join(''), err: err.join('') };
}

/** Nobody listens there. */
const NOWHERE = ['--traefik-api', 'http://127.0.0.1:1', '--host-address', 'http://127.0.0.1:1'];

describe('postern doctor', () => {
  it.each([
    [['--traefik-api', 'localhost:8080'], '--traefik-api localhost:8080: must be an http(s) URL'],
    [['--probe', 'app.example.com'], '--probe app.example.com: must be an http(s) URL'],
    [['--host-address', 'x'], '--host-address x: must be an http(s) URL'],
    [['--connect', '127.0.0.1:80'], '--connect needs --probe'],
    [['--probe', 'http://a.test/', '--connect', '127.0.0.1'], '--connect 127.0.0.1: must be HOST:PORT'],
    [['--probe', 'http://a.test/', '--connect', 'a:99999'], '--connect a:99999: must be HOST:PORT'],
  ])('refuses %j', async (args, message) => {
    expect(await doctor(args)).toEqual({ code: 2, out: '', err: `error: ${message}\n` });
  });

  it('shows its options and examples', async () => {
    const { code, out } = await doctor(['--help']);
    expect(code).toBe(0);
    for (const text of ['--probe <url>', '--key-file <path>', 'Exit codes: 0 all well', 'Examples:']) {
      expect(out).toContain(text);
    }
  });

  it('says that nothing answers', async () => {
    const { code, out, err } = await doctor(NOWHERE);
    expect([code, err]).toEqual([1, 'error: 3 things are wrong\n']);
    expect(out).toMatch(
      /^ERROR {4}traefik\.unreachable +Traefik's API cannot be asked at http:\/\/127\.0\.0\.1:1/m,
    );
    expect(out).toMatch(/^3 errors, 0 warnings, 0 fine, 1 could not be seen\.$/m);
    expect(out).toContain('host.down');
  });

  it('prints JSON, colours only on a terminal and where they are welcome', async () => {
    const json = JSON.parse((await doctor([...NOWHERE, '--json'])).out);
    expect([json.ok, json.errors, json.findings[0].code]).toEqual([false, 3, 'traefik.unreachable']);
    expect((await doctor(NOWHERE, true)).out).toContain('\u001b[31mERROR');
    expect((await doctor(NOWHERE, true, { NO_COLOR: '1' })).out).not.toContain('\u001b');
    expect((await doctor(NOWHERE)).out).not.toContain('\u001b');
  });
});

describe('the report', () => {
  const { error, ok, unseen } = because('it matters.');
  const findings = [
    ok('a.b', 'fine'),
    unseen('c.d', 'far'),
    error('e.f', 'name \u001b[2J', '# do\nx:\n  y: 1'),
  ];

  it('has a table, then the lines to write', () => {
    expect(textReport(findings, { colour: false })).toBe(
      [
        'OK       a.b                        fine',
        'UNSEEN   c.d                        far',
        'ERROR    e.f                        name \\x1b[2J',
        '',
        'ERROR e.f: name \\x1b[2J',
        'Why: it matters.',
        'Write:',
        '    # do',
        '    x:',
        '      y: 1',
        '',
        '1 error, 0 warnings, 1 fine, 1 could not be seen.',
        '',
      ].join('\n'),
    );
  });

  it('is well when nothing is wrong', () => {
    expect(textReport(findings.slice(0, 2), { colour: false })).toContain(
      'All well: 1 fine, 1 could not be seen.',
    );
    expect(JSON.parse(jsonReport(findings.slice(0, 2)))).toMatchObject({
      ok: true,
      errors: 0,
      unseen: 1,
      fine: 1,
    });
  });
});
