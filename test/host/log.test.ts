import { describe, expect, it } from 'vitest';
import { createLogger, type Fields, type LoggerOptions } from '../../host/log/logger.ts';

const now = () => new Date('2026-01-02T03:04:05.678Z');

function capture(options: Partial<LoggerOptions>) {
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    format: 'text',
    colour: false,
    write: line => lines.push(line),
    now,
    ...options,
  });
  return { log, lines };
}

describe('log', () => {
  it('writes text for people', () => {
    const { log, lines } = capture({});
    log.info('listening', {
      address: '127.0.0.1:9091',
      count: 2,
      reason: 'two words',
      kind: '',
      user: 'a"b',
    });
    expect(lines).toEqual([
      '2026-01-02T03:04:05.678Z info  listening reason="two words" user="a\\"b" kind="" address=127.0.0.1:9091 count=2\n',
    ]);
  });

  it('colours only when told to', () => {
    const { log, lines } = capture({ colour: true });
    log.error('no', { code: 'x' });
    expect(lines[0]).toBe(
      '\x1b[2m2026-01-02T03:04:05.678Z\x1b[0m \x1b[31merror\x1b[0m no \x1b[2mcode=\x1b[0mx\n',
    );
  });

  it('writes one JSON object per line for machines', () => {
    const { log, lines } = capture({ format: 'json' });
    log.warn('odd', { user: 'zoë', status: 401 });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith('}\n')).toBe(true);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'warn',
      time: '2026-01-02T03:04:05.678Z',
      user: 'zoë',
      status: 401,
      msg: 'odd',
    });
  });

  it.each(['text', 'json'] as const)('keeps what is below its level to itself (%s)', format => {
    const { log, lines } = capture({ format, level: 'warn' });
    log.info('a');
    log.debug('b');
    log.warn('c');
    log.error('d');
    expect(lines).toHaveLength(2);
    expect([log.isEnabled('warn'), log.isEnabled('info')]).toEqual([true, false]);
  });

  it.each(['text', 'json'] as const)('a client forges neither lines nor colours nor fields (%s)', format => {
    const { log, lines } = capture({ format });
    log.info('request', {
      user: 'eve\r\n2026-01-02T03:04:05.678Z error host down\x1b[2J\x9b\u2028\u202e\ud800 user=root',
      path: 'x'.repeat(5_000),
    });
    const text = lines.join('');
    expect(text.match(/[\n\r]/g)).toHaveLength(1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is the point
    expect(text.slice(0, -1)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u202e\ud800]/);
    expect(text.length).toBeLessThan(1_500);
    if (format === 'text') expect(text).toContain('user="eve\\x0d\\x0a2026');
  });

  it('a quoted value ends where it ends, whatever backslashes are in it', () => {
    const { log, lines } = capture({});
    const values = ['a\\" client=6.6.6.6 x="', 'a b\\', 'a\\\\"b', 'a\\b "c"'];
    for (const path of values) log.info('request', { path, user: 'eve' });
    const read = lines.map(line => {
      const [, path = '', rest] = /request path="((?:[^"\\]|\\.)*)"(.*)\n$/.exec(line) ?? [];
      return [path.replace(/\\(["\\])/g, '$1'), rest];
    });
    expect(read).toEqual(values.map(value => [value, ' user=eve']));
  });

  it('shows every mark that turns the direction of text as what it is', () => {
    const { log, lines } = capture({});
    const marks = Array.from({ length: 0x10000 }, (_, i) => String.fromCharCode(i)).filter(character =>
      /\p{Bidi_Control}/u.test(character),
    );
    log.info('request', { user: marks.join('') });
    expect(marks).toHaveLength(12);
    expect(lines[0]).not.toMatch(/\p{Bidi_Control}/u);
  });

  it('has no field for a secret, whatever object is passed', () => {
    const { log, lines } = capture({ format: 'json' });
    const wrong = { user: 'a', password: 'hunter2', authorization: 'Basic x', secret: 'y' } as Fields;
    log.error('failed', wrong);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'error',
      time: '2026-01-02T03:04:05.678Z',
      user: 'a',
      msg: 'failed',
    });
  });
});
