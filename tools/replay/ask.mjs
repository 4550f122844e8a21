import { connect } from 'node:net';

/**
 * Sends a request as it was recorded, byte for byte as far as a client can say
 * it, and reads the one answer: `{ status, headers: [[name, value]], body, seconds }`.
 * Names in lower case, bytes as latin1.
 */
export function ask(port, { request_line, request_headers }) {
  const lines = request_headers.filter(([name]) => name.toLowerCase() !== 'connection');
  const text = [
    request_line,
    ...lines.map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
    '',
    '',
  ];
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from(text.join('\r\n'), 'utf8')));
    const chunks = [];
    socket.on('data', chunk => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      const answer = parse(Buffer.concat(chunks).toString('latin1'));
      if (answer === undefined) reject(new Error('no answer'));
      else resolve({ ...answer, seconds: (performance.now() - began) / 1000 });
    });
  });
}

function parse(text) {
  const end = text.indexOf('\r\n\r\n');
  const [start = '', ...lines] = text.slice(0, Math.max(0, end)).split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3})/.exec(start)?.[1];
  if (status === undefined) return undefined;
  const headers = lines.map(line => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status: Number(status), headers, body: text.slice(end + 4) };
}
