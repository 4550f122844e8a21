import { expect, it } from 'vitest';
import { APP } from '../../support/world.ts';
import { AS_ANN, describeField, FORGED, forEach, IDENTITY, valuesOf } from './field.ts';
import {
  BAD_ADDRESSES,
  BAD_URIS,
  COOKIES,
  INSIDE,
  KEPT,
  LAN,
  MALFORMED_POLICY,
  OPEN,
} from './malformed-variants.ts';

/** A path, and escapes that are some: what a proxy made of a target was judged as that. */
const PATH = /^(https?:\/\/[^/]+)?\/(?!.*%(?![0-9a-f]{2}))/i;

describeField('malformed input', MALFORMED_POLICY, field => {
  it.each([
    ['nobody on a protected path', 'GET /x', []],
    ['nobody on an open path', 'GET /open', []],
    ['beside a password', 'GET /x', [AS_ANN]],
  ] as const)(
    'malformed cookie, authentik CVE-2026-25748: proves nothing: %s',
    async (name, line, credential) => {
      await forEach(COOKIES, async lines => {
        const { answer, received } = await field.ask(line, [...credential, ...lines]);
        const what = `${lines}`.slice(0, 80);
        if (name.includes('protected')) {
          expect(received, what).toBeUndefined();
          expect(answer.status, what).toBeOneOf([302, 400, 401, 403, 431]);
        } else if (received === undefined) {
          expect(answer.status, what).toBeOneOf([400, 403, 431]);
        } else {
          expect(valuesOf(received, 'Remote-User').join(), what).toBe(name.includes('nobody') ? '' : 'ann');
          for (const header of IDENTITY)
            expect(valuesOf(received, header).join(), what).not.toContain(FORGED);
        }
      });
    },
  );

  it('malformed URI, Authelia CVE-2021-32637: is no leave to pass', async () => {
    await forEach(BAD_URIS, async uri => {
      expect((await field.ask(`GET ${uri}`)).received, uri).toBeUndefined();
      for (const host of [APP, OPEN]) {
        const { received } = await field.ask(`GET ${uri}`, [AS_ANN], { host });
        if (received !== undefined) expect(received.uri, uri).toMatch(PATH);
      }
    });
  });

  it('malformed address, authentik CVE-2024-47070: is inside of no network', async () => {
    const peers = field.door.name.startsWith('traefik') ? [false, true] : [false];
    await forEach(BAD_ADDRESSES, async address => {
      for (const trusting of peers) {
        for (const lines of [
          [`X-Forwarded-For: ${address}`],
          [`X-Forwarded-For: ${INSIDE}, ${address}`, `X-Real-IP: ${INSIDE}`],
        ]) {
          const { answer, received } = await field.ask('GET /', lines, { host: LAN, trusting });
          expect(received, `${lines}`).toBeUndefined();
          expect(answer.status, `${lines}`).toBeOneOf([400, 403, 431]);
        }
      }
    });
  });

  it('malformed address: who may not come from some networks has to be seen to come from another', async () => {
    expect((await field.ask('GET /', [], { host: KEPT })).answer.status).toBe(200);
    if (!field.door.name.startsWith('traefik')) return;
    await forEach(
      ['a', 'unknown', '192.0.2.7', '192.0.2.7:80', '192.0.2.7, a', '::ffff:192.0.2.7'],
      async address => {
        const lines = [`X-Forwarded-For: ${address}`];
        const { answer, received } = await field.ask('GET /', lines, { host: KEPT, trusting: true });
        expect(received, address).toBeUndefined();
        expect(answer.status, address).toBe(403);
      },
    );
    const other = await field.ask('GET /', ['X-Forwarded-For: 198.51.100.7'], { host: KEPT, trusting: true });
    expect(other.answer.status).toBe(200);
  });
});
