// First: see there.
import './log/libraries-quiet.ts';
import { availableParallelism } from 'node:os';
import type { Io, Output } from './cli/io.ts';
import { run } from './cli/program.ts';

/** Code of a process that its user interrupted twice (128 + SIGINT). */
const EXIT_INTERRUPTED = 130;

// Before anything uses libuv's pool: verifications take as many threads as there are cores, files need some too.
process.env.UV_THREADPOOL_SIZE ??= String(availableParallelism() + 2);

const stop = new AbortController();
let listening = false;

const io: Io = {
  env: process.env,
  stdin: {
    isTTY: process.stdin.isTTY === true,
    setRawMode: raw => void process.stdin.setRawMode(raw),
    [Symbol.asyncIterator]: () => process.stdin[Symbol.asyncIterator](),
  },
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  // Signals are only caught for commands that ask, so that Ctrl-C ends all others at once.
  get signal() {
    if (!listening) {
      listening = true;
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onSignal);
    }
    return stop.signal;
  },
  onHangup: listener => void process.on('SIGHUP', listener),
};

function onSignal(): void {
  // The second time they mean it.
  if (stop.signal.aborted) process.exit(EXIT_INTERRUPTED);
  stop.abort();
}

function output(stream: NodeJS.WriteStream): Output {
  // Whoever read this has left (`postern … | head`): no reason to stop, least of all for the service.
  stream.on('error', error => {
    if (!('code' in error) || error.code !== 'EPIPE') throw error;
  });
  return { isTTY: stream.isTTY === true, write: text => void stream.write(text) };
}

process.exitCode = await run(process.argv.slice(2), io);
