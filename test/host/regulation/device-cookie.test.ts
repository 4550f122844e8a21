import { beforeEach, describe, expect, it } from 'vitest';
import { DEVICE_COOKIE, DEVICE_SECONDS, DeviceCookies } from '../../../host/regulation/device-cookie.ts';
import { FakeClock, fakeRandom } from '../../support/host-fakes.ts';

const SECRET = Buffer.alloc(32, 1);
const OTHER = Buffer.alloc(32, 2);

let clock: FakeClock;
const build = (secret = SECRET, previousSecret?: Uint8Array) =>
  new DeviceCookies({ secret, previousSecret, clock, random: fakeRandom() });
const cookieValue = (cookie: string) => /^[^=]+=([^;]*)/.exec(cookie)?.[1] ?? '';

beforeEach(() => {
  clock = new FakeClock();
});

describe('the cookie of a known device', () => {
  it('is the portal’s alone, for a year, and no script’s', () => {
    const { cookie } = build().make('alice');
    expect(cookie).toMatch(/^__Host-postern_device=[A-Za-z0-9_-]{48}; /);
    expect(cookie.split('; ').slice(1)).toEqual([
      'Path=/',
      'Secure',
      'HttpOnly',
      'SameSite=Lax',
      'Max-Age=31536000',
    ]);
    expect(DEVICE_COOKIE).toBe('__Host-postern_device');
  });

  it('proves a sign-in of this user, and nobody else’s', () => {
    const devices = build();
    const { id, cookie } = devices.make('alice');
    const value = cookieValue(cookie);
    expect(devices.verify(value, 'alice')).toBe(id);
    for (const name of ['bob', 'Alice', 'alice ', '']) expect(devices.verify(value, name)).toBeUndefined();
    expect(devices.verify(undefined, 'alice')).toBeUndefined();
    expect(value).not.toContain(Buffer.from('alice').toString('base64url').slice(0, 5));
  });

  it('ends with the year, and with the secret', () => {
    const { id, cookie } = build().make('alice');
    const value = cookieValue(cookie);
    expect(build(OTHER).verify(value, 'alice')).toBeUndefined();
    expect(build(OTHER, SECRET).verify(value, 'alice')).toBe(id);
    clock.setWall(clock.now() + DEVICE_SECONDS * 1_000);
    expect(build().verify(value, 'alice')).toBe(id);
    clock.setWall(clock.now() + 1_000);
    expect(build().verify(value, 'alice')).toBeUndefined();
  });

  it('is no good with any bit changed, cut or lengthened', () => {
    const devices = build();
    const value = cookieValue(devices.make('alice').cookie);
    const bytes = Buffer.from(value, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(devices.verify(changed.toString('base64url'), 'alice')).toBeUndefined();
    }
    for (const text of [
      '',
      value.slice(1),
      value.slice(0, -1),
      `${value}A`,
      `${value}.`,
      `.${value}`,
      `${value}=`,
      ` ${value}`,
      `${value}.x`,
      'A'.repeat(48),
      'é'.repeat(48),
      Array(5).fill(value).join('.'),
    ]) {
      expect([text, devices.verify(text, 'alice')]).toEqual([text, undefined]);
    }
  });

  it('keeps a device’s id over its sign-ins, and up to four users of one browser', () => {
    const devices = build();
    const ids: Record<string, string> = {};
    let value: string | undefined;
    for (const name of ['ann', 'bea', 'cem', 'dan', 'ann', 'eve']) {
      const made = devices.make(name, value);
      if (name in ids) expect(made.id).toBe(ids[name]);
      ids[name] = made.id;
      value = cookieValue(made.cookie);
      expect(value.split('.').length).toBeLessThanOrEqual(4);
    }
    const known = ['ann', 'bea', 'cem', 'dan', 'eve'].filter(
      name => devices.verify(value, name) === ids[name],
    );
    // Bea signed in longest ago.
    expect(known).toEqual(['ann', 'cem', 'dan', 'eve']);
    expect(new Set(Object.values(ids)).size).toBe(5);
    // What we did not write is not carried along.
    expect(cookieValue(devices.make('ann', 'x.y').cookie)).toMatch(/^[A-Za-z0-9_-]{48}$/);
  });
});
