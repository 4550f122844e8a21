import { MAX_PASSWORD } from '../../assembly/contract.ts';
import { hasControl } from '../users/names.ts';
import { CommandError, type Io } from './io.ts';

/** A password from a terminal, asked twice and never shown, or one line of a pipe. */
export async function readPassword(io: Io): Promise<string> {
  const password = await readSecretLine(io, 'Password');
  if (password === '') throw new CommandError('no password given');
  if (Buffer.byteLength(password, 'utf8') > MAX_PASSWORD) {
    throw new CommandError(`a password has at most ${MAX_PASSWORD} bytes`);
  }
  if (hasControl(password)) {
    throw new CommandError(
      'a password must not hold control characters: Basic authentication cannot send them',
    );
  }
  return password;
}

/** Any secret from a terminal, asked twice and never shown, or one line of a pipe; perhaps empty. */
export async function readSecretLine(io: Io, name: string): Promise<string> {
  return io.stdin.isTTY ? ask(io, name) : readLine(io, name.toLowerCase());
}

async function readLine(io: Io, name: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of io.stdin) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > 2 * MAX_PASSWORD) break;
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new CommandError(`the ${name} on standard input is not UTF-8`);
  }
  const line = text.replace(/\r?\n$/, '');
  if (/[\r\n]/.test(line))
    throw new CommandError(`standard input holds several lines: give the ${name} alone`);
  return line;
}

async function ask(io: Io, name: string): Promise<string> {
  const keys = io.stdin[Symbol.asyncIterator]();
  const decoder = new TextDecoder();
  let pending = '';
  const line = async (prompt: string): Promise<string> => {
    io.stderr.write(prompt);
    let typed = '';
    for (;;) {
      for (const [i, key] of [...pending].entries()) {
        if (key === '\r' || key === '\n') {
          pending = [...pending].slice(i + 1).join('');
          io.stderr.write('\n');
          return typed;
        }
        if (key === '\x03' || key === '\x04') {
          io.stderr.write('\n');
          throw new CommandError(key === '\x03' ? 'interrupted' : 'no password given');
        }
        if (key === '\x7f' || key === '\b') typed = [...typed].slice(0, -1).join('');
        else if (key === '\x15') typed = '';
        else typed += key;
      }
      const next = await keys.next();
      if (next.done === true) throw new CommandError('no password given');
      pending = decoder.decode(next.value, { stream: true });
    }
  };
  io.stdin.setRawMode(true);
  try {
    const first = await line(`${name}: `);
    const second = await line('Again: ');
    if (first !== second) throw new CommandError('the two passwords differ: nothing was hashed');
    return first;
  } finally {
    io.stdin.setRawMode(false);
    // Lets the process end: nobody reads the terminal any more.
    await keys.return?.();
  }
}
