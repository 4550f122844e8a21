import { describe, expect, it } from 'vitest';
import { rateLimited, WINDOW_MS } from '../../host/log/rate-limit.ts';
import { FakeClock, fakeLogger } from '../support/host-fakes.ts';
import { startTestApp } from '../support/test-app.ts';

function start() {
  const [clock, log] = [new FakeClock(), fakeLogger()];
  const said = () =>
    log.lines.splice(0).map(({ level, message, fields }) => [level, message, fields.peer, fields.repeated]);
  return { clock, limited: rateLimited(log, clock), said };
}

describe('rateLimited', () => {
  it('writes the first at once, and one line a minute with how many there were', async () => {
    const { clock, limited, said } = start();
    for (let i = 0; i < 1_000; i++) limited.warn('refused', { peer: `192.0.2.${i % 256}` });
    expect(said()).toEqual([['warn', 'refused', '192.0.2.0', undefined]]);
    await clock.advance(WINDOW_MS - 1);
    expect(said()).toEqual([]);
    await clock.advance(1);
    expect(said()).toEqual([['warn', 'refused', '192.0.2.231', 999]]);
    limited.warn('refused', { peer: 'late' });
    expect(said()).toEqual([]);
    await clock.advance(WINDOW_MS);
    expect(said()).toEqual([['warn', 'refused', 'late', 1]]);
  });

  it('forgets a kind that was quiet for a minute', async () => {
    const { clock, limited, said } = start();
    limited.error('odd');
    await clock.advance(WINDOW_MS);
    expect(clock.pending).toBe(0);
    limited.error('odd');
    expect(said()).toEqual([
      ['error', 'odd', undefined, undefined],
      ['error', 'odd', undefined, undefined],
    ]);
  });

  it('keeps kinds apart, and the same text at two levels', () => {
    const { limited, said } = start();
    for (let i = 0; i < 2; i++) {
      limited.warn('a');
      limited.warn('b');
      limited.error('a');
    }
    expect(said().map(([level, message]) => `${level} ${message}`)).toEqual(['warn a', 'warn b', 'error a']);
  });

  it('leaves what is told when asked for alone', () => {
    const { limited, said } = start();
    for (let i = 0; i < 3; i++) {
      limited.info('ready');
      limited.debug('decided');
    }
    expect(said()).toHaveLength(6);
    expect(limited.isEnabled('debug')).toBe(true);
  });

  it('limits the levels it is told to', () => {
    const log = fakeLogger();
    const limited = rateLimited(log, new FakeClock(), ['info']);
    for (let i = 0; i < 3; i++) {
      limited.info('token refused: unknown');
      limited.warn('odd');
    }
    expect(log.lines.map(line => line.level)).toEqual(['info', 'warn', 'warn', 'warn']);
  });

  it('bounds what it remembers, should a message not be constant', async () => {
    const { clock, limited, said } = start();
    for (let i = 0; i < 10_000; i++) limited.warn(`message ${i}`);
    // A hundred kinds, and one for all others.
    expect(said()).toHaveLength(101);
    expect(clock.pending).toBe(101);
    await clock.advance(WINDOW_MS);
    expect(said()).toEqual([['warn', 'message 9999', undefined, 9_899]]);
  });
});

describe('a peer that tries', () => {
  const FORWARDED = [
    ['X-Forwarded-Method', 'GET'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'app.example.com'],
    ['X-Forwarded-Uri', '/'],
  ] as const;

  it('gets one line of each kind into the log, then a count', async () => {
    const test = await startTestApp();
    try {
      const get = (path: string, headers: Parameters<typeof test.get>[1]) => test.get(path, headers);
      for (let i = 0; i < 20; i++) {
        const statuses = [
          await get('/api/authz/forward-auth', [['Postern-Request', `x${i}`]]),
          await get('/api/authz/forward-auth', [
            ['Postern-Request', Buffer.alloc(100, i).toString('base64url')],
          ]),
          await get('/api/authz/forward-auth', FORWARDED.slice(1)),
          await get(`/somewhere/${i}`, FORWARDED),
        ].map(answer => answer.status);
        expect(statuses).toEqual([403, 403, 400, 403]);
      }
      const warnings = () => test.log.lines.filter(line => line.level === 'warn');
      expect(warnings()).toHaveLength(4);
      await test.clock.advance(WINDOW_MS);
      expect(warnings()).toHaveLength(8);
      expect(
        warnings()
          .slice(4)
          .map(line => line.fields.repeated),
      ).toEqual([19, 19, 19, 19]);
    } finally {
      await test.stop();
      test.clean();
    }
  });
});
