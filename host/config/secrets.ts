import { parseSecret } from '../secret/secret.ts';
import type { Environment } from './environment.ts';
import type { Problem } from './problem.ts';
import { readSecretFile } from './secret-file.ts';

export interface SecretSources {
  readonly env: Environment;
  /** `secret`, `secret_file`, `secret_previous`, `secret_previous_file` of the YAML file. */
  readonly yaml: Readonly<Record<string, unknown>>;
  /** Makes a path of the YAML file absolute. */
  readonly resolve: (path: string) => string;
  readonly readFile?: (file: string) => Uint8Array;
}

export interface Secrets {
  /** Undefined when there is a problem with it. */
  readonly secret: Uint8Array | undefined;
  readonly previousSecret: Uint8Array | undefined;
  /** `path` names the variable or key; no message holds anything of a secret. */
  readonly problems: readonly Problem[];
}

/** Finds the root secret and the one before it; a variable wins over the file. */
export function readSecrets(sources: SecretSources): Secrets {
  const problems: Problem[] = [];
  const report = (code: string, path: string, message: string, severity: 'error' | 'warning' = 'error') =>
    problems.push({ code, severity, path, message });

  const secret = readOne(sources, 'secret', problems);
  if (secret === undefined && problems.length === 0) {
    const missing = parseSecret('');
    if (!missing.ok) report(missing.problem.code, 'POSTERN_SECRET', missing.problem.message);
  }
  const previousSecret = readOne(sources, 'secret_previous', problems);
  if (secret !== undefined && previousSecret !== undefined && Buffer.compare(secret, previousSecret) === 0) {
    report(
      'secret.previous',
      'POSTERN_SECRET_PREVIOUS',
      'is the same as POSTERN_SECRET: unset it, or make a new POSTERN_SECRET with `postern secret`',
      'warning',
    );
    return { secret, previousSecret: undefined, problems };
  }
  return { secret, previousSecret, problems };
}

function readOne(sources: SecretSources, key: string, problems: Problem[]): Uint8Array | undefined {
  const variable = `POSTERN_${key.toUpperCase()}`;
  const { env, yaml } = sources;
  const fromEnv = env[variable] || undefined;
  const fileFromEnv = env[`${variable}_FILE`] || undefined;
  const inEnv = fromEnv !== undefined || fileFromEnv !== undefined;
  const [name, fileName] = inEnv ? [variable, `${variable}_FILE`] : [key, `${key}_file`];
  const value = inEnv ? fromEnv : yaml[key];
  const file = inEnv ? fileFromEnv : yaml[`${key}_file`];
  const report = (code: string, path: string, message: string): undefined => {
    problems.push({ code, severity: 'error', path, message });
  };

  if (value !== undefined && file !== undefined) {
    return report('secret.twice', name, `both \`${name}\` and \`${fileName}\` are set: keep one`);
  }
  if (value === undefined && file === undefined) return undefined;
  if (file !== undefined) {
    if (typeof file !== 'string' || file.trim() === '') {
      return report('config.value', fileName, 'must be the path of a file');
    }
    const path = inEnv ? file : sources.resolve(file);
    const read = readSecretFile({ name: file, path, key: name }, sources.readFile);
    if (!read.ok) return report(read.code, fileName, read.message);
    return check(read.text, fileName, `${path}: `);
  }
  // The value itself is never shown, whatever it is.
  return check(typeof value === 'string' ? value : '?', name, '');

  function check(text: string, path: string, where: string): Uint8Array | undefined {
    const parsed = parseSecret(text);
    return parsed.ok ? parsed.key : report(parsed.problem.code, path, where + parsed.problem.message);
  }
}
