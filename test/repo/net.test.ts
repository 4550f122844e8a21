import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transformSync } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';
import { freePort, freePorts } from '../support/net.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/** So many that two processes that choose by chance alone would have some seven in common. */
const SHARE = 400;

/** Prints the ports that it is given, and keeps them until its input ends. */
const OTHER = `
const { freePorts } = await import(process.argv[1]);
console.log(JSON.stringify(await freePorts(${SHARE})));
process.stdin.on('end', () => process.exit()).resume();
`;

describe.runIf(process.platform === 'linux')('freePort', () => {
  afterAll(removeTempDirectories);

  it('gives no port to two processes', async () => {
    const source = new URL('../support/net.ts', import.meta.url);
    const module = join(tempDirectory(), 'net.mjs');
    writeFileSync(module, transformSync(readFileSync(source, 'utf8'), { loader: 'ts' }).code);
    const args = ['--input-type=module', '-e', OTHER, pathToFileURL(module).href];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const ours = await freePorts(SHARE);
    while (!text.endsWith('\n')) await once(child.stdout, 'data');
    const theirs: number[] = JSON.parse(text);
    child.stdin.end();
    expect(new Set([...ours, ...theirs]).size).toBe(2 * SHARE);
    expect(await ended).toEqual([0, null]);
  });

  it('gives none that an outgoing connection may have', async () => {
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/).map(Number);
    const [first = 0] = range;
    expect(await freePort()).toBeLessThan(first > 12_000 ? first : 32_768);
  });
});
