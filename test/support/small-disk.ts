import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith } from './component.ts';

/** A tmpfs of a fixed size, to be filled. */
export interface SmallDisk {
  readonly path: string;
  /** Takes all room there is; to be called again when others gave some back. */
  fill(): void;
  /** Gives back what `fill` took. */
  free(): void;
  unmount(): void;
}

const PAGE = 4_096;
const FILLER = 'filler-';

/** `describe` where tmpfs can be mounted: by root with the right to, which containers often lack. */
export function describeSmallDisk(title: string, body: (mount: (kib: number) => SmallDisk) => void): void {
  describeWith(
    'the right to mount a tmpfs',
    'Run the tests as root, in a container with CAP_SYS_ADMIN.',
    canMount() ? mountSmallDisk : undefined,
    title,
    body,
  );
}

function canMount(): boolean {
  try {
    mountSmallDisk(64).unmount();
    return true;
  } catch {
    return false;
  }
}

function mountSmallDisk(kib: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'postern-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k,mode=750`, 'tmpfs', path], { stdio: 'ignore' });
  } catch (error) {
    rmdirSync(path);
    throw error;
  }
  let fillers = 0;
  return {
    path,
    fill() {
      for (;;) {
        const name = join(path, `${FILLER}${fillers++}`);
        try {
          writeFileSync(name, Buffer.alloc(PAGE));
        } catch {
          rmSync(name, { force: true });
          return;
        }
      }
    },
    free() {
      for (const name of readdirSync(path)) if (name.startsWith(FILLER)) rmSync(join(path, name));
    },
    unmount() {
      // Lazily: a process that is being stopped may still have a file open.
      execFileSync('umount', ['-l', path]);
      rmdirSync(path);
    },
  };
}
