import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { startChild } from '../support/child.ts';
import { describeTraefik } from '../support/traefik.ts';

const bundle = fileURLToPath(new URL('../../dist/postern.mjs', import.meta.url));

interface Report {
  readonly proxy: string;
  readonly steps: readonly {
    readonly request: string;
    readonly status: number;
    readonly milliseconds: number;
  }[];
}

/** Folders that a demonstration has made and not removed. */
function leftovers(): string[] {
  return [tmpdir(), '/dev/shm'].flatMap(folder => {
    try {
      return readdirSync(folder).filter(name => name.startsWith('postern-demo-'));
    } catch {
      return [];
    }
  });
}

async function runDemo(env: Record<string, string>, ...args: string[]): Promise<Report> {
  const child = startChild(process.execPath, [bundle, 'demo', '--json', ...args], { env });
  expect(await child.exit, child.output).toBe(0);
  return JSON.parse(child.stdout) as Report;
}

const expected = [
  ['GET /api/push/alive', 401],
  ['GET /api/push/alive', 401],
  ['GET /api/push/alive', 200],
  ['GET /api/push/alive', 200],
  ['GET /api/push/alive', 200],
  ['GET /admin', 403],
];

describe('postern demo', () => {
  it('shows refused, hashed, granted and forbidden on the embedded proxy', async () => {
    const before = leftovers();
    const report = await runDemo({}, '--embedded');
    expect(report.proxy).toBe('the embedded proxy');
    expect(report.steps.map(step => [step.request, step.status])).toEqual(expected);
    expect(leftovers()).toEqual(before);
  });

  it('waits, says what to try, and leaves nothing behind on Ctrl-C', async () => {
    const before = leftovers();
    const child = startChild(process.execPath, [bundle, 'demo', '--embedded'], {});
    const [, command] = await child.waitFor(/^ {2}curl -i -u '(\S+' http:\S+)/m);
    const [credential = '', url = ''] = (command ?? '').split("' ");
    const { port, pathname } = new URL(url);
    const answer = await fetch(`http://127.0.0.1:${port}${pathname}`, {
      headers: { Authorization: `Basic ${Buffer.from(credential).toString('base64')}` },
    });
    // `fetch` names another host, which the demonstration does not guard.
    expect(answer.status).toBe(404);
    expect(leftovers().length).toBeGreaterThan(before.length);
    child.signal('SIGINT');
    expect(await child.exit, child.output).toBe(0);
    expect(leftovers()).toEqual(before);
  });

  it('ends without an error on a Ctrl-C while it starts, which its programs get, too', async () => {
    const child = spawn(process.execPath, [bundle, 'demo', '--embedded'], {
      // A group of its own, as a shell gives it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stderr.on('data', part => {
      err += part;
    });
    const ended = new Promise(resolve => child.once('close', resolve));
    child.stdout.on('data', part => {
      const isStarting = !out.includes('Starting host') && `${out}${part}`.includes('Starting host');
      out += part;
      if (isStarting) process.kill(-(child.pid as number), 'SIGINT');
    });
    expect([await ended, err]).toEqual([0, '']);
    expect(out).not.toContain('REQUEST');
  });

  it('says what is wrong when the Traefik named does not start', async () => {
    const before = leftovers();
    const child = startChild(process.execPath, [bundle, 'demo', '--once'], {
      env: { TRAEFIK_BIN: '/bin/false' },
    });
    expect(await child.exit).toBe(1);
    expect(child.stderr).toContain('error: /bin/false did not start');
    expect(leftovers()).toEqual(before);
  });
});

describeTraefik('postern demo with a real Traefik', binary => {
  it('shows the same', async () => {
    const report = await runDemo({ TRAEFIK_BIN: binary() });
    expect(report.proxy).toContain('Traefik (');
    expect(report.steps.map(step => [step.request, step.status])).toEqual(expected);
  });
});
