import type { Environment } from './environment.ts';
import { REDIS_SECRETS, variableOf } from './keys.ts';
import { NOTIFIER_SECRETS } from './notifier.ts';
import type { Problem } from './problem.ts';
import { readSecretFile } from './secret-file.ts';

/**
 * Passwords and keys for other services: each may be given as it is, or as the
 * file that holds it (`…_file`, `POSTERN_…_FILE`).
 */
export const SECRET_TEXTS: readonly string[] = [
  'elasticsearch.password',
  'elasticsearch.api_key',
  ...REDIS_SECRETS,
  ...NOTIFIER_SECRETS,
  'storage.postgres.password',
];

export interface SecretTextSources {
  readonly env: Environment;
  /** Values of the YAML file by path. */
  readonly yaml: ReadonlyMap<string, unknown>;
  /** Makes a path of the YAML file absolute. */
  readonly resolve: (path: string) => string;
  readonly readFile?: (file: string) => Uint8Array;
}

/** `POSTERN_ELASTICSEARCH_PASSWORD`, `POSTERN_ELASTICSEARCH_PASSWORD_FILE`, … */
export function secretVariables(): string[] {
  return SECRET_TEXTS.flatMap(path => [variableOf(path), `${variableOf(path)}_FILE`]);
}

/** One of `SECRET_TEXTS`; undefined when it is absent, or reported. No message holds anything of it. */
export function readSecretText(
  { env, yaml, resolve, readFile }: SecretTextSources,
  path: string,
  problems: Problem[],
): string | undefined {
  const variable = variableOf(path);
  const inEnv = Boolean(env[variable] || env[`${variable}_FILE`]);
  const [name, fileName] = inEnv ? [variable, `${variable}_FILE`] : [path, `${path}_file`];
  const value = inEnv ? env[variable] || undefined : yaml.get(path);
  const file = inEnv ? env[fileName] || undefined : yaml.get(fileName);
  const report = (code: string, at: string, message: string): undefined => {
    problems.push({ code, severity: 'error', path: at, message });
  };
  if (value !== undefined && file !== undefined) {
    return report('secret.twice', name, `both \`${name}\` and \`${fileName}\` are set: keep one`);
  }
  if (file === undefined) {
    if (value === undefined || (typeof value === 'string' && value !== '')) return value;
    if (value === '') return report('config.value', name, 'is empty: write it, or remove the key');
    // YAML reads `password: 12345` as a number, whose text may be another.
    return report('config.value', name, 'must be a text: write it in quotation marks');
  }
  if (typeof file !== 'string' || file.trim() === '') {
    return report('config.value', fileName, 'must be the path of a file');
  }
  const where = inEnv ? file : resolve(file);
  const read = readSecretFile({ name: file, path: where, key: name }, readFile);
  if (!read.ok) return report(read.code, fileName, read.message);
  // Editors and `echo` end a file with a line break.
  const text = read.text.replace(/\r?\n$/, '');
  return text === '' ? report('config.value', fileName, `${where}: is empty`) : text;
}
