import { expect, it } from 'vitest';
import { APP, PORTAL } from '../../support/world.ts';
import { AS_ANN, AS_ROOT, describeField, forEach, type Outcome } from './field.ts';
import { CLIMBS, DISGUISES, FORMS, SPOOFS, TAILS } from './path-variants.ts';
import { readingsOf } from './readings.ts';

const OPEN = /^\/open(\/|$)/;
const ADMIN = /^\/admin(\/|$)/;

describeField(
  'paths',
  {
    access_control: {
      default_policy: 'deny',
      rules: [
        { domain: APP, policy: 'bypass', resources: '^/open([/?].*)?$' },
        { domain: APP, policy: 'one_factor', resources: '^/admin([/?].*)?$', subject: 'group:admin' },
        { domain: APP, policy: 'deny', resources: '^/admin([/?].*)?$' },
        { domain: APP, policy: 'one_factor' },
        { domain: 'root.example.com', policy: 'bypass', resources: '^/$' },
      ],
    },
  },
  field => {
    /** Nobody who is asked for a password gets anywhere. */
    function expectOpenOnly({ answer, received }: Outcome, what: string): void {
      if (received === undefined) {
        expect(answer.status < 100 || answer.status >= 300, `${what}: ${answer.status}`).toBe(true);
        return;
      }
      expect(
        readingsOf(received.uri).filter(path => !OPEN.test(path)),
        what,
      ).toEqual([]);
    }

    /** Ann, who is no admin, gets everywhere but there. */
    function expectNoAdmin({ answer, received }: Outcome, what: string): void {
      if (received === undefined) expect(answer.status, what).not.toBe(200);
      else
        expect(
          readingsOf(received.uri).filter(path => ADMIN.test(path)),
          what,
        ).toEqual([]);
    }

    it('the rules are those that the tests below mean', async () => {
      expect(await reached('/open/x?/../admin')).toBe('/open/x?/../admin');
      expect(await reached('/admin')).toBeUndefined();
      expect(await reached('/x')).toBeUndefined();
      expect(await reached('/x', AS_ANN)).toBe('/x');
      expect(await reached('/admin', AS_ANN)).toBeUndefined();
      expect(await reached('/admin', AS_ROOT)).toBe('/admin');
      expect(await reached('/x;y=1/z?a=%2F', AS_ANN)).toBe('/x;y=1/z?a=%2F');
    });

    it('path confusion, CVE-2025-66490, CVE-2025-32431, CVE-2023-47106: nobody climbs out of an open path', async () => {
      await forEach(CLIMBS, async path => {
        expectOpenOnly(await field.ask(`GET ${path}`), path);
        expectNoAdmin(await field.ask(`GET ${path}`, [AS_ANN]), path);
      });
    });

    it('path confusion, CVE-2025-66490: no disguise gets past a denied path', async () => {
      await forEach(DISGUISES, async path => {
        expectOpenOnly(await field.ask(`GET ${path}`), path);
        expectNoAdmin(await field.ask(`GET ${path}`, [AS_ANN]), path);
      });
    });

    it('path confusion by the form of the first line', async () => {
      // Go answers `OPTIONS *` itself.
      const lines = FORMS.flatMap(target =>
        ['GET', 'POST', 'CONNECT', 'OPTIONS'].map(method => `${method} ${target}`),
      );
      await forEach(lines, async line => {
        const open = await field.ask(line);
        if (open.received !== undefined) expectOpenOnly(open, line);
        // A proxy may answer by itself what is no request for the application.
        const { received, answer } = await field.ask(line, [AS_ANN]);
        expect(answer.header('x-backend') === undefined, line).toBe(received === undefined);
        if (received !== undefined) expectNoAdmin({ received, answer }, line);
      });
    });

    it('path confusion by HTTP/2, CVE-2026-33186', async () => {
      const base = { ':method': 'GET', ':scheme': 'https', ':authority': APP };
      const authorization = AS_ANN.replace('Authorization: ', '');
      const paths = [
        '/open',
        ...DISGUISES,
        'admin',
        'open/../admin',
        '*',
        `https://${APP}/admin`,
        '?/open',
        '/open/../admin',
      ];
      await forEach(paths, async path => {
        const nobody = await field.askHttp2({ ...base, ':path': path });
        if (path === '/open') expect(nobody).toMatchObject({ status: 200, received: { uri: '/open' } });
        if (nobody.received !== undefined) {
          expect(
            readingsOf(nobody.received.uri).filter(reading => !OPEN.test(reading)),
            path,
          ).toEqual([]);
        }
        const { received } = await field.askHttp2({ ...base, ':path': path, authorization });
        if (received !== undefined) {
          expect(
            readingsOf(received.uri).filter(reading => ADMIN.test(reading)),
            path,
          ).toEqual([]);
        }
      });
    });

    it('path confusion where only the root is open', async () => {
      const host = 'root.example.com';
      expect((await field.ask('GET /', [], { host })).received?.uri).toBe('/');
      for (const target of [
        ...FORMS,
        `a:https://${host}/admin`,
        `https://${host}/admin`,
        '/?',
        '/#/admin',
        '//',
        '/..',
      ]) {
        const { received } = await field.ask(`GET ${target}`, [], { host });
        if (received !== undefined) expect(readingsOf(received.uri), target).toEqual(['/']);
      }
    });

    it('query or fragment in a bypass expression, CVE-2025-54576, CVE-2026-41059: opens no other path', async () => {
      const lines = ['/x', '/admin', '/', '/x/', '/admin;'].flatMap(path =>
        TAILS.map(tail => `GET ${path}${tail}`),
      );
      await forEach(lines, async line => {
        expectOpenOnly(await field.ask(line), line);
        if (line.startsWith('GET /admin')) expectNoAdmin(await field.ask(line, [AS_ANN]), line);
      });
    });

    it("a client's query says nothing to the host, wherever the proxy hands it on", async () => {
      const queries = ['authelia_url', 'rd'].flatMap(key =>
        ['https://open.example.com/', 'https%3A%2F%2Fevil.example.net'].map(to => `${key}=${to}`),
      );
      await forEach([...queries, 'auth=basic', 'nginx', 'allowed_groups=admin'], async query => {
        const { answer } = await field.ask(`GET /x?${query}`, ['Accept: text/html']);
        const location = new URL(answer.header('location') ?? '', PORTAL);
        expect([query, answer.status, location.origin]).toEqual([query, 302, PORTAL]);
        expect((await field.ask(`GET /open?${query}`)).answer.status, query).toBe(200);
        expect((await field.ask(`GET /x?${query}`, [AS_ANN])).answer.status, query).toBe(200);
      });
    });

    const peers = field.door.name.startsWith('traefik') ? [false, true] : [false];
    it.each(peers)(
      'spoofed X-Forwarded-Uri, CVE-2026-40575: opens nothing, of a trusted peer: %s',
      async trusting => {
        const twice = ['X-Forwarded-Uri: /open', 'X-Forwarded-Uri: /open'];
        const spoofs = [...SPOOFS.map(spoof => [spoof]), SPOOFS, twice];
        for (const [target, credential] of [
          ['GET /x', 'X-Nobody: yes'],
          ['GET /admin', AS_ANN],
          ['POST /admin/x', AS_ANN],
        ] as const) {
          await forEach(spoofs, async lines => {
            const { answer, received } = await field.ask(target, [credential, ...lines], { trusting });
            expect(received, `${target} ${lines}`).toBeUndefined();
            expect(answer.status, `${target} ${lines}`).toBeOneOf([302, 303, 400, 401, 403]);
          });
        }
        await forEach(SPOOFS, async spoof => {
          const { received } = await field.ask('GET /open/x', [spoof.replace('/open', '/admin')], {
            trusting,
          });
          expect(received?.uri, spoof).toBe('/open/x');
        });
      },
    );

    /** The path that reached the application. */
    async function reached(path: string, credential?: string): Promise<string | undefined> {
      const { received } = await field.ask(`GET ${path}`, credential === undefined ? [] : [credential]);
      return received?.uri;
    }
  },
);
