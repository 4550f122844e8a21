import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import binaryen from 'binaryen';
import { describe, expect, it } from 'vitest';

const path = fileURLToPath(new URL('../../dist/plugin.wasm', import.meta.url));
const bytes = readFileSync(path);

/** Above this a cold start of a proxy instance is felt; the catalog ships it to everybody. */
const MAX_BYTES = 128 * 1024;

describe('dist/plugin.wasm', () => {
  const text = binaryen.readBinary(bytes).emitText();

  it('is small', () => {
    expect(statSync(path).size).toBeLessThanOrEqual(MAX_BYTES);
  });

  it('imports nothing but the HTTP handler ABI and the few WASI calls', () => {
    const names = [...text.matchAll(/\(import "([^"]+)" "([^"]+)"/g)].map(
      ([, from, name]) => `${from}.${name}`,
    );
    const wasi = names.filter(name => name.startsWith('wasi_snapshot_preview1.')).sort();
    const handler = names.filter(name => name.startsWith('http_handler.'));
    expect(wasi.length + handler.length).toBe(names.length);
    expect(wasi).toEqual(
      [
        'wasi_snapshot_preview1.clock_time_get',
        'wasi_snapshot_preview1.environ_get',
        'wasi_snapshot_preview1.environ_sizes_get',
        'wasi_snapshot_preview1.fd_close',
        'wasi_snapshot_preview1.fd_prestat_dir_name',
        'wasi_snapshot_preview1.fd_prestat_get',
        'wasi_snapshot_preview1.fd_pread',
        'wasi_snapshot_preview1.path_open',
      ].sort(),
    );
    expect(handler).not.toContain('http_handler.enable_features');
  });

  it('exports what the proxy calls', () => {
    const names = [...text.matchAll(/\(export "([^"]+)"/g)].map(match => match[1]);
    expect(names).toEqual(
      expect.arrayContaining(['memory', '_initialize', 'handle_request', 'handle_response']),
    );
  });

  it('has exactly two pages of memory and cannot grow', () => {
    expect(text.match(/\(memory[^)]*\)/g)?.[0]).toMatch(/\(memory \$\S+ 2 2\)/);
  });

  it('has one data segment: each is a record in every instance', () => {
    expect(text.match(/\(data /g)).toHaveLength(1);
  });

  it('holds no bulk-memory instruction (wazero #2375)', () => {
    // Function names may hold these words; instructions stand behind an opening parenthesis.
    expect(
      text.match(/\((memory\.(copy|fill|init)|data\.drop|table\.(copy|init|fill|grow)|elem\.drop)\b/)?.[0],
    ).toBeUndefined();
  });
});
