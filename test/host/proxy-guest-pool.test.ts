import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createGuestPool, type GuestPool, type GuestRequest } from '../../host/proxy/guest-pool.ts';
import { probeGuest } from '../support/probe-guest.ts';

let directory = '';
let logged: string[] = [];
let pool: GuestPool;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'postern-test-'));
  logged = [];
  pool = createGuestPool({
    wasm: await probeGuest(),
    config: { tag: 'f00d' },
    env: {},
    mounts: { '/mount': directory },
    log: (level, message) => logged.push(`${level} ${message}`),
  });
});

afterEach(() => {
  pool.close();
  rmSync(directory, { recursive: true });
});

function ask(uri: string, request: Partial<GuestRequest> = {}) {
  const guest = pool.acquire();
  const headers = [['Host', 'app.test']] as const;
  const outcome = guest.handle({ method: 'GET', uri, headers, sourceAddress: '127.0.0.1:9', ...request });
  guest.release({ headers: [] });
  return { ...outcome, text: Buffer.from(outcome.response?.body ?? []).toString('latin1') };
}

it('hands over the edited request when the guest goes on', () => {
  const headers = [
    ['postern-VERDICT', 'allow-mine'],
    ['Host', 'app.test'],
    ['x-other', 'kept'],
  ] as const;
  const outcome = ask('/allow', { headers });
  expect(outcome.next).toBe(true);
  expect(outcome.response).toBeUndefined();
  expect(outcome.headers).toEqual([
    ['Host', 'app.test'],
    ['Postern-Verdict', 'allow-f00d'],
    ['Remote-User', 'john'],
    ['X-Other', 'kept'],
  ]);
});

it('calls handle_response with the context, and tells of a failed backend', () => {
  ask('/allow');
  const guest = pool.acquire();
  guest.handle({ method: 'GET', uri: '/allow', headers: [], sourceAddress: '127.0.0.1:9' });
  guest.release();
  guest.release();
  expect(logged).toEqual(['1 70', '1 71']);
  ask('/answer');
  expect(logged).toHaveLength(2);
});

it('takes the headers of an answer when its status is set', () => {
  const { response, text } = ask('/answer');
  expect(response).toMatchObject({ status: 401, headers: [['Www-Authenticate', 'Basic']] });
  expect(text).toBe('go away');
});

it('answers an empty 200 for a guest that does nothing', () => {
  expect(ask('/empty').response).toEqual({ status: 200, headers: [], body: Buffer.alloc(0) });
});

it('gives header names in lower case, sorted, with host', () => {
  const headers = [
    ['X-B', '1'],
    ['Host', 'app.test'],
    ['x_a', '2'],
    ['X-b', '3'],
  ] as const;
  expect(ask('/names', { headers }).text).toBe('host\0x-b\0x_a\0');
});

it('answers 500 on a trap, without its text, logs it and keeps the instance', () => {
  const outcome = ask('/trap');
  expect(outcome).toMatchObject({ next: false, trap: 'unreachable', text: '' });
  expect(outcome.response).toMatchObject({ status: 500, headers: [['X-Before', '1']] });
  expect(logged).toEqual(['2 guest trapped in handle_request: unreachable']);
  expect(ask('/count').text).toBe('2');
});

it('fails every call of an instance that exited', () => {
  expect(ask('/exit').trap).toBe('module closed with exit_code(3)');
  expect(ask('/count').response?.status).toBe(500);
  pool.drain();
  expect(ask('/count').text).toBe('1');
});

it('holds one instance per request in flight', () => {
  const request = { method: 'GET', uri: '/count', headers: [], sourceAddress: '127.0.0.1:9' };
  const first = pool.acquire();
  const second = pool.acquire();
  first.handle(request);
  expect(Buffer.from(first.handle(request).response?.body ?? []).toString()).toBe('2');
  expect(Buffer.from(second.handle(request).response?.body ?? []).toString()).toBe('1');
  expect(pool.size).toEqual({ idle: 0, busy: 2 });
  first.release();
  second.release();
  expect(pool.size).toEqual({ idle: 2, busy: 0 });
});

it('sees a file that was renamed into a mount, and its absence', () => {
  expect(ask('/file').text).toBe('!\x2c');
  for (const content of ['one', 'two']) {
    writeFileSync(join(directory, 'new'), content);
    renameSync(join(directory, 'new'), join(directory, 'state'));
    expect(ask('/file').text).toBe(content);
  }
});

it('lets the guest read a body it is given, and traps on one that is streamed', () => {
  expect(ask('/body', { body: Buffer.from('hello') }).text).toBe('hello');
  expect(ask('/body').trap).toBe('the request body is streamed past the guest');
});

it('refuses a module that is no guest', () => {
  const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  const options = { wasm: empty, config: {}, env: {}, mounts: {}, log: () => {} };
  expect(() => createGuestPool(options)).toThrow("guest doesn't export its memory");
});
