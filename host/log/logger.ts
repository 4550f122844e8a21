import { pino } from 'pino';
import { printable } from './printable.ts';
import { formatText } from './text.ts';

export type Level = 'error' | 'warn' | 'info' | 'debug';
export const LEVELS: readonly Level[] = ['error', 'warn', 'info', 'debug'];

/**
 * Everything a log line may say besides its message. The list is closed: a
 * password, header or key has no name here, so it cannot be logged by spreading
 * the wrong object. Add a name only for what anybody may read.
 */
export const FIELDS = [
  // What was asked for. `path` is without its query: applications put tokens there.
  'method',
  'scheme',
  'host',
  'path',
  'peer',
  'client',
  'status',
  'reason',
  // What was decided.
  'verdict',
  'policy',
  'rule',
  'user',
  'factors',
  'kind',
  // What happened inside.
  'code',
  'error',
  'hint',
  'file',
  'line',
  'key',
  'directory',
  'address',
  'version',
  'signal',
  'users',
  'changed',
  'slots',
  'bytes',
  'count',
  // How often since the line before, see rate-limit.ts.
  'repeated',
  'limit',
  'id',
  'duration_ms',
] as const;

export type Fields = { readonly [name in (typeof FIELDS)[number]]?: string | number | boolean };

/** Structured log. Messages are constant texts; what varies goes into fields. */
export interface Logger {
  error(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  debug(message: string, fields?: Fields): void;
  isEnabled(level: Level): boolean;
}

/** A logger whose level can be changed while it runs. */
export interface LevelLogger extends Logger {
  setLevel(level: Level): void;
}

export interface LoggerOptions {
  readonly level: Level;
  readonly format: 'text' | 'json';
  /** For the text format. */
  readonly colour: boolean;
  /** Takes whole lines. */
  readonly write: (line: string) => void;
  readonly now?: () => Date;
}

/** Each entry is one line, with its line break. */
export function createLogger(options: LoggerOptions): LevelLogger {
  const now = options.now ?? (() => new Date());
  const emit = options.format === 'json' ? jsonEmitter(options, now) : textEmitter(options, now);
  let rank = LEVELS.indexOf(options.level);
  const at = (level: Level) => {
    const own = LEVELS.indexOf(level);
    return (message: string, fields?: Fields) => {
      if (own <= rank) emit(level, printable(message), clean(fields));
    };
  };
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    isEnabled: level => LEVELS.indexOf(level) <= rank,
    setLevel(level) {
      rank = LEVELS.indexOf(level);
    },
  };
}

/** Drops everything; for tests and for commands that have no log. */
export const silentLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  isEnabled: () => false,
};

type Clean = Record<string, string | number | boolean>;
type Emit = (level: Level, message: string, fields: Clean) => void;

function textEmitter(options: LoggerOptions, now: () => Date): Emit {
  return (level, message, fields) =>
    options.write(formatText({ time: now(), level, message, fields, colour: options.colour }));
}

function jsonEmitter(options: LoggerOptions, now: () => Date): Emit {
  const log = pino(
    {
      // Which levels are wanted is decided above.
      level: 'debug',
      // No process id and host name: the container's log has both.
      base: null,
      timestamp: () => `,"time":"${now().toISOString()}"`,
      formatters: { level: label => ({ level: label }) },
    },
    { write: line => options.write(line) },
  );
  return (level, message, fields) => log[level](fields, message);
}

/** Only named fields, only plain values, nothing that a client could forge lines or colours with. */
function clean(fields: Fields | undefined): Clean {
  const out: Clean = {};
  if (fields === undefined) return out;
  for (const name of FIELDS) {
    const value = fields[name];
    if (value === undefined || value === null) continue;
    out[name] = typeof value === 'number' || typeof value === 'boolean' ? value : printable(String(value));
  }
  return out;
}
