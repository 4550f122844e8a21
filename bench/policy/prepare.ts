import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Compiled, Engine, Principal, Proof } from '../../host/policy/engine.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { type GuestFiles, publishGuestFiles } from '../support/guest-directory.ts';
import { type Case, documentOf, REQUESTS } from './shapes.ts';

/** Room for the one grant there is; the default would be 16 MiB for each case. */
const SLOTS = 256;
/** Compilations of one case: as many as fit the time, and no more than the number. */
const COMPILATIONS = 9;
const COMPILATION_MS = 3_000;

export interface Prepared {
  readonly case: Case;
  /** For messages and the Go program. */
  readonly name: string;
  readonly compileMs: readonly number[];
  /** Undefined when the host's compiler refuses the policy. */
  readonly files: GuestFiles | undefined;
  /** Why it refuses, empty when it does not. */
  readonly problem: string;
}

/** Compiles a case as the host does, has the engine judge its requests, and publishes it below `home`. */
export function prepare(item: Case, home: string, principal: Principal): Prepared {
  const name = `${item.shape}-${item.size}`;
  // Of its own: an engine that ran out of room is good for nothing more.
  const engine = loadEngine(join(process.cwd(), 'dist/embed.wasm'));
  const { compiled, compileMs } = compile(engine, item);
  if (!compiled.ok) {
    const [first] = compiled.problems;
    const problem = `${first?.code} at ${first?.path || 'the whole'}: ${first?.message}`;
    return { case: item, name, compileMs: [], files: undefined, problem };
  }
  checkPositions(engine, compiled.image, item, name, principal);
  const directory = join(home, name);
  mkdirSync(directory);
  const files = publishGuestFiles(directory, compiled.image, [principal], SLOTS);
  return { case: item, name, compileMs, files, problem: '' };
}

function compile(engine: Engine, item: Case): { compiled: Compiled; compileMs: number[] } {
  const document = { access_control: documentOf(item) };
  const compileMs: number[] = [];
  for (;;) {
    const start = performance.now();
    const compiled = tried(() => engine.compile(document));
    compileMs.push(performance.now() - start);
    const spent = compileMs.reduce((sum, ms) => sum + ms, 0);
    if (!compiled.ok || compileMs.length === COMPILATIONS || spent > COMPILATION_MS)
      return { compiled, compileMs };
  }
}

/** A compiler that ends in a trap refuses, too. */
function tried(work: () => Compiled): Compiled {
  try {
    return work();
  } catch (error) {
    return {
      ok: false,
      problems: [{ code: 'trap', severity: 'error', path: '', message: String(error) }],
    };
  }
}

/** The engine names the rule that decides, the guest does not. */
function checkPositions(engine: Engine, image: Uint8Array, item: Case, name: string, principal: Principal) {
  engine.load(image);
  const proof: Proof = item.isSignedIn ? { kind: 'proved', principal, level: 1 } : { kind: 'none' };
  for (const which of REQUESTS) {
    for (const { domain, path, position } of item.requests[which]) {
      const target = { method: 'GET', scheme: 'https', host: domain, uri: path, client: '192.0.2.10' };
      const decision = engine.decide(target, proof);
      if (decision.verdict === 'bad-request' || decision.position !== position)
        throw new Error(
          `${name}: ${which} is decided by ${JSON.stringify(decision)}, not by rule ${position}`,
        );
    }
  }
}
