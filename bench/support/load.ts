import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Load over loopback, bounded in time; every answer must be 200. */
export interface Load {
  readonly name: string;
  run(target: Target, seconds: number): Promise<LoadFigures>;
}

export interface LoadFigures {
  readonly requests: number;
  /** Per second. */
  readonly rps: number;
  /** 99th percentile in milliseconds. */
  readonly p99: number;
}

export interface Target {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Values of `Authorization` in turn; without any, none is sent. */
  readonly authorizations: readonly string[];
}

/** Headers of each of a target's requests. */
export function requestHeaders({ headers, authorizations }: Target): Readonly<Record<string, string>>[] {
  if (authorizations.length === 0) return [{ ...headers }];
  return authorizations.map(Authorization => ({ ...headers, Authorization }));
}

const CONNECTIONS = 16;

export function findLoad(folder: string): Load {
  try {
    execFileSync('wrk', ['-v'], { stdio: 'ignore' });
    return wrk(folder, 'wrk');
  } catch (error) {
    // wrk -v ends with 1 where it is.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return wrk(folder, 'wrk');
  }
  try {
    const autocannon = createRequire(join(process.cwd(), 'package.json'))('autocannon') as Autocannon;
    return fromAutocannon(autocannon);
  } catch {
    throw new Error(
      'this suite needs wrk (apt-get install wrk) or autocannon (npm install --no-save autocannon)',
    );
  }
}

function wrk(folder: string, command: string): Load {
  return {
    name: 'wrk',
    async run(target, seconds) {
      const script = join(folder, 'load.lua');
      writeFileSync(script, luaScript(target));
      const args = [
        '-t1',
        `-c${CONNECTIONS}`,
        `-d${seconds}s`,
        '-s',
        script,
        `http://127.0.0.1:${target.port}`,
      ];
      const { stdout } = await promisify(execFile)(command, args, { timeout: (seconds + 30) * 1_000 });
      const figures = /^FIGURES (\d+) (\d+) (\d+) (\d+)$/m.exec(stdout)?.slice(1).map(Number);
      if (figures === undefined) throw new Error(`wrk said nothing of use:\n${stdout}`);
      const [requests = 0, microseconds = 1, failures = 0, p99 = 0] = figures;
      if (failures > 0 || requests === 0) throw new Error(`${failures} of ${requests} requests failed`);
      return { requests, rps: requests / (microseconds / 1e6), p99: p99 / 1_000 };
    },
  };
}

/** All requests made beforehand, so that every case costs wrk the same. JSON's strings are Lua's. */
function luaScript(target: Target): string {
  const requests = requestHeaders(target).map(headers => {
    const lines = Object.entries(headers);
    return `GET ${target.path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  });
  return `local requests = { ${requests.map(request => JSON.stringify(request)).join(', ')} }
local turn = 0
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
function done(summary, latency)
  local e = summary.errors
  local failures = e.connect + e.read + e.write + e.status + e.timeout
  print(string.format("FIGURES %d %d %d %d", summary.requests, summary.duration, failures, latency:percentile(99)))
end
`;
}

type Autocannon = (options: object) => Promise<{
  readonly requests: { readonly total: number };
  readonly latency: { readonly p99: number };
  readonly duration: number;
  readonly non2xx: number;
  readonly errors: number;
}>;

function fromAutocannon(autocannon: Autocannon): Load {
  return {
    name: 'autocannon',
    async run(target, seconds) {
      const { requests, latency, duration, non2xx, errors } = await autocannon({
        url: `http://127.0.0.1:${target.port}`,
        connections: CONNECTIONS,
        duration: seconds,
        requests: requestHeaders(target).map(headers => ({ path: target.path, headers })),
      });
      if (non2xx + errors > 0) throw new Error(`${non2xx + errors} of ${requests.total} requests failed`);
      return { requests: requests.total, rps: requests.total / duration, p99: latency.p99 };
    },
  };
}
