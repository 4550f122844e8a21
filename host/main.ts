// First: see there.
import './log/libraries-quiet.ts';
import { availableParallelism } from 'node:os';
import { EXIT_OK, EXIT_PROBLEM, type Io, type Output } from './cli/io.ts';
import { run } from './cli/program.ts';

/** Code of a process that its user interrupted twice (128 + SIGINT). */
const EXIT_INTERRUPTED = 130;

// Before anything uses libuv's pool: verifications take as many threads as there are cores, files need some too.
process.env.UV_THREADPOOL_SIZE ??= String(availableParallelism() + 2);

const stop = new AbortController();
let listening = false;
let lost = false;

const io: Io = {
  env: process.env,
  stdin: {
    isTTY: process.stdin.isTTY === true,
    setRawMode: raw => void process.stdin.setRawMode(raw),
    [Symbol.asyncIterator]: () => process.stdin[Symbol.asyncIterator](),
  },
  stdout: output(process.stdout, onLost),
  // A log on a full disk is no reason to stop answering, and there is nobody left to tell.
  stderr: output(process.stderr, () => {}),
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

/** Nobody may take what did arrive for all there is. */
function onLost(error: Error): void {
  if (!lost) io.stderr.write(`error: cannot write standard output: ${error.message}\n`);
  lost = true;
  process.exitCode = EXIT_PROBLEM;
}

function output(stream: NodeJS.WriteStream, onError: (error: Error) => void): Output {
  stream.on('error', error => {
    // Whoever read this has left (`postern … | head`): no reason to stop, least of all for the service.
    if (!('code' in error) || error.code !== 'EPIPE') onError(error);
  });
  return { isTTY: stream.isTTY === true, write: text => void stream.write(text) };
}

const code = await run(process.argv.slice(2), io);
process.exitCode = lost && code === EXIT_OK ? EXIT_PROBLEM : code;
