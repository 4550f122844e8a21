import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { Form, MAX_FORM_BYTES, MAX_FORM_FIELDS, parseForm, readForm } from '../../host/http/form.ts';
import { type Reply, statusReply } from '../../host/http/reply.ts';
import { RequestHeaders } from '../../host/http/request-headers.ts';
import type { Handler } from '../../host/http/router.ts';
import { type HttpServer, startHttpServer } from '../../host/http/server.ts';
import { fakeLogger } from '../support/host-fakes.ts';
import { openRaw } from '../support/raw-http.ts';

const TYPE = 'Content-Type: application/x-www-form-urlencoded';
const text = (status: number, body: string): Reply => ({ ...statusReply(status), body });

const handler: Handler = async request => {
  const form = await request.form?.();
  if (form === undefined) return text(200, 'none');
  return form instanceof Form ? text(200, `form ${form.get('a')}`) : statusReply(form);
};

describe('parseForm', () => {
  it.each([
    ['', {}],
    ['a=1', { a: '1' }],
    ['a=1&b=', { a: '1', b: '' }],
    ['a', { a: '' }],
    ['a=1+2%2B3', { a: '1 2+3' }],
    ['%61=%C3%BC', { a: 'ü' }],
    ['a=ü=x', { a: 'ü=x' }],
    ['__proto__=1&a=2', { a: '2', constructor: undefined }],
  ])('reads %j', (body, fields) => {
    const form = parseForm(Buffer.from(body));
    for (const [name, value] of Object.entries(fields)) expect(form?.get(name)).toBe(value);
    expect(form).toBeInstanceOf(Form);
  });

  it.each([
    ['a field twice', 'a=1&a=1'],
    ['a field twice, once escaped', 'a=1&%61=2'],
    ['a bad escape', 'a=%4'],
    ['an escape that is no UTF-8', 'a=%ff'],
    ['a nameless field', '=1'],
    ['nothing between two fields', 'a=1&&b=2'],
    ['too many fields', Array.from({ length: MAX_FORM_FIELDS + 1 }, (_, i) => `f${i}=`).join('&')],
  ])('refuses %s', (_, body) => {
    expect(parseForm(Buffer.from(body))).toBeUndefined();
  });

  it('refuses bytes that are no UTF-8', () => {
    expect(parseForm(Uint8Array.of(0x61, 0x3d, 0xff))).toBeUndefined();
  });
});

describe('a form over a connection', () => {
  let server: HttpServer | undefined;
  const start = async () => {
    server = await startHttpServer({ host: '127.0.0.1', port: 0 }, handler, fakeLogger());
    return openRaw(server.port);
  };

  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  const post = (head: string, body: string) => `POST / HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n${body}`;

  it('is read, and the connection goes on', async () => {
    const raw = await start();
    raw.send(post(`${TYPE}\r\nContent-Length: 5`, 'a=one'));
    await raw.waitFor(/form one$/);
    raw.send(
      post(`${TYPE}; charset=UTF-8\r\nTransfer-Encoding: chunked`, '3\r\na=t\r\n2\r\nwo\r\n0\r\n\r\n'),
    );
    await raw.waitFor(/form two$/);
    raw.send(post(`${TYPE}\r\nContent-Length: 0`, ''));
    await raw.waitFor(/form undefined$/);
    expect(raw.received).not.toContain('Connection: close');
    raw.close();
  });

  it('is there for POST alone', async () => {
    const raw = await start();
    raw.send(`PUT / HTTP/1.1\r\nHost: x\r\n${TYPE}\r\nContent-Length: 5\r\n\r\na=one`);
    await raw.waitFor(/Connection: close[\s\S]*none$/);
    raw.close();
  });

  it.each([
    ['says that it is larger than it may be', 413, `${TYPE}\r\nContent-Length: ${MAX_FORM_BYTES + 1}`, ''],
    [
      'is larger than it may be, without saying so',
      413,
      `${TYPE}\r\nTransfer-Encoding: chunked`,
      `${(MAX_FORM_BYTES + 1).toString(16)}\r\n${'a'.repeat(MAX_FORM_BYTES + 1)}\r\n0\r\n\r\n`,
    ],
    ['has no type', 415, 'Content-Length: 3', 'a=1'],
    ['has another type', 415, 'Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 3', 'a=1'],
    ['has another charset', 415, `${TYPE}; charset=utf-7\r\nContent-Length: 3`, 'a=1'],
    ['has two types', 415, `${TYPE}\r\n${TYPE}\r\nContent-Length: 3`, 'a=1'],
    ['is compressed', 415, `${TYPE}\r\nContent-Encoding: gzip\r\nContent-Length: 3`, 'a=1'],
  ])('is refused when it %s, and the connection closed', async (_, status, head, body) => {
    const raw = await start();
    raw.send(post(head, body));
    await raw.waitFor(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*Connection: close`));
    raw.close();
  });

  it('of exactly the size that it may have is read', async () => {
    const raw = await start();
    raw.send(post(`${TYPE}\r\nContent-Length: ${MAX_FORM_BYTES}`, `a=${'b'.repeat(MAX_FORM_BYTES - 2)}`));
    await raw.waitFor(/form b{8190}$/);
    raw.close();
  });

  it('is refused when it has a field twice', async () => {
    const raw = await start();
    raw.send(post(`${TYPE}\r\nContent-Length: 7`, 'a=1&a=2'));
    await raw.waitFor(/^HTTP\/1.1 400 /);
    raw.close();
  });

  it('that does not come is given up', async () => {
    const plain = createServer((request, response) => {
      void readForm(request, new RequestHeaders(request.rawHeaders), 50).then(form =>
        response.end(`${form}`),
      );
    });
    await new Promise<void>(resolve => plain.listen(0, '127.0.0.1', resolve));
    const raw = await openRaw((plain.address() as { port: number }).port);
    raw.send(post(`${TYPE}\r\nContent-Length: 5`, 'a='));
    await raw.waitFor(/408/);
    raw.close();
    await new Promise(resolve => plain.close(resolve));
  });
});
