import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HeaderMap } from '../../host/proxy/header-map.ts';
import { type Exchange, handlerImports } from '../../host/proxy/http-wasm.ts';
import { guestMemory } from '../../host/proxy/memory.ts';
import { MountTable } from '../../host/proxy/mounts.ts';
import { ResponseWriter } from '../../host/proxy/response-writer.ts';
import { wasiImports } from '../../host/proxy/wasi.ts';
import { webAssembly } from '../../host/proxy/web-assembly.ts';

/**
 * The imports themselves, called as a guest calls them. What Traefik's runtime
 * does in the cases that a real guest can reach is compared in
 * `proxy-like-traefik.test.ts`; here are the edges.
 */

const linear = new webAssembly.Memory({ initial: 1 });
const END = 65_536;
/** Where tests put names and values, and where they want results. */
const [NAME, VALUE, OUT] = [0, 4_096, 8_192];

const bytes = new Uint8Array(linear.buffer);
const view = new DataView(linear.buffer);
const put = (at: number, text: string): number => bytes.set(Buffer.from(text, 'latin1'), at) ?? text.length;
const text = (at: number, length: number): string =>
  Buffer.from(bytes.slice(at, at + length)).toString('latin1');
const countLength = (count: number, length: number): bigint => (BigInt(count) << 32n) | BigInt(length);

type Call = (...args: (number | bigint)[]) => number | bigint | undefined;
type Calls = Readonly<Record<string, Call>>;

beforeEach(() => bytes.fill(0));

describe('http_handler', () => {
  let exchange: Exchange | undefined;
  let logged: string[];
  let calls: Calls;

  beforeEach(() => {
    logged = [];
    exchange = {
      method: 'GET',
      uri: '/a?b=c',
      protocol: 'HTTP/1.1',
      host: 'App.test:80',
      headers: HeaderMap.from([
        ['accept', 'a'],
        ['X-Two', '1'],
        ['x-two', '2'],
        ['x_two', 'J\xf6rg'],
      ]),
      sourceAddress: '[::1]:9',
      body: Buffer.from('hello'),
      newBody: undefined,
      response: new ResponseWriter(),
      answer: undefined,
      passed: false,
    };
    calls = handlerImports({
      memory: guestMemory(() => linear),
      config: Buffer.from('{"a":1}'),
      log: (level, message) => logged.push(`${level} ${message}`),
      exchange: () => exchange,
    }) as unknown as Calls;
  });

  const call = (name: string, ...args: (number | bigint)[]) => calls[name]?.(...args);
  const named = (name: string, kind: number, header: string, ...rest: number[]) =>
    call(name, kind, NAME, put(NAME, header), ...rest);
  const values = (kind: number, header: string): string => {
    const packed = named('get_header_values', kind, header, OUT, 100) as bigint;
    return `${packed >> 32n} ${text(OUT, Number(packed & 0xffff_ffffn))}`;
  };

  it.each([
    ['get_config', '{"a":1}'],
    ['get_method', 'GET'],
    ['get_uri', '/a?b=c'],
    ['get_protocol_version', 'HTTP/1.1'],
    ['get_source_addr', '[::1]:9'],
  ])('%s writes all or nothing and answers the length', (name, expected) => {
    expect(call(name, OUT, expected.length - 1)).toBe(expected.length);
    expect(bytes[OUT]).toBe(0);
    expect(call(name, OUT, expected.length)).toBe(expected.length);
    expect(text(OUT, expected.length + 1)).toBe(`${expected}\0`);
    // Outside the memory it is silent, as there.
    expect(call(name, END - 1, 100)).toBe(expected.length);
  });

  it('get_header_names', () => {
    const all = 'accept\0host\0x-two\0x_two\0';
    expect(call('get_header_names', 0, OUT, all.length - 1)).toBe(countLength(4, all.length));
    expect(bytes[OUT]).toBe(0);
    call('get_header_names', 0, OUT, all.length);
    expect(text(OUT, all.length)).toBe(all);
    expect(() => call('get_header_names', 0, END - 1, 100)).toThrow('out of memory');
    expect(call('get_header_names', 1, OUT, 100)).toBe(0n);
    expect(call('get_header_names', 2, OUT, 100)).toBe(0n);
    expect(() => call('get_header_names', 4, OUT, 100)).toThrow('unsupported header kind: 4');
  });

  it('get_header_values', () => {
    expect(values(0, 'x-TWO')).toBe('2 1\x002\0');
    expect(values(0, 'X_two')).toBe('1 J\xf6rg\0');
    expect(values(0, 'hOST')).toBe('1 App.test:80\0');
    expect(values(0, 'missing')).toBe('0 ');
    expect(values(3, 'x')).toBe('0 ');
    expect(() => call('get_header_values', 0, NAME, 0, OUT, 9)).toThrow('HTTP header name cannot be empty');
    expect(() => call('get_header_values', 0, END, 1, OUT, 9)).toThrow('out of memory reading name');
  });

  it('set_header_value, add_header_value, remove_header', () => {
    named('set_header_value', 0, 'X-TWO', VALUE, put(VALUE, 'new'));
    expect(values(0, 'x-two')).toBe('1 new\0');
    named('add_header_value', 0, 'x-two', VALUE, put(VALUE, 'more'));
    expect(values(0, 'x-two')).toBe('2 new\0more\0');
    named('set_header_value', 0, 'accept', VALUE, 0);
    expect(values(0, 'accept')).toBe('1 \0');
    named('remove_header', 0, 'X-TWO');
    expect(values(0, 'x-two')).toBe('0 ');
    named('set_header_value', 1, 'vary', VALUE, put(VALUE, '*'));
    expect(values(1, 'Vary')).toBe('1 *\0');
    expect(() => named('set_header_value', 2, 'x', VALUE, 0)).toThrow("can't set trailers: not supported");
  });

  it('does not move the request by its Host header', () => {
    named('set_header_value', 0, 'Host', VALUE, put(VALUE, 'evil.test'));
    named('remove_header', 0, 'Host');
    expect(values(0, 'Host')).toBe('1 App.test:80\0');
  });

  it('set_method, set_uri', () => {
    call('set_method', VALUE, put(VALUE, 'PUT'));
    call('set_uri', VALUE, put(VALUE, '/x'));
    expect(exchange).toMatchObject({ method: 'PUT', uri: '/x' });
    call('set_uri', VALUE, 0);
    expect(exchange?.uri).toBe('/');
    expect(() => call('set_uri', VALUE, put(VALUE, '/%zz'))).toThrow('invalid URI for request');
    expect(() => call('set_method', VALUE, 0)).toThrow('HTTP method cannot be empty');
  });

  it('read_body', () => {
    expect(call('read_body', 0, OUT, 4)).toBe(4n);
    expect(text(OUT, 4)).toBe('hell');
    expect(call('read_body', 0, OUT, 4)).toBe(countLength(1, 1));
    expect(call('read_body', 0, OUT, 4)).toBe(countLength(1, 0));
    expect(() => call('read_body', 0, OUT, 0)).toThrow('buf_limit==0');
    expect(() => call('read_body', 1, OUT, 4)).toThrow('response buffering is off');
  });

  it('set_status_code, write_body', () => {
    call('set_status_code', 403);
    call('set_status_code', 200);
    for (const part of ['a', 'bc', '']) call('write_body', 1, VALUE, put(VALUE, part));
    expect(exchange?.response.finish()).toMatchObject({ status: 403, body: Buffer.from('abc') });
    call('write_body', 0, VALUE, put(VALUE, 'new'));
    expect(exchange?.newBody).toEqual(Buffer.from('new'));
    expect(() => call('write_body', 1, END - 1, 2)).toThrow('out of memory reading body');
  });

  it.each([99, 1000, -1])('set_status_code traps on %i', status => {
    expect(() => call('set_status_code', status)).toThrow('invalid WriteHeader code');
  });

  it('write_body traps where no content is allowed', () => {
    call('set_status_code', 204);
    expect(() => call('write_body', 1, VALUE, 1)).toThrow('does not allow body');
  });

  it('get_status_code traps without response buffering', () => {
    expect(() => call('get_status_code')).toThrow('buffering');
  });

  it('grants no feature, logs every level', () => {
    expect(call('enable_features', 7)).toBe(0);
    expect(call('log_enabled', -1)).toBe(1);
    bytes.set(Buffer.from('grüße'), VALUE);
    call('log', 2, VALUE, 7);
    call('log', -1, 0, 0);
    expect(logged).toEqual(['2 grüße', '-1 ']);
  });

  it('lets nothing be edited once the request is passed on', () => {
    if (exchange !== undefined) exchange.passed = true;
    const edits: [string, ...number[]][] = [
      ['set_method', 0, 1],
      ['set_uri', 0, 1],
      ['set_header_value', 0, 0, 1, 0, 1],
      ['add_header_value', 1, 0, 1, 0, 1],
      ['remove_header', 0, 0, 1],
      ['set_status_code', 200],
      ['write_body', 1, 0, 1],
      ['read_body', 0, 0, 1],
    ];
    for (const [name, ...args] of edits)
      expect(() => call(name, ...args), name).toThrow('after next handler');
    expect(values(0, 'accept')).toBe('1 a\0');
  });

  it('traps outside a request', () => {
    exchange = undefined;
    expect(() => call('get_uri', OUT, 10)).toThrow('no request in progress');
    expect(call('get_config', OUT, 100)).toBe(7);
  });
});

describe('wasi_snapshot_preview1', () => {
  let directory = '';
  let printed = '';
  let files: MountTable;
  let calls: Calls;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'postern-test-'));
    mkdirSync(join(directory, 'mount/sub'), { recursive: true });
    writeFileSync(join(directory, 'mount/state'), '0123456789');
    writeFileSync(join(directory, 'secret'), 'secret');
    symlinkSync('../secret', join(directory, 'mount/out'));
    symlinkSync('state', join(directory, 'mount/link'));
    symlinkSync('..', join(directory, 'mount/up'));
    printed = '';
    files = new MountTable({ '/run/postern': join(directory, 'mount'), '/second': directory });
    calls = wasiImports({
      memory: guestMemory(() => linear),
      env: { A: '1', LONG: 'ü' },
      files,
      now: () => 1_700_000_000_123.456,
      print: part => {
        printed += part;
      },
    }) as unknown as Calls;
  });
  afterEach(() => {
    files.closeAll();
    rmSync(directory, { recursive: true });
  });

  const call = (name: string, ...args: (number | bigint)[]) => calls[name]?.(...args);
  /** Opens for reading, follows links; answers the descriptor, or minus the error number. */
  const open = (path: string, dir = 3, dirFlags = 1): number => {
    const errno = call('path_open', dir, dirFlags, NAME, put(NAME, path), 0, 2n, 0n, 0, OUT) as number;
    return errno === 0 ? view.getUint32(OUT, true) : -errno;
  };
  /** Writes an iovec table of these lengths, buffers one behind the other at VALUE. */
  const iovecs = (...lengths: number[]): number => {
    let at = VALUE;
    for (const [index, length] of lengths.entries()) {
      view.setUint32(NAME + index * 8, at, true);
      view.setUint32(NAME + index * 8 + 4, length, true);
      at += length;
    }
    return lengths.length;
  };

  it('clock_time_get: one clock is real', () => {
    expect(call('clock_time_get', 0, 1n, OUT)).toBe(0);
    expect(view.getBigUint64(OUT, true)).toBe(1_700_000_000_123_456_000n);
    for (const expected of [0n, 1_000_000n, 2_000_000n]) {
      call('clock_time_get', 1, 1n, OUT);
      expect(view.getBigUint64(OUT, true)).toBe(expected);
    }
    expect(call('clock_time_get', 2, 1n, OUT)).toBe(28);
    expect(call('clock_time_get', 0, 1n, END - 7)).toBe(21);
  });

  it('environ_sizes_get, environ_get', () => {
    expect(call('environ_sizes_get', OUT, OUT + 4)).toBe(0);
    expect([view.getUint32(OUT, true), view.getUint32(OUT + 4, true)]).toEqual([2, 12]);
    expect(call('environ_get', OUT, VALUE)).toBe(0);
    expect([view.getUint32(OUT, true), view.getUint32(OUT + 4, true)]).toEqual([VALUE, VALUE + 4]);
    expect(text(VALUE, 12)).toBe('A=1\0LONG=\xc3\xbc\0');
    expect(call('environ_get', OUT, END - 5)).toBe(21);
  });

  it('fd_prestat_get, fd_prestat_dir_name', () => {
    expect(call('fd_prestat_get', 3, OUT)).toBe(0);
    expect([view.getUint32(OUT, true), view.getUint32(OUT + 4, true)]).toEqual([0, 12]);
    expect(call('fd_prestat_dir_name', 3, OUT, 12)).toBe(0);
    expect(text(OUT, 13)).toBe('/run/postern\0');
    expect(call('fd_prestat_dir_name', 3, OUT, 13)).toBe(37);
    expect([0, 5, -1].map(fd => call('fd_prestat_get', fd, OUT))).toEqual([8, 8, 8]);
  });

  it.each([
    ['a file', 'state', 5],
    ['a clean path', './sub/../state', 5],
    ['the mount itself', '.', 5],
    ['a directory', 'sub/', 5],
    ['a link inside', 'link', 5],
    ['missing', 'nothing', -44],
    ['empty', '', -28],
    ['absolute', '/etc/passwd', -63],
    ['upwards', '../secret', -63],
    ['upwards inside', 'sub/../../secret', -63],
    ['a link out', 'out', -63],
    ['through a link out', 'up/secret', -63],
    ['NUL', 'state\0x', -63],
    ['a file as directory', 'state/', -54],
    ['below a file', 'state/x', -54],
  ])('path_open: %s', (_name, path, expected) => {
    expect(open(path)).toBe(expected);
  });

  it('path_open reads only', () => {
    const flags = (oflags: number, rights: bigint, fdFlags: number) =>
      call('path_open', 3, 1, NAME, put(NAME, 'state'), oflags, rights, 0n, fdFlags, OUT);
    const refused = [flags(1, 2n, 0), flags(8, 2n, 0), flags(0, 66n, 0), flags(0, 2n, 1)];
    expect(refused).toEqual([52, 52, 52, 52]);
    expect(flags(2, 64n, 0)).toBe(31);
    expect(flags(2, 2n, 0)).toBe(54);
    expect(open('link', 3, 0)).toBe(-32);
    expect(open('secret', 4)).toBe(5);
    expect(open('state', 9)).toBe(-8);
    expect(open('state', 5)).toBe(-54);
  });

  it('fd_read, fd_pread', () => {
    const fd = open('state');
    expect(call('fd_read', fd, NAME, iovecs(2, 0, 3), OUT)).toBe(0);
    expect([view.getUint32(OUT, true), text(VALUE, 5)]).toEqual([5, '01234']);
    expect(call('fd_pread', fd, NAME, iovecs(2, 9), 7n, OUT)).toBe(0);
    expect([view.getUint32(OUT, true), text(VALUE, 3)]).toEqual([3, '789']);
    expect(call('fd_pread', fd, NAME, iovecs(4), 10n, OUT)).toBe(0);
    expect(view.getUint32(OUT, true)).toBe(0);
    call('fd_read', fd, NAME, iovecs(9), OUT);
    expect([view.getUint32(OUT, true), text(VALUE, 5)]).toEqual([5, '56789']);
    expect(call('fd_pread', fd, NAME, iovecs(4), -1n, OUT)).toBe(28);
    expect(call('fd_pread', fd, NAME, iovecs(END), 0n, OUT)).toBe(21);
    expect(call('fd_pread', fd, END - 4, 1, 0n, OUT)).toBe(21);
    expect(call('fd_pread', 3, NAME, iovecs(4), 0n, OUT)).toBe(31);
    expect(call('fd_pread', 77, NAME, iovecs(4), 0n, OUT)).toBe(8);
  });

  it('fd_close frees the number, which is the lowest free one', () => {
    expect([open('state'), open('state'), open('state')]).toEqual([5, 6, 7]);
    expect(call('fd_close', 6)).toBe(0);
    expect(call('fd_close', 6)).toBe(8);
    expect([open('state'), open('state')]).toEqual([6, 8]);
  });

  it('stops a guest that forgets to close', () => {
    let last = 0;
    for (let i = 0; i < 70; i++) last = open('state');
    expect(last).toBe(-33);
  });

  it('fd_filestat_get', () => {
    const fd = open('state');
    expect(call('fd_filestat_get', fd, OUT)).toBe(0);
    expect([view.getBigUint64(OUT + 16, true), view.getBigUint64(OUT + 32, true)]).toEqual([4n, 10n]);
    call('fd_filestat_get', 3, OUT);
    expect(view.getBigUint64(OUT + 16, true)).toBe(3n);
    expect(call('fd_filestat_get', 77, OUT)).toBe(8);
    expect(call('fd_filestat_get', fd, END - 63)).toBe(21);
  });

  it('fd_write', () => {
    put(VALUE, 'hello');
    expect(call('fd_write', 2, NAME, iovecs(2, 3), OUT)).toBe(0);
    expect([printed, view.getUint32(OUT, true)]).toEqual(['hello', 5]);
    expect(call('fd_write', open('state'), NAME, iovecs(2), OUT)).toBe(8);
  });

  it('random_get is the same in every instance', () => {
    expect(call('random_get', OUT, 16)).toBe(0);
    const first = text(OUT, 16);
    const other = wasiImports({
      memory: guestMemory(() => linear),
      env: {},
      files,
      now: Date.now,
      print: () => {},
    }) as unknown as Calls;
    other.random_get?.(OUT, 16);
    expect(text(OUT, 16)).toBe(first);
    expect(call('random_get', END - 1, 2)).toBe(21);
  });

  it('proc_exit', () => {
    expect(() => call('proc_exit', 3)).toThrow('module closed with exit_code(3)');
  });
});
