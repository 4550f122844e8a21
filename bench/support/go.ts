import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const CANDIDATES = ['go', '/usr/local/go/bin/go'];

export interface Go {
  readonly version: string;
  /** Builds in `folder` (below bench/) with `args`, to `.cache/bench/<name>`; answers that path. */
  build(folder: string, name: string, args: readonly string[]): string;
}

/** The Go on this machine; throws with what to do when there is none. */
export function findGo(): Go {
  for (const command of CANDIDATES) {
    let version: string;
    try {
      version = execFileSync(command, ['version'], { encoding: 'utf8' }).split(' ')[2] ?? '';
    } catch {
      continue;
    }
    return {
      version,
      build(folder, name, args) {
        const cache = join(process.cwd(), '.cache/bench');
        mkdirSync(cache, { recursive: true });
        const output = join(cache, name);
        execFileSync(command, [...args, '-o', output, '.'], {
          cwd: join(process.cwd(), 'bench', folder),
          env: { ...process.env, CGO_ENABLED: '0' },
          stdio: ['ignore', 'inherit', 'inherit'],
        });
        return output;
      },
    };
  }
  throw new Error('this suite needs Go: install it from https://go.dev/dl/');
}
