import { readFileSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import { type LoadConfigOptions, type Loaded, loadConfig } from '../config/load.ts';
import { ConfigError, formatProblem, type Problem } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { type Content, type WatchedFile, watchFile } from '../config/watched-file.ts';
import type { Logger } from '../log/logger.ts';
import type { Compiled, Engine } from '../policy/engine.ts';
import { livePolicy, takeOver, waitingKeys } from './live-config.ts';
import { reclaim } from './reclaim.ts';

/** Two polls to see a change and that it is done, and half a second of the guest's: one of the two seconds promised. */
const POLL_MS = 200;
/** A compiler holds some 70 MiB, which nobody needs between one change and the next. */
const COMPILER_KEPT_MS = 10_000;

/** How the configuration is doing; shown by /health. */
export interface ConfigStatus {
  /** False while the file as it is now is not in force; the configuration read before is. */
  readonly ok: boolean;
  /** When the file was read last, milliseconds since 1970. */
  readonly readAt: number;
  /** When what is in force was read. */
  readonly loadedAt: number;
  /** Keys that were changed and wait for a restart. */
  readonly needsRestart: readonly string[];
}

export interface ReloaderOptions
  extends Pick<LoadConfigOptions, 'env' | 'isTerminal' | 'checkUsers' | 'lint'> {
  readonly clock: Clock;
  /**
   * Engines that compile. Another than the one that decides, so that no
   * configuration, whatever it does to the compiler, touches a decision.
   */
  readonly createEngine: () => Pick<Engine, 'compile'>;
  /** In place of `lint` for what is read later: requests wait for it, and for the change. */
  readonly liveLint?: LoadConfigOptions['lint'];
  readonly intervalMs?: number;
}

export interface Follower {
  readonly log: Logger;
  /** Puts a configuration in force, as a whole or, when it throws, not at all. */
  readonly apply: (config: Config, image: Uint8Array) => void;
  readonly onRead: (result: 'success' | 'failure') => void;
}

/** `postern.yml`, read at the start and followed from then on. */
export class ConfigReloader {
  /** As it was at the start. */
  readonly initial: Loaded<Config>;
  /** Its policy, compiled. */
  readonly initialImage: Uint8Array;
  readonly #file: string;
  readonly #options: ReloaderOptions;
  readonly #watched: WatchedFile;
  #compiler: Pick<Engine, 'compile'> | undefined;
  #cancelForget: (() => void) | undefined;
  #follower: Follower | undefined;
  #inForce: Config;
  #status: ConfigStatus;
  /** Warnings of the reading before: only new ones are worth a line. */
  #told: ReadonlySet<string>;

  /** Throws `ConfigError` when the file cannot be used. */
  constructor(file: string, options: ReloaderOptions) {
    this.#file = file;
    this.#options = options;
    const { initial, watched } = watchFile(file, {
      intervalMs: options.intervalMs ?? POLL_MS,
      // Rules that are written one after the other are other rules half-way: without `subject`, say.
      maxSettlePolls: Number.POSITIVE_INFINITY,
      onChange: content => this.#read(content),
    });
    this.#watched = watched;
    try {
      const read = this.#load(initial, options, document => document);
      this.initial = read.loaded;
      this.initialImage = read.image;
      // The next change is far off, and nobody waits for an answer yet.
      this.#forgetCompiler();
    } catch (error) {
      watched.close();
      throw error;
    }
    const now = options.clock.now();
    this.#inForce = this.initial.config;
    this.#status = { ok: true, readAt: now, loadedAt: now, needsRestart: [] };
    this.#told = new Set(this.initial.warnings.map(nameOf));
  }

  /** To be called in the step that made it: what changes later goes to `follower`. */
  follow(follower: Follower): void {
    this.#follower = follower;
  }

  status(): ConfigStatus {
    return this.#status;
  }

  /** Reads the file now, changed or not (SIGHUP). */
  reread(): Promise<void> {
    return this.#watched.reread();
  }

  close(): void {
    this.#watched.close();
    this.#cancelForget?.();
    this.#follower = undefined;
  }

  #read(content: Content): void {
    this.#status = { ...this.#status, readAt: this.#options.clock.now() };
    try {
      // The users file has its own watcher, which says what is wrong with it.
      const { liveLint } = this.#options;
      const advice = liveLint === undefined ? {} : { lint: liveLint };
      const read = this.#load(content, advice, document => livePolicy(this.#inForce, document));
      this.#take(read.loaded, read.image);
    } catch (error) {
      this.#refuse(error instanceof ConfigError ? error.problems : [this.#unexpected(error)]);
    }
  }

  #load(
    content: Content,
    { checkUsers, lint }: Pick<LoadConfigOptions, 'checkUsers' | 'lint'>,
    document: (read: Config['policy']) => Config['policy'],
  ): { loaded: Loaded<Config>; image: Uint8Array } {
    if (!content.ok) throw new ConfigError([content.problem]);
    const { env, isTerminal, createEngine, clock } = this.#options;
    this.#cancelForget?.();
    this.#cancelForget = clock.after(COMPILER_KEPT_MS, () => this.#forgetCompiler());
    const compiled: Compiled[] = [];
    const loaded = loadConfig(this.#file, {
      env,
      isTerminal,
      engine: {
        compile: policy => {
          // Not held by a variable here: what was loaded remembers this function for good.
          this.#compiler ??= createEngine();
          const result = this.#compiler.compile(document(policy));
          compiled.push(result);
          return result;
        },
      },
      ...(checkUsers === undefined ? {} : { checkUsers }),
      ...(lint === undefined ? {} : { lint }),
      // What the watcher found to be whole, not what may stand there by now.
      readFile: name => (name === this.#file ? content.bytes : readFileSync(name)),
    });
    const last = compiled.at(-1);
    if (last?.ok !== true) throw new TypeError('a configuration without errors has a policy');
    return { loaded, image: last.image };
  }

  #forgetCompiler(): void {
    this.#cancelForget?.();
    this.#cancelForget = undefined;
    this.#compiler = undefined;
    reclaim();
  }

  #take(loaded: Loaded<Config>, image: Uint8Array): void {
    const follower = this.#follower;
    if (follower === undefined) return;
    const { log, apply, onRead } = follower;
    const config = takeOver(this.#inForce, loaded.config);
    apply(config, image);
    this.#inForce = config;
    const needsRestart = waitingKeys(config, loaded.config);
    const { readAt } = this.#status;
    this.#status = { ok: true, readAt, loadedAt: readAt, needsRestart };
    const warnings = [...loaded.warnings, ...needsRestart.map(key => loaded.locate(waits(key)))];
    for (const warning of warnings) if (!this.#told.has(nameOf(warning))) log.warn(formatProblem(warning));
    this.#told = new Set(warnings.map(nameOf));
    onRead('success');
    log.info('configuration read: it is in force', { file: this.#file });
  }

  #refuse(problems: readonly Problem[]): void {
    this.#status = { ...this.#status, ok: false };
    this.#follower?.onRead('failure');
    for (const problem of problems) {
      this.#follower?.log.error(
        `the configuration cannot be used, the one read before stays in force: ${formatProblem(problem)}`,
      );
    }
  }

  /** A mistake of ours. The compiler may be broken by it: the next reading gets another. */
  #unexpected(error: unknown): Problem {
    this.#compiler = undefined;
    const name = error instanceof Error ? error.name : 'no error';
    return {
      code: 'config.unexpected',
      severity: 'error',
      path: '',
      message: `cannot be put in force for a reason that is a mistake of Postern (${name}): report it, and take the last change back`,
      file: this.#file,
    };
  }
}

/** The same warning on another line is the same. */
function nameOf({ path, message }: Problem): string {
  return `${path}: ${message}`;
}

function waits(key: string): Problem {
  return {
    code: 'config.restart',
    severity: 'warning',
    path: key,
    message: 'was changed and counts only after a restart: restart, or write the old value back',
  };
}
