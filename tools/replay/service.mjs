import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const postern = fileURLToPath(new URL('../../dist/postern.mjs', import.meta.url));

/**
 * Starts the real program on a copy of a configuration and the YAML files beside it, with address, directory
 * and secret of its own: `{ port, stop() }`. A copy, because database and messages lie beside the configuration.
 */
export async function startService(configuration) {
  const directory = mkdtempSync(join(tmpdir(), 'postern-replay-'));
  const port = await freePort();
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: directory,
    POSTERN_SERVER_ADDRESS: `tcp://127.0.0.1:${port}`,
  };
  const secret = await output(['secret', '--out', join(directory, 'secret')], env);
  if (secret.code !== 0) throw new Error(secret.text);
  const copy = join(directory, 'configuration');
  cpSync(dirname(configuration), copy, {
    recursive: true,
    filter: path => path === dirname(configuration) || ['.yml', '.yaml'].includes(extname(path)),
  });
  const config = join(copy, basename(configuration));
  const child = spawn(process.execPath, [postern, 'serve', '--config', config], {
    env: {
      ...env,
      POSTERN_SECRET_FILE: join(directory, 'secret'),
      POSTERN_GUEST_DIRECTORY: join(directory, 'guest'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const ready = new Promise((resolve, reject) => {
    const add = chunk => {
      text += chunk;
      if (text.includes('listening on')) resolve();
    };
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    child.once('exit', code => reject(new Error(`postern serve ended with ${code}:\n${text}`)));
  });
  try {
    await ready;
  } catch (error) {
    rmSync(directory, { recursive: true });
    throw error;
  }
  return {
    port,
    stop: () =>
      new Promise(resolve => {
        child.once('exit', () => {
          rmSync(directory, { recursive: true, force: true });
          resolve();
        });
        child.kill('SIGTERM');
      }),
  };
}

function output(args, env) {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [postern, ...args], { env });
    let text = '';
    child.stdout.on('data', chunk => (text += chunk));
    child.stderr.on('data', chunk => (text += chunk));
    child.once('exit', code => resolve({ code, text }));
  });
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
