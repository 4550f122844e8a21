import { describe, expect, it } from 'vitest';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { policyId } from '../../host/snapshot/snapshot-file.ts';
import { header, startGuest } from '../support/guest.ts';

/** The gate without a host: inline policies, headers, refusals. What needs grants is tested with a guest directory. */
const accessControl = {
  default_policy: 'deny',
  rules: [
    { domain: 'public.test', policy: 'bypass' },
    { domain: 'a.test', policy: 'one_factor', resources: ['^/api([/?].*)?$', '^/$'] },
    { domain: 'lan.test', policy: 'bypass', networks: ['10.0.0.0/8'] },
    { domain: 'one.test', policy: 'deny', subject: 'user:bob' },
    { domain: 'two.test', policy: 'two_factor' },
  ],
};
const basic = (text: string) => ['Authorization', `Basic ${Buffer.from(text).toString('base64')}`] as const;

describe('verdicts of an inline policy', () => {
  const guest = startGuest({ access_control: accessControl, trusted_proxies: ['192.0.2.0/24'] });
  const status = (...args: Parameters<typeof guest.ask>) => {
    const outcome = guest.ask(...args);
    if (!outcome.next) return outcome.response?.status;
    return header(outcome, 'Postern-Verdict')?.replace(/-[0-9a-f]{32}$/, '');
  };

  it.each([
    ['bypass', { host: 'public.test' }, 'allow'],
    ['bypass, credential nobody knows', { host: 'public.test', headers: [basic('a:b')] }, 'allow'],
    [
      'bypass, credential that is none',
      { host: 'public.test', headers: [['Authorization', 'Token x']] },
      'allow',
    ],
    ['no credentials', { host: 'a.test' }, 401],
    ['unknown credential', { host: 'a.test', headers: [basic('a:b')] }, 'defer'],
    ['unknown credential on the default policy', { host: 'x.test', headers: [basic('a:b')] }, 'defer'],
    ['no credentials on the default policy', { host: 'x.test' }, 403],
    ['malformed on the default policy', { host: 'x.test', headers: [['Authorization', 'Basic x']] }, 401],
    ['Bearer is no credential here', { host: 'x.test', headers: [['Authorization', 'Bearer x']] }, 403],
    ['a deny rule that names subjects asks first', { host: 'one.test' }, 401],
    ['two factors', { host: 'two.test' }, 401],
    ['path that no rule names', { host: 'a.test', uri: '/other' }, 403],
    ['upper-case host', { host: 'PUBLIC.TEST' }, 'allow'],
    ['trailing dot and port', { host: 'public.test.:8443' }, 'allow'],
    ['host that is none', { host: 'public.test:pub' }, 400],
    ['empty host', { host: '' }, 400],
    ['plain http', { host: 'public.test', scheme: 'http' }, 400],
    ['unknown scheme', { host: 'public.test', scheme: 'ftp' }, 400],
    ['wss', { host: 'public.test', scheme: 'wss' }, 'allow'],
    ['CONNECT', { host: 'public.test', method: 'CONNECT' }, 400],
    ['lower-case method', { host: 'public.test', method: 'get' }, 400],
    ['target without a slash', { host: 'public.test', uri: '*' }, 400],
    ['ambiguous path where paths count', { host: 'a.test', uri: '/api%2fx' }, 400],
    ['ambiguous path where they do not', { host: 'public.test', uri: '/api%2fx' }, 'allow'],
    ['network of the peer', { host: 'lan.test', from: '10.1.2.3:5' }, 'allow'],
    ['network, mapped', { host: 'lan.test', from: '[::ffff:10.1.2.3]:5' }, 'allow'],
    ['X-Forwarded-For of a stranger', { host: 'lan.test', headers: [['X-Forwarded-For', '10.1.2.3']] }, 403],
    [
      'X-Forwarded-For of a trusted proxy',
      { host: 'lan.test', from: '192.0.2.7:5', headers: [['X-Forwarded-For', '10.1.2.3']] },
      'allow',
    ],
    [
      'X-Forwarded-For from the right',
      { host: 'lan.test', from: '192.0.2.7:5', headers: [['X-Forwarded-For', '10.1.2.3, 203.0.113.1']] },
      403,
    ],
    [
      'X-Forwarded-For through two trusted proxies',
      {
        host: 'lan.test',
        from: '192.0.2.7:5',
        headers: [['X-Forwarded-For', '8.8.8.8, 10.1.2.3, 192.0.2.8']],
      },
      'allow',
    ],
    [
      'X-Forwarded-For that is no address',
      { host: 'lan.test', from: '192.0.2.7:5', headers: [['X-Forwarded-For', '10.1.2.3, a']] },
      403,
    ],
    [
      'Authorization over the limit',
      { host: 'public.test', headers: [['Authorization', `Basic ${'A'.repeat(9_000)}`]] },
      431,
    ],
    ['password over the limit', { host: 'a.test', headers: [basic(`a:${'b'.repeat(1_025)}`)] }, 431],
    ['user name over the limit', { host: 'a.test', headers: [basic(`${'a'.repeat(256)}:b`)] }, 431],
    ['two Authorization headers', { host: 'a.test', headers: [basic('a:b'), basic('a:b')] }, 401],
    ['header names over the limit', { host: 'public.test', headers: [[`X-${'a'.repeat(4_100)}`, '1']] }, 431],
    ['URI over the limit', { host: 'public.test', uri: `/${'a'.repeat(8_192)}` }, 400],
  ] as const)('%s', (_name, request, expected) => {
    expect(status(request)).toBe(expected);
  });

  it.each([
    ['no blank', 'Basic'],
    ['no value', 'Basic '],
    ['a tab for a blank', 'Basic\tYTpi'],
    ['a blank behind', 'Basic YTpi '],
    ['two blanks', 'Basic  YTpi'],
    ['no padding', 'Basic YTpiYw'],
    ['bits left over', 'Basic YTpiYx=='],
    ['the other alphabet', `Basic ${Buffer.from('a:\xff\xff').toString('base64url')}`],
    ['no colon', 'Basic YWI='],
    ['no user', 'Basic OmI='],
    ['no password', 'Basic YTo='],
    ['a control character', `Basic ${Buffer.from('a:b\n').toString('base64')}`],
    ['NUL', `Basic ${Buffer.from('a:\0').toString('base64')}`],
    ['DEL', `Basic ${Buffer.from('a\x7f:b').toString('base64')}`],
    ['invalid UTF-8', `Basic ${Buffer.from([0x61, 0x3a, 0xff]).toString('base64')}`],
    ['a surrogate', `Basic ${Buffer.from([0x61, 0x3a, 0xed, 0xa0, 0x80]).toString('base64')}`],
    ['an unknown scheme', 'Digest YTpi'],
    ['a list', 'Basic YTpi, Basic YTpi'],
  ])('Authorization with %s is malformed', (_name, value) => {
    const outcome = guest.ask({ host: 'a.test', headers: [['Authorization', value]] });
    expect(outcome.response?.status).toBe(401);
    expect(outcome.response?.headers).toContainEqual([
      'Www-Authenticate',
      'Basic realm="Authorization Required", charset="UTF-8"',
    ]);
  });

  it.each(['basic', 'BASIC', 'bAsIc'])('takes the scheme as %s', scheme => {
    expect(status({ host: 'a.test', headers: [['Authorization', `${scheme} YTpi`]] })).toBe('defer');
  });
});

describe('headers on the way to the service', () => {
  const guest = startGuest({ access_control: accessControl });

  it('every character that may stand in a name counts as a hyphen, and no other one', () => {
    for (const mark of "!#$%&'*+-.^_`|~") {
      const { headers } = guest.ask({
        host: 'public.test',
        headers: [
          [`X${mark}Real-Ip`, 'eve'],
          [`X-Real${mark}Ip`, 'eve'],
        ],
      });
      expect(headers.filter(([, value]) => value === 'eve')).toHaveLength(mark === '-' ? 2 : 0);
    }
    for (const mark of '09azAZ') {
      const { headers } = guest.ask({
        host: 'public.test',
        headers: [
          [`X${mark}Real-Ip`, 'eve'],
          [`Remote${mark}User`, 'eve'],
        ],
      });
      expect(headers.filter(([, value]) => value === 'eve')).toHaveLength(2);
    }
  });

  it.each([
    'Remote_User',
    'remote.user',
    'REMOTE-GROUPS',
    'Remote_Groups',
    'remote_Name',
    'Remote.Email',
    'remote-EMAIL',
    'Remote~User',
    "remote'name",
    'REMOTE|GROUPS',
  ])('%s never arrives as the client sent it', name => {
    const outcome = guest.ask({ host: 'public.test', headers: [[name, 'eve']] });
    expect(outcome.headers.filter(([, value]) => value.includes('eve'))).toEqual([]);
    for (const own of ['Remote-User', 'Remote-Groups', 'Remote-Name', 'Remote-Email']) {
      expect(header(outcome, own)).toBe('');
    }
  });

  it.each([
    'Postern-Verdict',
    'postern_verdict',
    'Postern.Request',
    'Postern-Anything',
    'X-Original-URL',
    'x_original_url',
    'X-Rewrite-Url',
    'X-HTTP-Method-Override',
    'X-Method-Override',
    'X_HTTP_Method',
    'HTTP2-Settings',
    'Forwarded',
    'X_Forwarded_Proto',
    'X.Forwarded.For',
    'x_real_ip',
    'x~real!ip',
    'X+Forwarded^For',
    'x-forwarded`uri',
    'Postern#Request',
    'X*Original&URL',
  ])('%s is removed', name => {
    const outcome = guest.ask({ host: 'public.test', headers: [[name, 'eve']] });
    expect(outcome.next).toBe(true);
    expect(outcome.headers.filter(([, value]) => value.includes('eve'))).toEqual([]);
  });

  it('keeps a WebSocket upgrade and no other', () => {
    const upgrade = (value: string) =>
      guest.ask({
        host: 'public.test',
        headers: [
          ['Connection', 'Upgrade, Remote-User'],
          ['Upgrade', value],
        ],
      });
    expect(header(upgrade('websocket'), 'Upgrade')).toBe('websocket');
    expect(header(upgrade('websocket'), 'Connection')).toBe('upgrade');
    for (const value of ['h2c', 'websocket, h2c', 'TLS/1.0', '']) {
      expect(header(upgrade(value), 'Upgrade')).toBeUndefined();
      expect(header(upgrade(value), 'Connection')).toBeUndefined();
    }
  });

  it('overwrites forwarding headers before a deferral', () => {
    const outcome = guest.ask({
      host: 'A.test:8443',
      uri: '/api?x=1',
      headers: [
        basic('a:b'),
        ['X-Forwarded-Host', 'public.test'],
        ['X-Forwarded-Uri', '/open'],
        ['X-Forwarded-Method', 'OPTIONS'],
        ['X-Forwarded-For', '10.0.0.1'],
      ],
    });
    expect(header(outcome, 'X-Forwarded-Host')).toBe('A.test:8443');
    expect(header(outcome, 'X-Forwarded-Uri')).toBe('/api?x=1');
    expect(header(outcome, 'X-Forwarded-Method')).toBe('GET');
    expect(header(outcome, 'X-Forwarded-For')).toBe('203.0.113.9');
  });
});

describe('the deferred request', () => {
  it('names the inline policy by the image that the host compiles, too', () => {
    const document = { access_control: accessControl };
    const compiled = loadEngine(new URL('../../dist/embed.wasm', import.meta.url)).compile(document);
    if (!compiled.ok) throw new Error('the policy must compile');
    const id = Buffer.from(policyId(compiled.image));
    const guest = startGuest({ ...document, directory: '/run/postern' });
    const value = header(guest.ask({ headers: [basic('a:b')] }), 'Postern-Request') ?? '';
    expect(Buffer.from(value, 'base64url').includes(id)).toBe(true);
  });
});

describe('refusing mode', () => {
  it.each([
    ['no key', {}, '', /^postern: no guest key: .*; every request is answered with 503$/],
    ['a bad key', {}, 'postern_guest_x', /^postern: the guest key is not what `postern secret guest` prints/],
    ['a relative directory', { directory: 'run' }, undefined, /directory must be an absolute path/],
    ['a directory that is no text', { directory: 5 }, undefined, /directory must be an absolute path/],
    ['a bad key file', { key_file: '' }, undefined, /key_file must be an absolute path/],
    [
      'an unknown key',
      { realm: 'x' },
      undefined,
      /only directory and key_file mean something without access_control/,
    ],
    ['an unknown key beside a policy', { access_control: accessControl, relm: 'x' }, undefined, /relm/],
    [
      'a policy with a mistake',
      { access_control: { rules: [{ domain: 'a', policy: 'bypas' }] } },
      undefined,
      /`bypas` is no policy/,
    ],
    ['no rules', { access_control: {} }, undefined, /there are no rules/],
    ['too much text', { directory: `/${'a'.repeat(20_000)}` }, undefined, /longer than 16 KiB/],
  ] as const)('with %s answers 503 and says why in one line', (_name, config, key, line) => {
    const guest = startGuest(config, key === undefined ? {} : { key });
    for (const host of ['public.test', 'a.test']) {
      const outcome = guest.ask({ host });
      expect(outcome.next).toBe(false);
      expect(outcome.response?.status).toBe(503);
      expect(outcome.response?.headers).toContainEqual(['Retry-After', '5']);
    }
    expect(guest.lines).toHaveLength(1);
    expect(guest.lines[0]).toMatch(line);
  });

  it('defers everything when nothing says what the rules are', () => {
    const guest = startGuest({});
    for (const host of ['public.test', 'a.test']) {
      expect(header(guest.ask({ host }), 'Postern-Verdict')).toMatch(/^defer-/);
    }
    expect(guest.lines).toEqual([expect.stringContaining('no state page')]);
  });
});
