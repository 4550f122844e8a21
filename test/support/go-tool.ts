import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** A program that Go builds from a module of ours, once, into `.cache`. */
export interface GoTool {
  /** Name of the binary, `caddy`. */
  readonly name: string;
  readonly version: string;
  /** Folder of the module whose `go.mod` pins the version, from the root of the repository. */
  readonly module: string;
  /** The package to build. */
  readonly main: string;
}

/** Where a program is to be had: a binary, or Go to build one. */
export type ToolSource = { readonly binary: string } | { readonly go: string };

/** The first of `variables` that is set, one built before, or Go; undefined when there is none. */
export function findTool(tool: GoTool, variables: readonly string[]): ToolSource | undefined {
  const named = variables.map(name => process.env[name]).find(Boolean);
  if (named) {
    if (!existsSync(named)) throw new Error(`no ${tool.name} at ${named}, which the environment names`);
    return { binary: named };
  }
  const built = builtAt(tool);
  if (existsSync(built)) return { binary: built };
  for (const go of ['go', '/usr/local/go/bin/go']) {
    try {
      execFileSync(go, ['version'], { stdio: 'ignore' });
      return { go };
    } catch {
      // Try the next.
    }
  }
  return undefined;
}

/** Path of a binary that runs, built where it is not there yet. */
export async function toolBinary(tool: GoTool, source: ToolSource): Promise<string> {
  if ('binary' in source) return source.binary;
  const built = builtAt(tool);
  if (existsSync(built)) return built;
  process.stderr.write(`building ${tool.name} ${tool.version}, once; this takes some minutes\n`);
  mkdirSync(dirname(built), { recursive: true });
  const unfinished = `${built}.${process.pid}`;
  await promisify(execFile)(source.go, ['build', '-ldflags=-s -w', '-o', unfinished, tool.main], {
    cwd: join(root, tool.module),
    env: { ...process.env, CGO_ENABLED: '0' },
  });
  renameSync(unfinished, built);
  return built;
}

function builtAt({ name, version }: GoTool): string {
  return join(root, '.cache', `${name}-${version}`, name);
}
