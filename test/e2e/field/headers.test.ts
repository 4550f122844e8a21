import { expect, it } from 'vitest';
import type { Received } from '../../support/backend.ts';
import { ANN } from '../../support/world.ts';
import { AS_ANN, describeField, type Field, FORGED, forEach, IDENTITY, valuesOf } from './field.ts';

/** Values of a request that a proxy lets in: of somebody by password, of nobody by a bypass rule. */
const WAYS = [
  { name: 'signed in', line: 'GET /x', lines: [AS_ANN], signedIn: true },
  { name: 'nobody on a bypass rule', line: 'GET /open', lines: [], signedIn: false },
] as const;
type Way = (typeof WAYS)[number];

/** Ann as an application is told: headers hold bytes, and what came is UTF-8 read as latin-1. */
const TOLD = {
  'Remote-User': ANN.user,
  'Remote-Groups': ANN.groups,
  'Remote-Name': Buffer.from(ANN.name, 'utf8').toString('latin1'),
  'Remote-Email': 'ann@example.com',
};

/** By which proxies tell of a request, and by which some applications take another for it. */
const FORWARDING = ['For', 'Host', 'Uri', 'Method', 'Proto', 'Port', 'Server', 'Prefix'].map(
  name => `X-Forwarded-${name}`,
);
const OURS = ['Postern-Verdict', 'Postern-Request'];
/** By which some applications take a request for one of another path or method. */
const OVERRIDES = [
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-HTTP-Method',
  'X-HTTP-Method-Override',
  'X-Method-Override',
  'Forwarded',
];
/** A forwarded value that would open something, were it believed. */
const OPENING: Readonly<Record<string, string>> = {
  'X-Forwarded-For': '10.1.2.3',
  'X-Forwarded-Uri': '/open',
  'X-Forwarded-Method': 'GET',
  'X-Forwarded-Host': 'open.example.com',
  'X-Forwarded-Proto': 'https',
  'X-Original-URL': 'https://app.example.com/open',
};

/** Every mixture of these for the hyphens of a name. */
function mixtures(name: string, separators: readonly string[]): string[] {
  const [first = '', ...rest] = name.split('-');
  const all = rest.reduce<string[]>(
    (heads, part) => heads.flatMap(head => separators.map(separator => head + separator + part)),
    [first],
  );
  return all.filter(other => other !== name);
}

function inAnyCase(name: string): string[] {
  const zigzag = name.replace(/[a-z]/gi, (letter, at: number) =>
    letter[at % 2 ? 'toUpperCase' : 'toLowerCase'](),
  );
  return [name, name.toLowerCase(), name.toUpperCase(), zigzag];
}

/** What CGI and its relatives make `_` of. Some servers, as nginx does, drop such names by themselves. */
const COMMON = ['-', '_', '.'];
const ANY_TOKEN = ['-', ..."!#$%&'*+^`|~"];

describeField(
  'headers of clients',
  {
    access_control: {
      default_policy: 'deny',
      rules: [
        { domain: 'open.example.com', policy: 'bypass' },
        { domain: 'app.example.com', policy: 'bypass', resources: '^/open([/?].*)?$' },
        { domain: 'app.example.com', policy: 'bypass', resources: '^/lan$', networks: '10.0.0.0/8' },
        { domain: 'app.example.com', policy: 'one_factor' },
      ],
    },
  },
  field => {
    async function pass(
      way: { line: string; lines: readonly string[] },
      lines: readonly string[],
    ): Promise<Received> {
      const { answer, received } = await field.ask(way.line, [...way.lines, ...lines]);
      expect(answer.status, lines.join('\n')).toBe(200);
      if (received === undefined) throw new Error('the application was not asked');
      return received;
    }

    it.each(WAYS)('leave alone what is not ours: $name', async way => {
      const lines = ['X-Remote-User: kept', 'X-Remote: kept', 'Xpostern-Verdict: kept'];
      expect((await pass(way, lines)).headers.filter(([, value]) => value === 'kept')).toHaveLength(3);
    });

    it.each(WAYS)(
      'header aliases, CVE-2025-64484, CVE-2026-33433, CVE-2026-54763, CVE-2026-88011, GHSA-7r4p-vjf4-gxv4: nobody names themselves: $name',
      async way => {
        for (const name of IDENTITY) {
          const names = [...new Set([name, ...mixtures(name, COMMON)].flatMap(inAnyCase))];
          await forEach(names, async alias => expectIdentity(await pass(way, [`${alias}: ${FORGED}`]), way));
          expectIdentity(await pass(way, [`${name}: ${FORGED}`, `${name}: ${FORGED}`, `${name}:`]), way);
          expectIdentity(
            await pass(
              way,
              names.map(alias => `${alias}: ${FORGED}`),
            ),
            way,
          );
        }
        const all = IDENTITY.flatMap(name => [name, ...mixtures(name, COMMON)]);
        expectIdentity(
          await pass(
            way,
            all.map(alias => `${alias}: ${FORGED}`),
          ),
          way,
        );
      },
    );

    it('header aliases of any character, which a few servers read as a hyphen', async () => {
      for (const name of [...IDENTITY, ...OURS]) {
        const lines = mixtures(name, ANY_TOKEN).map(alias => `${alias}: ${FORGED}`);
        for (const way of WAYS) expectIdentity(await pass(way, lines), way);
      }
    });

    it.each(WAYS)('header aliases by HTTP/2: nobody names themselves: $name', async way => {
      const base = { ':method': 'GET', ':scheme': 'https', ':authority': 'app.example.com' };
      const [authorization] = way.lines.map(line => line.replace('Authorization: ', ''));
      const own = { ...base, ':path': way.line.slice(4), ...(authorization && { authorization }) };
      for (const name of IDENTITY) {
        const aliases = [name, ...mixtures(name, ANY_TOKEN)].map(alias => alias.toLowerCase());
        const claims = aliases.map(alias => ({ [alias]: FORGED }));
        await forEach([...claims, Object.assign({}, ...claims)], async claim => {
          const { status, received } = await field.askHttp2({ ...own, ...claim });
          expect([status, Object.keys(claim)]).toEqual([200, Object.keys(claim)]);
          if (received === undefined) throw new Error('the application was not asked');
          expectIdentity(received, way);
        });
      }
    });

    it.each(WAYS)(
      'what makes an application see another request than the rules saw does not reach it: $name',
      async way => {
        for (const name of OVERRIDES) {
          const aliases = [name, ...mixtures(name, COMMON)];
          await forEach([...aliases.flatMap(inAnyCase).map(one => [one]), aliases], async some => {
            const received = await pass(
              way,
              some.map(one => `${one}: ${FORGED}`),
            );
            expect(
              received.headers.filter(([, value]) => value.includes(FORGED)),
              `${some}`,
            ).toEqual([]);
          });
        }
      },
    );

    it.each(WAYS)('header aliases, CVE-2026-39858: no application sees them: $name', async way => {
      for (const name of [...FORWARDING, ...OURS]) {
        const aliases = mixtures(name, COMMON).flatMap(alias => [alias, alias.toLowerCase()]);
        const received = await pass(
          way,
          aliases.map(alias => `${alias}: ${FORGED}`),
        );
        expect(
          received.headers.filter(([, value]) => value.includes(FORGED)),
          name,
        ).toEqual([]);
        expectIdentity(received, way);
      }
    });

    it('header aliases, CVE-2026-39858: no decision sees them', async () => {
      const lines = Object.entries(OPENING).flatMap(([name, value]) =>
        [name, ...mixtures(name, COMMON)].map(alias => `${alias}: ${value}`),
      );
      for (const line of ['GET /x', 'GET /lan', 'POST /x']) {
        await forEach([lines, ...lines.map(one => [one])], some => expectClosed(field, line, some));
      }
      await forEach(lines, async one => expectIdentity(await pass(WAYS[1], [one]), WAYS[1]));
    });

    it.each(WAYS)('no number of headers brings the proxy down, or in: $name', async way => {
      await forEach([50, 79, 81, 90, 95, 99, 105, 130, 250, 300], async count => {
        for (const lines of [
          Array.from({ length: count }, (_, i) => `X-Many-${i}: ${i}`),
          Array.from({ length: count }, () => 'X-Many: 1'),
        ]) {
          // HAProxy's own limit is 101; a small one serves browsers, which send some twenty.
          const { answer } = await field.ask(way.line, [...way.lines, ...lines]);
          expect(answer.status, `${count}`).toBeOneOf(count <= 60 ? [200] : [200, 400, 403, 431]);
          const stranger = await field.ask('GET /x', lines);
          expect(stranger.received, `${count}`).toBeUndefined();
          expect(stranger.answer.status, `${count}`).toBeOneOf([302, 400, 401, 403, 431]);
        }
      });
      expectIdentity(await pass(way, []), way);
    });

    it.each(WAYS)('what stands behind the body is no header: $name', async way => {
      const names = IDENTITY.flatMap(name => [name, ...mixtures(name, COMMON)]);
      const body = `3\r\nabc\r\n0\r\n${names.map(name => `${name}: ${FORGED}\r\n`).join('')}`;
      for (const announced of [[`Trailer: ${names.join(', ')}`], []]) {
        // What `ask` writes behind it is never read.
        const lines = [...announced, 'Connection: close', `Transfer-Encoding: chunked\r\n\r\n${body}\r\n`];
        const received = await pass({ ...way, line: way.line.replace('GET', 'POST') }, lines);
        expectIdentity(received, way);
        expect(received.bodyBytes).toBe(3);
      }
    });

    it.each(WAYS)('broken lines of headers are refused or nothing: $name', async way => {
      const broken = [
        [`Remote-User : ${FORGED}`],
        [`Remote-User\t: ${FORGED}`],
        [` Remote-User: ${FORGED}`],
        [`X-A: b\rRemote-User: ${FORGED}`],
        [`X-A: b\nRemote-User: ${FORGED}`],
        [`X-A: b\0Remote-User: ${FORGED}`],
        [`X-A: b\x0bRemote-User: ${FORGED}`],
        ['Remote-User:', ` ${FORGED}`],
        [`Remote-User\0: ${FORGED}`],
        [`"Remote-User": ${FORGED}`],
        [`Remote-User:${FORGED}`],
        [`: ${FORGED}`],
        [`Remote User: ${FORGED}`],
        [`Remote\xadUser: ${FORGED}`],
      ];
      await forEach(broken, async lines => {
        const { answer, received } = await field.ask(way.line, [...way.lines, 'X-First: 1', ...lines]);
        if (received !== undefined) expectIdentity(received, way);
        else expect(answer.status < 100 || answer.status >= 400, `${lines}: ${answer.status}`).toBe(true);
      });
    });

    // What is named there ends at the next hop (RFC 9110 section 7.6.1).
    const NAMED = [
      'Remote-User',
      'remote-user, remote-groups, remote-name, remote-email',
      'close, Remote-User, Remote-Groups',
      'keep-alive,\tREMOTE-USER ,Remote-Email',
      'X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Uri, X-Forwarded-Proto, X-Forwarded-Method',
      'x-forwarded-for,x-original-url,x-original-method,x-real-ip',
      'Postern-Verdict, Postern-Request, Host',
      'upgrade, Remote-User',
      ',, Remote-User ,',
    ];

    it.each(WAYS)(
      'Connection stripping, CVE-2024-45410: takes nothing from what is told: $name',
      async way => {
        const forged = [...IDENTITY, ...FORWARDING].map(name => `${name}: ${FORGED}`);
        const tries = NAMED.flatMap(named => [
          [`Connection: ${named}`],
          [`connection: ${named}`, ...IDENTITY.map(name => `${name}: ${FORGED}`)],
          [`CONNECTION: ${named}`, `Proxy-Connection: ${named}`, ...forged],
          ['Connection: keep-alive', `Connection: ${named}`],
        ]);
        await forEach(tries, async lines => {
          const received = await pass(way, lines);
          expectIdentity(received, way);
          expect(valuesOf(received, 'X-Forwarded-For')).toEqual(['127.0.0.1']);
          // Nor at the hop after this one.
          expect(valuesOf(received, 'Connection').join()).not.toMatch(/remote|forwarded|postern|host/i);
        });
      },
    );

    it('Connection stripping, CVE-2024-45410: opens nothing', async () => {
      const claims = Object.entries(OPENING).map(([name, value]) => `${name}: ${value}`);
      for (const line of ['GET /x', 'GET /lan', 'POST /x']) {
        await forEach([...NAMED, 'Authorization', 'Cookie, Authorization'], async named => {
          await expectClosed(field, line, [`Connection: ${named}`]);
          await expectClosed(field, line, [`Connection: ${named}`, ...claims]);
        });
      }
    });

    function expectIdentity(received: Received, { signedIn }: Way): void {
      for (const name of IDENTITY) {
        const values = valuesOf(received, name);
        if (signedIn) expect(values, name).toEqual([TOLD[name]]);
        else expect(values.join(), name).toBe('');
      }
      expect(valuesOf(received, 'Postern-Verdict').concat(valuesOf(received, 'Postern-Request'))).toEqual([]);
    }
  },
);

async function expectClosed(field: Field, line: string, lines: readonly string[]): Promise<void> {
  const { answer, received } = await field.ask(line, lines);
  expect(received, `${line}\n${lines.join('\n')}`).toBeUndefined();
  expect(answer.status).toBeOneOf([302, 303, 400, 401, 403]);
}
