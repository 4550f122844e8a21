import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Linux's `perf` over a program whose compiled WebAssembly has its names in a map (perf-<pid>.map). */

const run = promisify(execFile);
const BUFFER = 64 * 1024 * 1024;
const MAPS = '/tmp';

/** Share of the samples that each function has, and what the program printed. */
export interface Samples {
  readonly output: string;
  readonly shares: ReadonlyMap<string, number>;
}

export async function sample(
  folder: string,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Samples> {
  const data = join(folder, 'perf.data');
  const before = new Set(maps());
  const { stdout: output } = await run(
    'perf',
    ['record', '-q', '-e', 'cpu-clock', '-F', '2500', '-o', data, program, ...args],
    { env: { ...process.env, ...env }, maxBuffer: BUFFER, timeout: 300_000 },
  ).catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      error.code === 'ENOENT'
        ? 'this suite needs perf (apt-get install linux-perf)'
        : `perf record: ${error.message}`,
    );
  });
  const made = maps().filter(map => !before.has(map));
  for (const map of made) keepLast(map);
  const { stdout } = await run(
    'perf',
    ['report', '-i', data, '--stdio', '--no-children', '--sort', 'symbol'],
    { maxBuffer: BUFFER },
  );
  for (const map of made) unlinkSync(map);
  const shares = new Map<string, number>();
  for (const [, share = '', symbol = ''] of stdout.matchAll(/^\s+([\d.]+)%\s+(\[.\] .+?)\s*$/gm)) {
    // A function of a guest has a label for each piece of it.
    const name = symbol.replace(/^(\[.\]) \[\d+\/\d+\]\.(.*?)(:::.*)?$/, '$1 wasm:$2');
    shares.set(name, (shares.get(name) ?? 0) + Number(share));
  }
  return { output, shares };
}

function maps(): string[] {
  return readdirSync(MAPS)
    .filter(name => /^perf-\d+\.map$/.test(name))
    .map(name => join(MAPS, name));
}

/** Code that was let go leaves its lines behind, and what came later lies in the same place: the last line is right. */
function keepLast(path: string): void {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .flatMap(line => {
      const [, from = '', size = ''] = /^([0-9a-f]+) ([0-9a-f]+) /.exec(line) ?? [];
      return from === '' ? [] : [{ line, from: Number.parseInt(from, 16), size: Number.parseInt(size, 16) }];
    })
    .map((entry, order) => ({ ...entry, order }))
    .sort((a, b) => a.from - b.from || b.order - a.order);
  const kept: typeof lines = [];
  for (const entry of lines) {
    let last = kept.at(-1);
    let covered = false;
    while (last !== undefined && last.from + last.size > entry.from && !covered) {
      if (last.order > entry.order) covered = true;
      else kept.pop();
      last = kept.at(-1);
    }
    if (!covered) kept.push(entry);
  }
  writeFileSync(path, `${kept.map(({ line }) => line).join('\n')}\n`);
}
