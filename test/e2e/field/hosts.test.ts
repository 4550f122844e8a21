import { expect, it } from 'vitest';
import type { Received } from '../../support/backend.ts';
import { AS_ANN, describeField, forEach, type Outcome } from './field.ts';

/** Hosts that rules keep for others than ann, each by another kind of rule. */
const CLOSED = ['a.b.example.com', 'secret.example.com', 'kept.example.com'];
const OPEN = 'open.example.com';

/** What some program takes for the host: in any case, with dots, ports, escapes and other alphabets. */
function disguises(host: string): string[] {
  const [first = '', ...rest] = host.split('.');
  const zigzag = host.replace(/[a-z]/g, (letter, at: number) => (at % 2 ? letter.toUpperCase() : letter));
  const utf8 = (text: string) => Buffer.from(text, 'utf8').toString('latin1');
  return [
    host.toUpperCase(),
    zigzag,
    `${first.toUpperCase()}.${rest.join('.')}`,
    `${first}.${rest.join('.').toUpperCase()}`,
    host.replace('.example.', '.EXAMPLE.'),
    host.replace('.com', '.COM'),
    `${host}.`,
    `${host.toUpperCase()}.`,
    `${host}..`,
    `.${host}`,
    `${first}..${rest.join('.')}`,
    `${host}:443`,
    `${host}.:443`,
    `${host.toUpperCase()}:443`,
    `${host}:`,
    `${host}:0443`,
    `${host}:443:443`,
    `${host}:x`,
    `${host}:99999`,
    `${host}:${OPEN}`,
    `${OPEN}@${host}`,
    `${host}@${OPEN}`,
    `${OPEN}, ${host}`,
    `${host}, ${OPEN}`,
    `${host} ${OPEN}`,
    `${host}/`,
    `${host}?.${OPEN}`,
    `${host}#.${OPEN}`,
    `${host}\\.${OPEN}`,
    `${host}%00.${OPEN}`,
    host.replace('.', '%2e'),
    host.replace('.', '%2E'),
    `%${host.charCodeAt(0).toString(16)}${host.slice(1)}`,
    // U+3002 and U+FF0E are dots to IDNA (UTS 46), and these letters fold to ASCII ones.
    utf8(host.replace('.', '\u3002')),
    utf8(host.replace('.', '\uff0e')),
    utf8(host.replace('s', '\u017f')),
    utf8(host.replace('k', '\u212a')),
    utf8(host.replace('a', '\uff41')),
    `xn--${host}`,
    `${host}\t`,
    `${host}\x0b`,
    `${host}\xa0`,
    `${host}\0`,
    `[${host}]`,
    `*.${rest.join('.')}`,
  ];
}

/** Every host that a program may read, folded and undone as far as any does. */
function readingsOf(host: string): string[] {
  const undone = Buffer.from(
    host.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
    .toString('utf8')
    .normalize('NFKC')
    .replaceAll('\u3002', '.')
    .toLowerCase();
  const parts = undone.split(/[@,\s/?#\\\0]+/);
  return parts.map(part =>
    part
      .replace(/:.*$/, '')
      .replace(/^[.[]+|[.\]]+$/g, '')
      .replace(/\.{2,}/g, '.'),
  );
}

/** Every host that the application may take the request to be for. */
function toldHosts({ headers }: Received): string[] {
  const told = headers.filter(([name]) => /^(host|x-forwarded-host)$/i.test(name));
  return told.flatMap(([, value]) => readingsOf(value));
}

describeField(
  'hosts',
  {
    access_control: {
      default_policy: 'deny',
      rules: [
        { domain: '*.b.example.com', policy: 'one_factor', subject: 'group:admin' },
        { domain: '*.b.example.com', policy: 'deny' },
        { domain_regex: '^secret\\.example\\.com$', policy: 'deny' },
        { domain: 'kept.example.com', policy: 'one_factor', subject: 'user:root' },
        { domain: 'kept.example.com', policy: 'deny' },
        { domain: 'app.example.com', policy: 'one_factor' },
        { domain: '*.example.com', policy: 'bypass' },
      ],
    },
  },
  field => {
    function expectNotClosed({ answer, received }: Outcome, what: string): void {
      if (received === undefined) {
        // HTTP servers have answers of their own to what is no request; none of them is the application's.
        expect(answer.header('x-backend'), what).toBeUndefined();
        return;
      }
      expect(
        toldHosts(received).filter(host => CLOSED.includes(host)),
        what,
      ).toEqual([]);
    }

    it('the rules are those that the tests below mean', async () => {
      for (const host of CLOSED) {
        const { answer, received } = await field.ask('GET /', [AS_ANN], { host });
        expect(received, host).toBeUndefined();
        expect(answer.status, host).toBe(403);
      }
      for (const host of [OPEN, 'x.example.com']) {
        expect((await field.ask('GET /', [], { host })).answer.status, host).toBe(200);
      }
    });

    it('host case, CVE-2026-48794, CVE-2026-77560: no spelling of a host gets past its rules', async () => {
      for (const closed of CLOSED) {
        await forEach(disguises(closed), async host => {
          expectNotClosed(await field.ask('GET /', [], { host }), host);
          const lines = [AS_ANN, `X-Forwarded-Host: ${OPEN}`];
          expectNotClosed(await field.ask('GET /', lines, { host }), host);
        });
      }
    });

    it('host case and two hosts by HTTP/2', async () => {
      const base = { ':method': 'GET', ':scheme': 'https', ':path': '/' };
      expect((await field.askHttp2({ ...base, ':authority': OPEN })).received?.uri).toBe('/');
      for (const closed of CLOSED) {
        const visible = disguises(closed).filter(host => /^[\x21-\x7e]+$/.test(host));
        await forEach(visible, async host => {
          for (const headers of [
            { ':authority': host },
            { ':authority': host, host: OPEN },
            { ':authority': OPEN, host },
            { host },
          ]) {
            const { received } = await field.askHttp2({ ...base, ...headers });
            if (received !== undefined)
              expect(
                toldHosts(received).filter(told => CLOSED.includes(told)),
                `${JSON.stringify(headers)} came as ${JSON.stringify(received)}`,
              ).toEqual([]);
          }
        });
      }
    });

    it('host case: what means the same host gets the same decision', async () => {
      for (const host of ['OPEN.example.com', 'Open.Example.Com', 'open.EXAMPLE.com']) {
        expect((await field.ask('GET /', [], { host })).answer.status, host).toBe(200);
      }
      for (const host of ['APP.example.com', 'app.EXAMPLE.COM', 'aPP.example.com']) {
        expect((await field.ask('GET /', [], { host })).received, host).toBeUndefined();
        expect((await field.ask('GET /', [AS_ANN], { host })).answer.status, host).toBe(200);
      }
    });

    it('an application is told one host, whatever form the first line has', async () => {
      for (const target of [
        `https://${OPEN}/x?y`,
        `https://${CLOSED[0]}@${OPEN}/x?y`,
        `https://${CLOSED[0]}\\@${OPEN}/x?y`,
      ]) {
        const { received } = await field.ask(`GET ${target}`, [], { host: OPEN });
        if (received !== undefined) expect([target, received.uri]).toEqual([target, '/x?y']);
      }
      for (const port of [443, 8443]) {
        expect((await field.ask('GET /', [], { host: `${OPEN}:${port}` })).answer.status).toBe(200);
      }
    });

    it('two hosts in one request open neither of them', async () => {
      for (const closed of CLOSED) {
        for (const lines of [
          [`Host: ${OPEN}`, `Host: ${closed}`],
          [`Host: ${closed}`, `Host: ${OPEN}`],
          [`Host: ${OPEN}`, ` ${closed}`],
          [`Host: ${closed.toUpperCase()}`, `host: ${OPEN}`],
          [`Host: ${OPEN}`, `X-Forwarded-Host: ${closed}`],
          [`Host: ${closed}`, `X-Forwarded-Host: ${OPEN}`],
          [`Host: ${closed}`, `Forwarded: host=${OPEN}`],
          [`Host: ${closed}`, `X-Host: ${OPEN}`],
          [`Host: ${closed}`, `X-Original-URL: https://${OPEN}/`],
        ]) {
          expectNotClosed(await field.ask('GET /', lines, { host: null }), lines.join());
        }
        for (const [target, host] of [
          [`https://${closed}/`, OPEN],
          [`https://${OPEN}/`, closed],
          [`https://${closed.toUpperCase()}/`, OPEN],
          [`https://${closed}:443/`, OPEN],
          [`https://${closed}./`, OPEN],
          [`https://${OPEN}@${closed}/`, OPEN],
          [`a:https://${closed}/`, OPEN],
          [`//${closed}/`, OPEN],
        ] as const) {
          const outcome = await field.ask(`GET ${target}`, [AS_ANN], { host });
          expectNotClosed(outcome, `${target} ${host}`);
        }
      }
      expectNotClosed(await field.ask('GET /', [AS_ANN], { host: null }), 'no host');
    });
  },
);
