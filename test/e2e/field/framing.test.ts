import { expect, it } from 'vitest';
import { APP } from '../../support/world.ts';
import { AS_ANN, describeField, forEach } from './field.ts';

/** What nobody may ask for, hidden in the body of what everybody may. */
const HIDDEN = `GET /x HTTP/1.1\r\nHost: ${APP}\r\nX-Hidden: yes\r\nA: b`;
const ENDED = `0\r\n\r\n${HIDDEN}`;
/** What `ask` puts behind the last line; a length in a header has to count it. */
const LENGTH = `${HIDDEN}\r\nConnection: close\r\n\r\n`.length;

/**
 * Two readings of where a body ends (RFC 9112 section 6.3), or of whether there
 * is one. Whatever a proxy makes of them, it may not send the application a
 * request that nobody has judged.
 */
const FRAMINGS: readonly (readonly string[])[] = [
  ['Content-Length: 5', `Transfer-Encoding: chunked\r\n\r\n${ENDED}`],
  ['Transfer-Encoding: chunked', `Content-Length: ${LENGTH}\r\n\r\n${ENDED}`],
  [`Transfer-Encoding: chunked\r\n\r\n${ENDED}`],
  ['Transfer-Encoding: identity', `Content-Length: 0\r\n\r\n${HIDDEN}`],
  [`Transfer-Encoding: chunked, identity\r\n\r\n${ENDED}`],
  [`Transfer-Encoding: identity, chunked\r\n\r\n${ENDED}`],
  ['Transfer-Encoding: chunked', `Transfer-Encoding: identity\r\n\r\n${ENDED}`],
  ['Transfer-Encoding: chunked', `Transfer-Encoding: chunked\r\n\r\n${ENDED}`],
  [`Transfer-Encoding:\tchunked\r\n\r\n${ENDED}`],
  [`Transfer-Encoding:\x0bchunked\r\n\r\n${ENDED}`],
  [`Transfer-Encoding : chunked\r\n\r\n${ENDED}`],
  [`Transfer-Encoding: "chunked"\r\n\r\n${ENDED}`],
  [`Transfer-Encoding: xchunked\r\n\r\n${ENDED}`],
  [`Transfer-Encoding:\r\n chunked\r\n\r\n${ENDED}`],
  [`Transfer_Encoding: chunked\r\n\r\n${ENDED}`],
  [`TRANSFER-ENCODING: CHUNKED\r\n\r\n${ENDED}`],
  [`A: b\nTransfer-Encoding: chunked\r\n\r\n${ENDED}`],
  [`Transfer-Encoding: chunked\r\n\r\n0;\r\n\r\n${HIDDEN}`],
  [`Transfer-Encoding: chunked\r\n\r\n0;a=b\n\r\n\r\n${HIDDEN}`],
  [`Transfer-Encoding: chunked\r\n\r\n00000000000000000\r\n\r\n${HIDDEN}`],
  [`Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n${HIDDEN}`],
  [`Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n${HIDDEN}`],
  [`Transfer-Encoding: chunked\r\n\r\n0\n\n${HIDDEN}`],
  [`Transfer-Encoding: chunked\r\n\r\n1\r\nab0\r\n\r\n${HIDDEN}`],
  ['Content-Length: 0', `Content-Length: ${LENGTH}\r\n\r\n${HIDDEN}`],
  [`Content-Length: ${LENGTH}`, `Content-Length: 0\r\n\r\n${HIDDEN}`],
  [`Content-Length: 0, ${LENGTH}\r\n\r\n${HIDDEN}`],
  [`Content-Length: ${LENGTH}\r\n\r\n${HIDDEN}`],
  [`Content-Length: +0\r\n\r\n${HIDDEN}`],
  [`Content-Length: 0x0\r\n\r\n${HIDDEN}`],
  [`Content-Length: -1\r\n\r\n${HIDDEN}`],
  [`Content-Length: 0 0\r\n\r\n${HIDDEN}`],
  [`Content-Length:\r\n\r\n${HIDDEN}`],
  [`Content-Length: 00\r\n\r\n${HIDDEN}`],
  [`Content_Length: ${LENGTH}\r\n\r\n${HIDDEN}`],
  [`Content-Length : ${LENGTH}\r\n\r\n${HIDDEN}`],
  [`Expect: 100-continue\r\n\r\n${HIDDEN}`],
  ['Expect: 100-continue', `Content-Length: ${LENGTH}\r\n\r\n${HIDDEN}`],
  [`Connection: Content-Length`, `Content-Length: ${LENGTH}\r\n\r\n${HIDDEN}`],
  [`Connection: Transfer-Encoding`, `Transfer-Encoding: chunked\r\n\r\n${ENDED}`],
  ['TE: trailers', `Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 0\r\n\r\n${HIDDEN}`],
];

/** First lines that not everybody reads alike. */
const LINES = [
  'GET /x HTTP/1.0\r\nA: b',
  'GET /x HTTP/1.1\r\nA: b',
  'GET /x http/1.1\r\nA: b',
  'GET /x HTTP/0.9\r\nA: b',
  'GET /x HTTP/1.2\r\nA: b',
  'GET /x HTTP/2.0\r\nA: b',
  'GET  /x',
  'GET\t/x',
  ' GET /x',
  '\r\nGET /x',
  '\nGET /x',
  'get /x',
  'GETX /x',
  'PRI *',
  'TRACE /x',
  'DEBUG /x',
  'PURGE /x',
  'BREW /x',
  'POST /read',
  'Get /read',
  'PATCH /read',
];

describeField(
  'framing',
  {
    access_control: {
      default_policy: 'deny',
      rules: [
        { domain: APP, policy: 'bypass', resources: '^/open$' },
        { domain: APP, policy: 'bypass', resources: '^/read$', methods: ['GET', 'HEAD'] },
        { domain: APP, policy: 'one_factor' },
      ],
    },
  },
  field => {
    it.each([
      ['nobody', []],
      ['ann', [AS_ANN]],
    ] as const)('a body that ends in two places hides no request: %s', async (_name, credential) => {
      const tries = FRAMINGS.flatMap(lines => ['GET', 'POST', 'HEAD'].map(method => ({ method, lines })));
      await forEach(tries, async ({ method, lines }) => {
        // The proxy's connection to the application stays open, and so would be read on.
        await field.ask(`${method} /open`, ['Connection: close', ...credential, ...lines]);
      });
      // Two requests, and each is judged.
      const { answer } = await field.ask('GET /open', [...credential, `\r\n${HIDDEN}`]);
      expect(answer.status).toBe(200);
      const uris = field.world.backend.received.map(({ uri }) => uri);
      expect(uris).toContain('/open');
      expect(uris).not.toContain('/x');
    });

    it('a first line that is read in two ways opens nothing', async () => {
      await forEach(LINES, async line => {
        const { answer, received } = await field.ask(line);
        expect(received, line).toBeUndefined();
        expect(answer.header('x-backend'), line).toBeUndefined();
      });
    });
  },
);
